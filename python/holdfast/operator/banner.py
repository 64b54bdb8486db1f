"""Which one state the whole screen is in, most severe first. Pure."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.operator import format as fmt
from holdfast.operator.alarms import CRITICAL, Alarm, alarms
from holdfast.operator.describe import scope_text
from holdfast.operator.model import Model
from holdfast.operator.request import Json


class Banner(NamedTuple):
    """`kind` names the theme's colours; `word` is read from across the room; `text` says why."""

    kind: str
    glyph: str
    word: str
    text: str

    @property
    def alarming(self) -> bool:
        return self.kind != "live"


def connecting(model: Model) -> bool:
    """Nothing was ever heard from the guardian."""
    return model.link.heard is None


def banner(model: Model, mono: float) -> Banner:
    """The one state of the screen.

    SEALED beats STALE beats FROZEN beats DISK LOW beats CRITICAL beats POLICY ALARM beats LIVE.
    """
    status, grave = model.status, _grave(model)
    if status.sealed is not None:
        return Banner("sealed", "✗", "SEALED", fmt.safe(status.sealed, 200))
    stale = model.link.stale_s(mono)
    if stale is not None:
        error = fmt.safe(model.link.error, 160)
        if connecting(model):
            return Banner("stale", "~", "CONNECTING", error or "waiting for the guardian")
        word = f"STALE {int(stale)} s" + (" · FROZEN" if status.freezes else "")
        return Banner("stale", "~", word, error or "no answer from the guardian")
    if status.freezes:
        freezes = sorted(status.freezes, key=_stops_less)
        widest = freezes[0]
        scopes = scope_text(widest.get("scope"))
        why = fmt.safe(widest.get("reason") or "no reason given", 120)
        by = fmt.safe(widest.get("actor") or "?", 40)
        more = f" · +{len(freezes) - 1} more" if len(freezes) > 1 else ""
        word = "FROZEN · CRITICAL" if grave else "FROZEN"
        return Banner("frozen", "■", word, f"{scopes} · {why} · by {by}{more}")
    disk = status.health.get("disk")
    if isinstance(disk, dict) and disk.get("low"):
        return Banner(
            "alarm", "!", "DISK LOW", f"agents are refused · {fmt.safe(disk['low'], 200)}"
        )
    if grave:
        mark = grave[0].mark
        more = f"+{len(grave) - 1} more · " if len(grave) > 1 else ""
        return Banner("alarm", mark.glyph, mark.word, f"{more}{grave[0].text}")
    alarm = status.policy.get("alarm")
    if alarm:
        return Banner(
            "alarm", "!", "POLICY ALARM", f"last good policy kept · {fmt.safe(alarm, 200)}"
        )
    if not status.policy.get("digest"):
        return Banner("alarm", "!", "NO POLICY", "everything is denied until a policy loads")
    name = fmt.safe(status.policy.get("name") or "policy", 40)
    return Banner("live", "●", "LIVE", f"policy {name}")


def _stops_less(freeze: Json) -> tuple[int, int]:
    """Freezes that stop the most come first, of equal ones the newest."""
    kind = str((freeze.get("scope") or {}).get("kind"))
    order = ("everything", "agent", "wallet")
    place = order.index(kind) if kind in order else len(order)
    return place, -int(freeze.get("freeze") or 0)


def _grave(model: Model) -> list[Alarm]:
    """What is critical and has no word of its own here."""
    return [each for each in alarms(model) if each.severity == CRITICAL and not each.own_word]
