"""Everything that is not well, in one order: the most severe first. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from holdfast.operator import format as fmt
from holdfast.operator.model import Model
from holdfast.operator.request import Json
from holdfast.operator.states import Mark

TEXT_MAX = 2_000
CRITICAL = "critical"
# In the order they are listed. The word of the guardian's conditions, and of alerts.
SEVERITIES: dict[str, Mark] = {
    CRITICAL: Mark("alarm bold", "✗", "CRITICAL"),
    "action": Mark("alarm", "✗", "ACTION"),
    "warning": Mark("warn", "!", "WARNING"),
}
_RANK = {name: rank for rank, name in enumerate(SEVERITIES)}
# Parts of `health` that list `{code, text}` without a severity of their own.
_PARTS = {"journal": CRITICAL, "sockets": "action", "code": "action", "prices": "action"}


@dataclass(frozen=True, slots=True)
class Alarm:
    """What is wrong, what to do and since when; all display-safe.

    `step` is empty where `text` says it, `since` is ms or None where that is not known. `own_word`
    has its own word in the banner.
    """

    severity: str
    text: str
    step: str = ""
    since: int | None = None
    own_word: bool = False

    @property
    def mark(self) -> Mark:
        return SEVERITIES[self.severity]


def alarms(model: Model) -> list[Alarm]:
    """All that holds now; those of one severity stay in the guardian's order."""
    return sorted(_found(model), key=lambda each: _RANK[each.severity])


def _found(model: Model) -> Iterator[Alarm]:
    health, status = model.status.health, model.status
    if status.sealed is not None:
        yield _alarm(CRITICAL, f"sealed: {status.sealed}", own_word=True)
    conditions = _rows(health.get("conditions"))
    yield from map(_condition, conditions)
    yield from _parts(health, {str(each.get("code")) for each in conditions})
    if alarm := status.policy.get("alarm"):
        step = "fix policy.toml, then `holdfast policy apply`; the last good policy is in force"
        yield _alarm(CRITICAL, f"policy: {alarm}", step, own_word=True)
    yield from _chains(health, conditions)


def _condition(row: Json) -> Alarm:
    severity, since = str(row.get("severity")), row.get("since_ms")
    return _alarm(
        # A severity that this console does not know is none to make light of.
        severity if severity in SEVERITIES else CRITICAL,
        row.get("text") or row.get("code") or "alarm",
        row.get("next"),
        since if isinstance(since, int) else None,
    )


def _parts(health: Json, told: set[str]) -> Iterator[Alarm]:
    alerts = health.get("alerts") or {}
    if failed := alerts.get("failed"):
        words = f"{failed} alerts failed {alerts.get('last_error') or ''}".rstrip()
        yield _alarm("action", words, "`holdfast alerts` lists them")
    if fault := health.get("config_alarm"):
        yield _alarm("action", fault)
    for name, severity in _PARTS.items():
        for row in _rows(health.get(name)):
            yield _alarm(severity, row.get("text") or "alarm")
    disk = health.get("disk") or {}
    if low := disk.get("low"):
        step = "free some space, or raise `bytes_max`; agents are refused until then"
        yield _alarm(CRITICAL, f"disk: {low}", step, own_word=True)
    elif text := disk.get("text"):
        yield _alarm("action", f"disk: {text}")
    signer = health.get("signer") or {}
    if signer and not signer.get("ok", True) and "signer_gone" not in told:
        yield _alarm(CRITICAL, f"signer {signer.get('text') or 'down'}")


def _chains(health: Json, conditions: list[Json]) -> Iterator[Alarm]:
    """Chains that no endpoint serves, and endpoints that are down.

    Only those that no condition names already.
    """
    told = {
        each.get("chain_id") for each in conditions if str(each.get("code")).startswith("endpoint_")
    }
    for chain in _rows(health.get("chains")):
        if not chain.get("ok", True):
            why = f": {chain['text']}" if chain.get("text") else ""
            text = f"chain {chain.get('chain_id')} is down{why}"
            yield _alarm("action", text, "`holdfast status` names each endpoint and its fault")
        elif chain.get("chain_id") not in told:
            for each in _rows(chain.get("endpoints")):
                if not each.get("ok", True):
                    yield _alarm("warning", f"{each.get('name')} {each.get('text')}")


def _alarm(
    severity: str,
    text: object,
    step: object = None,
    since: int | None = None,
    *,
    own_word: bool = False,
) -> Alarm:
    safe = fmt.safe(str(text), TEXT_MAX)
    return Alarm(severity, safe, fmt.safe(str(step or ""), TEXT_MAX), since, own_word)


def _rows(value: object) -> list[Json]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
