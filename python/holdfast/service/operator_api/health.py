"""How the daemon is, for the health push.

The journal, the policy, the chains, the signer, the alerts, the code of pinned contracts and the
prices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from holdfast.service.guardian.core import Core
from holdfast.service.guardian.policy_file import PolicyFile
from holdfast.service.journal.disk import Disk
from holdfast.service.runtime.conditions import Conditions
from holdfast.service.signer.client import Signer

if TYPE_CHECKING:
    from holdfast.secrets.authority import SignedCommand
    from holdfast.service.chain.chain import Chains
    from holdfast.service.facts.code import CodeFacts
    from holdfast.service.facts.prices.facts import PriceFacts
    from holdfast.service.guardian.journal_alarm import JournalAlarm
    from holdfast.service.guardian.shadow import Shadow
    from holdfast.service.pipeline.nonce_watch import NonceWatch

Json = dict[str, Any]

STARTING = "starting"
NO_ALERTS: Json = {"pending": 0, "failed": 0, "last_error": None}


class AgentSockets(Protocol):
    """The agents' sockets. Each table has one entry an agent whose socket is open."""

    def alarms(self) -> list[Json]:
        """Sockets that are not as they should be."""

    def connections(self) -> dict[str, int]:
        """How many clients of each agent are connected."""

    def turned_away(self) -> dict[str, int]:
        """How many connections to each agent's socket were refused since it was opened."""

    def sockets(self) -> dict[str, str]:
        """The path of each agent's socket."""


class AlertQueue(Protocol):
    """The alerts on their way."""

    def health(self) -> Json:
        """How many are pending and failed, and the last error."""

    def report(self) -> Json:
        """The answer of the operator method `alerts`."""


class SignedConfig(Protocol):
    """config.toml as an operator signed it."""

    alarm: str | None

    async def apply(self, core: Core, text: str, signed: SignedCommand) -> dict[str, object]:
        """Puts a signed configuration in force. Raises ConfigError and PolicyRejected."""


class Health:
    """Collects what each part says of itself. Parts that are not there yet are `starting`."""

    def __init__(self, core: Core, policy: PolicyFile, disk: Disk) -> None:
        self._core = core
        self._policy = policy
        self.config: SignedConfig | None = None
        self._disk = disk
        self.signer: Signer | None = None
        self.chains: Chains | None = None
        self.alerts: AlertQueue | None = None
        self.gate: AgentSockets | None = None
        self.code: CodeFacts | None = None
        self.prices: PriceFacts | None = None
        self.journal: JournalAlarm | None = None
        self.conditions = Conditions(core.clock.now_ms)
        self.nonces: NonceWatch | None = None
        self.shadow: Shadow | None = None

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
        return {} if self.gate is None else self.gate.connections()

    def turned_away(self) -> dict[str, int]:
        """How many connections to each agent's socket were refused since it was opened."""
        return {} if self.gate is None else self.gate.turned_away()

    def sockets(self) -> dict[str, str]:
        """The path of each agent's socket that is open."""
        return {} if self.gate is None else self.gate.sockets()

    def alert_report(self) -> Json:
        """The answer of the operator method `alerts`."""
        if self.alerts is None:
            return {"pending": 0, "failed": [], "failed_count": 0}
        return self.alerts.report()

    def shadow_report(self) -> Json:
        """The answer of the operator method `shadow`."""
        if self.shadow is None:
            return {"candidate": None, "error": None, "differences": []}
        return self.shadow.report()

    def _signer(self) -> Json:
        if self.signer is None:
            return {"ok": False, "text": STARTING}
        if not self.signer.alive:
            return {"ok": False, "text": "the signer ended: restart the guardian"}
        return {"ok": True, "text": ""}
