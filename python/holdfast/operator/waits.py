"""What a request that goes on waits for, in words. Pure."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.operator import format as fmt
from holdfast.operator.request import Json, Request

WORDS = {
    "person": "a person",
    "delay": "its delay",
    "fee": "lower fees",
    "chain": "its chain",
    "signer": "the signer",
}
# What a request goes through by itself, in a moment.
PASSING = frozenset({"authorising", "authorised", "signed"})
PASSING_MS = 2_000


class Waits(NamedTuple):
    """`what` in words, `why` (empty where nothing more is known), since when and until when (ms,
    None where it does not go on or end by itself).
    """

    what: str
    why: str
    since: int | None
    until: int | None

    def for_ms(self, now_ms: int) -> int | None:
        """How long it has waited."""
        return None if self.since is None else max(0, now_ms - self.since)


def waits_of(request: Request) -> Waits | None:
    """None for a request that waits for nothing, or of which that is not known."""
    given = request.raw.get("waits")
    if not isinstance(given, dict):
        return None
    what = str(given.get("for", ""))
    why = fmt.safe(given.get("why") or "", 300)
    since, until = _ms(given, "since"), _ms(given, "until")
    return Waits(WORDS.get(what) or fmt.safe(what, 24), why, since, until)


def hangs(request: Request, now_ms: int) -> bool:
    """It is on its way to the chain for longer than that takes."""
    waits = waits_of(request)
    if waits is None or request.state not in PASSING:
        return False
    waited = waits.for_ms(now_ms)
    return waited is not None and waited > PASSING_MS


def left_ms(request: Request, now_ms: int) -> int | None:
    """Until it goes on or ends by itself; None where it does not."""
    waits = waits_of(request)
    until = request.deadline if waits is None else waits.until
    return None if until is None else until - now_ms


def waits_line(request: Request, now_ms: int) -> str:
    """`waits for lower fees for 0:14; ends by itself in 9:46`; empty where it waits for nothing."""
    waits = waits_of(request)
    if waits is None:
        return ""
    waited, left = waits.for_ms(now_ms), left_ms(request, now_ms)
    line = f"waits for {waits.what}"
    if waited is not None:
        line += f" for {fmt.elapsed(waited)}"
    if left is not None:
        how = "goes on" if request.state == "waiting-delay" else "ends"
        line += f"; {how} by itself in {fmt.countdown(left)}"
    return line


def _ms(given: Json, name: str) -> int | None:
    value = given.get(name)
    return value if isinstance(value, int) else None
