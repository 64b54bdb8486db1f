"""How the daemon is, for the health push.

The journal, the policy, the chains, the signer, the alerts, the code of pinned contracts and the
prices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.service.config_file import ConfigFile
from holdfast.service.guardian.core import Core
from holdfast.service.guardian.policy_file import PolicyFile
from holdfast.service.journal.disk import Disk
from holdfast.service.runtime.conditions import Conditions
from holdfast.service.signer.client import Signer

if TYPE_CHECKING:
    from holdfast.service.agents.listener import Gate
    from holdfast.service.alerts.reader import Alerts
    from holdfast.service.chain.chain import Chains
    from holdfast.service.facts.code import CodeFacts
    from holdfast.service.facts.prices.facts import PriceFacts
    from holdfast.service.guardian.journal_alarm import JournalAlarm
    from holdfast.service.pipeline.nonce_watch import NonceWatch

Json = dict[str, Any]

STARTING = "starting"
NO_ALERTS: Json = {"pending": 0, "failed": 0, "last_error": None}


class Health:
    """Collects what each part says of itself. Parts that are not there yet are `starting`."""

    def __init__(self, core: Core, policy: PolicyFile, disk: Disk) -> None:
        self._core = core
        self._policy = policy
        self.config: ConfigFile | None = None
        self._disk = disk
        self.signer: Signer | None = None
        self.chains: Chains | None = None
        self.alerts: Alerts | None = None
        self.gate: Gate | None = None
        self.code: CodeFacts | None = None
        self.prices: PriceFacts | None = None
        self.journal: JournalAlarm | None = None
        self.conditions = Conditions(core.clock.now_ms)
        self.nonces: NonceWatch | None = None

    def report(self) -> Json:
        """The `health` object (docs/architecture.md, 7)."""
        return {
            "now_ms": self._core.clock.now_ms(),
            "seq": self._core.durable_size - 1,
            "sealed": self._core.sealed,
            "policy_alarm": self._policy.alarm,
            "config_alarm": None if self.config is None else self.config.alarm,
            "disk": self._disk.health(),
            "alerts": NO_ALERTS if self.alerts is None else self.alerts.health(),
            "chains": [] if self.chains is None else self.chains.health(),
            "signer": self._signer(),
            "code": [] if self.code is None else self.code.alarms(),
            "prices": [] if self.prices is None else self.prices.alarms(),
            "journal": [] if self.journal is None else self.journal.alarms(),
            "conditions": self.conditions.report(),
            "nonces": [] if self.nonces is None else self.nonces.report(),
            "sockets": [] if self.gate is None else self.gate.alarms(),
            "turned_away": self.turned_away(),
            "connections": self.connections(),
        }

    def connections(self) -> dict[str, int]:
        """How many clients of each agent are connected."""
        doors = {} if self.gate is None else self.gate.doors
        return {agent: len(door.connections) for agent, door in doors.items()}

    def turned_away(self) -> dict[str, int]:
        """How many connections to each agent's socket were refused since it was opened."""
        doors = {} if self.gate is None else self.gate.doors
        return {agent: door.turned_away.total for agent, door in doors.items()}

    def sockets(self) -> dict[str, str]:
        """The path of each agent's socket that is open."""
        doors = {} if self.gate is None else self.gate.doors
        return {agent: str(door.path) for agent, door in doors.items()}

    def alert_report(self) -> Json:
        """The answer of the operator method `alerts`."""
        return {"pending": 0, "failed": []} if self.alerts is None else self.alerts.report()

    def _signer(self) -> Json:
        if self.signer is None:
            return {"ok": False, "text": STARTING}
        if not self.signer.alive:
            return {"ok": False, "text": "the signer ended: start the guardian again"}
        return {"ok": True, "text": ""}
