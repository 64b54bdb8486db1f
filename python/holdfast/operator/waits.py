"""What a request that goes on waits for, in words. Pure."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.operator import format as fmt
from holdfast.operator.request import Json, Request

WORDS = {
    "person": "approval",
    "delay": "its delay",
    "fee": "lower fees",
    "chain": "its chain",
    "signer": "the signer",
}
# What a request goes through by itself, in a moment.
PASSING = frozenset({"authorising", "authorised", "signed"})
PASSING_MS = 2_000
# What is sent is mined within a few blocks, or hangs.
SENT = "sent"
MINED_MS = 60_000


class Waits(NamedTuple):
    """What a request waits for.

    `what` in words, `why` (empty where nothing more is known), since when and until when (ms, None
    where it does not continue or end by itself).
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
        if request.state == SENT:
            return Waits("a block", "", _ms(request.raw, "since"), None)
        return None
    what = str(given.get("for", ""))
    why = fmt.safe(given.get("why") or "", 300)
    since, until = _ms(given, "since"), _ms(given, "until")
    return Waits(WORDS.get(what) or fmt.safe(what, 24), why, since, until)


def hangs(request: Request, now_ms: int) -> bool:
    """It is on its way to the chain for longer than that takes."""
    if request.state not in PASSING and request.state != SENT:
        return False
    waits, usual = waits_of(request), MINED_MS if request.state == SENT else PASSING_MS
    since = _ms(request.raw, "since") if waits is None else waits.since
    return since is not None and now_ms - since > usual


def why(request: Request, now_ms: int) -> str:
    """Why it does not go on, or what to do where it hangs in the chain.

    Empty where that is not known.
    """
    waits = waits_of(request)
    if waits is None:
        return ""
    waited = waits.for_ms(now_ms)
    if request.state == SENT and waited is not None and hangs(request, now_ms):
        name = fmt.safe(request.id, 24)
        return (
            f"sent, not mined for {fmt.duration(waited)}: `holdfast bump {name}` raises the fee, "
            f"`holdfast cancel {name}` cancels it"
        )
    return waits.why


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
    line = "waits to be mined" if request.state == SENT else f"waits for {waits.what}"
    if waited is not None:
        line += f" for {fmt.elapsed(waited)}"
    if request.state == SENT and waits.since is not None:
        line += f", since {fmt.stamp(waits.since)}"
    if left is not None:
        how = "continues" if request.state == "waiting-delay" else "ends"
        line += f"; {how} by itself in {fmt.countdown(left)}"
    return line


def _ms(given: Json, name: str) -> int | None:
    value = given.get(name)
    return value if isinstance(value, int) else None
