"""What one agent may cost the others: bytes of its calls, bytes of the journal, time of the loop.

Payments that the policy allows are bounded by its limits and cost nothing here, unless one is
large. Budgets grow with the agent's `requests_per_minute`, which the operator sets.
"""

from __future__ import annotations

from collections.abc import Callable

from holdfast.service.agents.agent import Agent
from holdfast.service.agents.settings import GateConfig
from holdfast.service.runtime.token_bucket import TokenBucket

# The rate the budgets of config.toml are meant for: the default of `requests_per_minute`.
REQUESTS_PER_MINUTE = 6_000
# What a record of an allowed payment may have before it counts.
RECORD_BYTES_FREE = 4_096
# The order and the signed bytes of a large payment are as large as its decision.
RECORD_COPIES = 3
# A share of the loop that was not used is kept for this long.
SHARE_SECONDS_KEPT = 5.0

Time = Callable[[], float]


class AgentBudget:
    """The budgets of one agent. `now` is monotonic seconds everywhere."""

    __slots__ = ("_journal", "_journal_at", "_params", "_params_at", "checks", "reads", "share")

    def __init__(self, agent: Agent, config: GateConfig, reads_per_minute: int, now: float) -> None:
        scale = max(1.0, agent.requests_per_minute / REQUESTS_PER_MINUTE)
        share = config.core_ms_per_second / 1000
        self._params = TokenBucket(config.params_bytes_per_minute * scale, now)
        self._journal = TokenBucket(config.journal_bytes_per_minute * scale, now)
        # From when on there is something again.
        self._params_at = self._journal_at = now
        self.checks = TokenBucket(agent.requests_per_minute, now)
        self.reads = TokenBucket(reads_per_minute, now)
        self.share = TokenBucket(share * 60, now, share * SHARE_SECONDS_KEPT)

    def admit(self, size: int, now: float) -> str | None:
        """A call with params of this size came; why it is refused unread, None if it is not."""
        over = self.admit_read(size, now)
        if over is None and now < self._journal_at:
            return "too many journal bytes within a minute"
        return over

    def admit_read(self, size: int, now: float) -> str | None:
        """The same for a call that leaves no record."""
        left = self._params.charge(size, now)
        if now < self._params_at:
            return "too many bytes of calls within a minute"
        if left <= 0:
            self._params_at = now + self._params.wait_s(now)
        return None

    def recorded(self, records: list[bytes], now: float, *, allowed: bool) -> None:
        """A call left these records."""
        size = sum(map(len, records))
        if allowed:
            size = (size - RECORD_BYTES_FREE) * RECORD_COPIES
        if size > 0:
            self._charge_journal(size, now)

    def came_to_nothing(self, now: float) -> None:
        """A call that was allowed failed, or was not answered."""
        self._charge_journal(RECORD_BYTES_FREE // 2, now)

    def _charge_journal(self, size: int, now: float) -> None:
        if self._journal.charge(size, now) <= 0:
            self._journal_at = now + self._journal.wait_s(now)


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
            fresh = AgentBudget(agent, self._config, self._reads_per_minute, self.time())
            known = self._known[agent.id] = (agent.requests_per_minute, fresh)
        return known[1]
