"""What one agent may cost the others: bytes of its calls, bytes of the journal, time of the loop.

Payments that the policy allows are bounded by its limits and cost nothing here, unless one is
large. Budgets grow with the agent's `requests_per_minute`, which the operator sets.
"""

from __future__ import annotations

from collections.abc import Callable

from holdfast.service.agents import Agent
from holdfast.service.config import GateConfig
from holdfast.service.rate import Rate

# The rate the budgets of config.toml are meant for: the default of `requests_per_minute`.
REQUESTS_PER_MINUTE = 6_000
# What a record of an allowed payment may have before it counts.
RECORD_BYTES_FREE = 4_096
# What a call may take of the loop before it counts.
CALL_SECONDS_FREE = 0.002
# A share of the loop that was not used is kept for this long.
SHARE_SECONDS_KEPT = 5.0

Time = Callable[[], float]


class AgentBudget:
    """The budgets of one agent."""

    __slots__ = ("_journal", "_params", "_time", "checks", "reads", "share")

    def __init__(self, agent: Agent, config: GateConfig, reads_per_minute: int, time: Time) -> None:
        now = time()
        scale = max(1.0, agent.requests_per_minute / REQUESTS_PER_MINUTE)
        share = config.core_ms_per_second / 1000
        self._time = time
        self._params = Rate(config.params_bytes_per_minute * scale, now)
        self._journal = Rate(config.journal_bytes_per_minute * scale, now)
        self.checks = Rate(agent.requests_per_minute, now)
        self.reads = Rate(reads_per_minute, now)
        self.share = Rate(share * 60, now, share * SHARE_SECONDS_KEPT)

    def over(self) -> str | None:
        """Why a call is refused unread, None if it is not."""
        now = self._time()
        if self._params.left(now) <= 0:
            return "too many bytes of calls in a minute"
        if self._journal.left(now) <= 0:
            return "too many bytes of the journal in a minute"
        return None

    def sent(self, params: bytes) -> None:
        """A call of this size came."""
        self._params.charge(len(params), self._time())

    def recorded(self, records: list[bytes], *, allowed: bool) -> None:
        """A call left these records."""
        size = sum(map(len, records))
        if allowed:
            size -= RECORD_BYTES_FREE
        if size > 0:
            self._journal.charge(size, self._time())

    def spend(self, seconds: float) -> None:
        """The agent used the loop for nothing."""
        self.share.charge(seconds, self._time())


class Budgets:
    """All agents' budgets; a changed policy begins new ones."""

    def __init__(self, config: GateConfig, reads_per_minute: int, time: Time) -> None:
        """`time` gives monotonic seconds."""
        self.time = time
        self._config = config
        self._reads_per_minute = reads_per_minute
        self._known: dict[str, tuple[int, AgentBudget]] = {}

    def of(self, agent: Agent) -> AgentBudget:
        """The budgets of an agent."""
        known = self._known.get(agent.id)
        if known is None or known[0] != agent.requests_per_minute:
            fresh = AgentBudget(agent, self._config, self._reads_per_minute, self.time)
            known = self._known[agent.id] = (agent.requests_per_minute, fresh)
        return known[1]
