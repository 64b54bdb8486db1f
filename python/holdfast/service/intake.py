"""The one way of agents' calls into the core: within budgets, and with room on the disk.

What is refused here is refused before anything is decoded.
"""

from __future__ import annotations

import orjson

from holdfast._core import Applied
from holdfast.service.agents import Agent
from holdfast.service.budgets import CALL_SECONDS_FREE, Budgets
from holdfast.service.config import GateConfig
from holdfast.service.core import Core
from holdfast.service.disk import Disk
from holdfast.service.errors import DENIED, CallError
from holdfast.service.outside_facts import OutsideFacts

_TYPED = "eth_signTypedData"


class Declined(RuntimeError):
    """A call that is refused without a record."""

    def __init__(self, error: CallError) -> None:
        super().__init__(error.message)
        self.error = error


class Intake:
    """Submits and checks for agents."""

    def __init__(
        self, core: Core, facts: OutsideFacts, budgets: Budgets, disk: Disk, config: GateConfig
    ) -> None:
        self._core = core
        self._facts = facts
        self._budgets = budgets
        self._disk = disk
        self._config = config
        self._time = budgets.time

    def submit(self, agent: Agent, method: str, params: bytes) -> Applied:
        """`Guard.submit` with the facts of this moment. Raises Declined, Sealed, HoldfastError."""
        refused = self._refuse(agent, method, params)
        if refused is not None:
            return refused
        begun = self._time()
        facts = self._facts.of_agent(agent.id)
        applied = self._core.submit(agent.id, method, params, facts)
        self._account(agent, applied, begun)
        return applied

    def submit_signed(self, agent: Agent, payload: bytes, signature: bytes) -> Applied:
        """`Guard.submit_signed`, likewise."""
        refused = self._refuse(agent, "holdfast_request", payload)
        if refused is not None:
            return refused
        begun = self._time()
        facts = self._facts.of_agent(agent.id)
        applied = self._core.submit_signed(agent.id, payload, signature, facts)
        self._account(agent, applied, begun)
        return applied

    def check(self, agent: Agent, method: str, params: bytes) -> bytes | None:
        """`Guard.check`; None over the agent's rate. Raises HoldfastError."""
        budget = self._budgets.of(agent)
        budget.sent(params)
        if not budget.checks.take(self._time()) or budget.over() or self._too_large(method, params):
            return None
        begun = self._time()
        try:
            facts = self._facts.of_agent(agent.id)
            return self._core.check(agent.id, method, params, facts)
        finally:
            self._spend(agent, begun)

    def refuse(self, agent: Agent, method: str, params: bytes, code: str, text: str) -> Applied:
        """`Guard.refuse` within the budgets. Raises Declined, Sealed, HoldfastError."""
        return self._refuse(agent, method, params) or self._recorded(
            agent, self._core.refuse(agent.id, method, params, code, text)
        )

    def _refuse(self, agent: Agent, method: str, params: bytes) -> Applied | None:
        """What is refused unread."""
        low = self._disk.low
        if low is not None:
            raise Declined(disk_low(low))
        budget = self._budgets.of(agent)
        budget.sent(params)
        over = budget.over()
        if over is not None:
            return self._core.refuse(agent.id, method, params, "rate_limited", over)
        most = self._too_large(method, params)
        if most:
            text = f"size: params of this method have at most {most} bytes"
            return self._recorded(
                agent, self._core.refuse(agent.id, method, params, "malformed", text)
            )
        return None

    def _too_large(self, method: str, params: bytes) -> int:
        """The bound that the params are over, 0 if none."""
        typed = method.startswith(_TYPED)
        most = self._config.typed_bytes_max if typed else self._config.params_bytes_max
        return most if len(params) > most else 0

    def _recorded(self, agent: Agent, applied: Applied) -> Applied:
        self._budgets.of(agent).recorded(applied.records, allowed=False)
        return applied

    def _account(self, agent: Agent, applied: Applied, begun: float) -> None:
        allowed = applied.status not in ("denied", "refused")
        records = applied.records
        if records:
            self._budgets.of(agent).recorded(records, allowed=allowed)
        if not allowed:
            self._spend(agent, begun)

    def _spend(self, agent: Agent, begun: float) -> None:
        """Time beyond `CALL_SECONDS_FREE` is charged where turns are given."""
        spent = min(self._time() - begun, CALL_SECONDS_FREE)
        self._budgets.of(agent).spend(spent)


def disk_low(text: str) -> CallError:
    """The refusal while there is no room on the disk."""
    data = {
        "status": "refused",
        "code": "disk_low",
        "reasons": [{"code": "disk_low"}],
        "text": text,
    }
    return CallError(DENIED, f"refused: disk_low: {text}", orjson.dumps(data))
