"""The one way of agents' calls into the core: within budgets, and with room on the disk.

What is refused here is refused before anything is decoded.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import orjson

from holdfast._core import Applied, Event, Facts, HoldfastError
from holdfast.codes import Code
from holdfast.service.agents.agent import Agent
from holdfast.service.agents.budgets import AgentBudget, Budgets
from holdfast.service.agents.errors import DENIED, CallError
from holdfast.service.agents.settings import GateConfig
from holdfast.service.facts.code import NO_FACTS
from holdfast.service.facts.gather import FactSources
from holdfast.service.guardian.core import Core
from holdfast.service.journal.disk import Disk
from holdfast.service.runtime.turns import CALL_SECONDS_FREE

_TYPED = "eth_signTypedData"
# Requests whose end is waited for; more of them are not counted.
OPEN_MAX = 65_536
# Calls of one agent for which contracts are asked at the same time.
READINGS_MAX = 2
_PAID = "request.signed"
_ENDS = frozenset(
    {
        _PAID,
        "freeze.set",
        "request.cancelled",
        "request.denied",
        "request.expired",
        "request.failed",
    }
)


# What is done with what contracts said.
Then = Callable[[Facts], None]


class Declined(RuntimeError):
    """A call that is refused without a record."""

    def __init__(self, error: CallError) -> None:
        super().__init__(error.message)
        self.error = error


class Intake:
    """Submits and checks for agents."""

    def __init__(
        self, core: Core, facts: FactSources, budgets: Budgets, disk: Disk, config: GateConfig
    ) -> None:
        self._core = core
        self._facts = facts
        self._budgets = budgets
        self._disk = disk
        self._config = config
        self._time = budgets.time
        self._open: dict[str, Agent] = {}
        self._readings: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._least_max = min(config.typed_bytes_max, config.params_bytes_max)
        self.params_bytes_max = config.params_bytes_max
        core.listen(self._durable)

    def read_first(self, agent: Agent, method: str, params: bytes, then: Then) -> None:
        """Calls `then` with what contracts say to a call; at once where none has to be asked."""
        if not self._facts.reads_contracts:
            then(NO_FACTS)
            return
        facts = self._facts.of_agent(agent.id)
        large = self._too_large(method, params)
        asked = None if large else self._facts.questions(agent.id, method, params, facts)
        self._read(agent, asked, then)

    def read_first_signed(self, agent: Agent, payload: bytes, signature: bytes, then: Then) -> None:
        """The same for a call in a signed envelope."""
        if not self._facts.reads_contracts:
            then(NO_FACTS)
            return
        facts = self._facts.of_agent(agent.id)
        large = self._too_large("holdfast_request", payload)
        signed = self._facts.questions_signed
        self._read(agent, None if large else signed(agent.id, payload, signature, facts), then)

    def _read(self, agent: Agent, asked: bytes | None, then: Then) -> None:
        # What is not read grants nothing, so a crowd is decided without.
        if asked is None or self._readings[agent.id] >= READINGS_MAX:
            then(NO_FACTS)
            return

        async def read() -> None:
            try:
                then(await self._facts.readings.of(asked))
            finally:
                self._readings[agent.id] -= 1

        self._readings[agent.id] += 1
        task = asyncio.create_task(read(), name="readings")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def submit(self, agent: Agent, method: str, params: bytes, read: Facts = NO_FACTS) -> Applied:
        """`Guard.submit` with the facts of this moment. Raises Declined, Sealed, HoldfastError."""
        budget, now = self._budgets.of(agent), self._time()
        refused = self._refuse(agent, budget, method, params, now)
        if refused is not None:
            return refused
        facts = self._facts.of_agent(agent.id, read)
        applied = self._core.submit(agent.id, method, params, facts)
        self._account(agent, budget, applied, now)
        return applied

    def submit_signed(
        self, agent: Agent, payload: bytes, signature: bytes, read: Facts = NO_FACTS
    ) -> Applied:
        """`Guard.submit_signed`, likewise."""
        budget, now = self._budgets.of(agent), self._time()
        refused = self._refuse(agent, budget, "holdfast_request", payload, now)
        if refused is not None:
            return refused
        facts = self._facts.of_agent(agent.id, read)
        applied = self._core.submit_signed(agent.id, payload, signature, facts)
        self._account(agent, budget, applied, now)
        return applied

    def may_check(self, agent: Agent, method: str, params: bytes) -> bool:
        """Whether `check` is within the agent's rate, which it then counts under."""
        budget, now = self._budgets.of(agent), self._time()
        if budget.admit(len(params), now) is not None or not budget.checks.take(now):
            return False
        return not self._too_large(method, params)

    def check(self, agent: Agent, method: str, params: bytes, read: Facts = NO_FACTS) -> bytes:
        """`Guard.check`, of a call that `may_check`. Raises HoldfastError."""
        budget, now = self._budgets.of(agent), self._time()
        try:
            facts = self._facts.of_agent(agent.id, read)
            return self._core.check(agent.id, method, params, facts)
        finally:
            self._spend(budget, now)

    def open_signed(
        self, agent: Agent, payload: bytes, signature: bytes
    ) -> tuple[int, dict[str, Any]]:
        """`Guard.open_signed` within the budget of checks, and the time in ms it was judged at.

        Raises HoldfastError, also `rate_limited`.
        """
        budget, begun = self._budgets.of(agent), self._time()
        if budget.admit(len(payload), begun) is not None or not budget.checks.take(begun):
            raise HoldfastError(Code.RATE_LIMITED, "too many calls: retry later")
        try:
            now = self._core.clock.now_ms()
            opened = self._core.guard.open_signed(agent.id, payload, signature, now)
            # Not orjson: integers of typed data have any size.
            return now, json.loads(opened)
        finally:
            self._spend(budget, begun)

    def refuse(self, agent: Agent, method: str, params: bytes, code: str, text: str) -> Applied:
        """`Guard.refuse` within the budgets. Raises Declined, Sealed, HoldfastError."""
        budget, now = self._budgets.of(agent), self._time()
        refused = self._refuse(agent, budget, method, params, now)
        if refused is not None:
            return refused
        applied = self._core.refuse(agent.id, method, params, code, text)
        budget.recorded(applied.records, now, allowed=False)
        return applied

    def _refuse(
        self, agent: Agent, budget: AgentBudget, method: str, params: bytes, now: float
    ) -> Applied | None:
        """What is refused unread."""
        low = self._disk.low_at(now)
        if low is not None:
            raise Declined(disk_low(low))
        over = budget.admit(len(params), now)
        if over is not None:
            return self._core.refuse(agent.id, method, params, Code.RATE_LIMITED, over)
        most = self._too_large(method, params)
        if not most:
            return None
        text = f"params of this method have at most {most} bytes"
        applied = self._core.refuse(agent.id, method, params, Code.MALFORMED, text)
        budget.recorded(applied.records, now, allowed=False)
        return applied

    def _too_large(self, method: str, params: bytes) -> int:
        """The bound that the params are over, 0 if none."""
        size = len(params)
        if size <= self._least_max:
            return 0
        typed = method.startswith(_TYPED)
        most = self._config.typed_bytes_max if typed else self._config.params_bytes_max
        return most if size > most else 0

    def _account(self, agent: Agent, budget: AgentBudget, applied: Applied, begun: float) -> None:
        if applied.status in ("go", "waiting"):
            budget.recorded(applied.records, begun, allowed=True)
            if applied.request_id is not None and len(self._open) < OPEN_MAX:
                self._open[applied.request_id] = agent
            return
        budget.recorded(applied.records, begun, allowed=False)
        self._spend(budget, begun)

    def _durable(self, events: list[Event]) -> None:
        """What is allowed and comes to nothing gives its limits back, so no limit bounds it."""
        for event in events:
            if event.kind not in _ENDS:
                continue
            for request_id in event.requests:
                agent = self._open.pop(request_id, None)
                if agent is not None and event.kind != _PAID:
                    self._budgets.of(agent).came_to_nothing(self._time())

    def _spend(self, budget: AgentBudget, begun: float) -> None:
        """Time beyond `CALL_SECONDS_FREE` is charged where turns are given."""
        now = self._time()
        spent = now - begun
        budget.share.charge(min(CALL_SECONDS_FREE, spent), now)


def disk_low(text: str) -> CallError:
    """The refusal while there is no room on the disk."""
    data = {
        "status": "refused",
        "code": Code.DISK_LOW,
        "reasons": [{"code": Code.DISK_LOW}],
        "text": text,
    }
    return CallError(DENIED, f"refused: disk_low: {text}", orjson.dumps(data))
