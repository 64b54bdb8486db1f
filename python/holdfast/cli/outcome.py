"""What became of a request that was just approved: a moment is mostly enough to know."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from holdfast.cli.output import line, say

if TYPE_CHECKING:
    from holdfast.cli.link import Link
    from holdfast.operator.request import Request

WAIT_S = 8.0
LOOK_S = 0.1
# It ended, and what was approved did not happen.
IN_VAIN = frozenset({"failed", "denied", "expired", "cancelled", "frozen", "dropped", "reverted"})


def await_outcome(link: Link, ident: str) -> Request:
    """The request once it is sent, signed for its agent, ended or waits for a person again.

    At the latest after 8 s, as it is then.
    """
    from holdfast.operator.request import Request
    from holdfast.operator.waits import PASSING

    deadline = time.monotonic() + WAIT_S
    while True:
        request = Request.read(link.object("request", id=ident))
        if request.state not in PASSING or time.monotonic() > deadline:
            return request
        time.sleep(LOOK_S)


def print_outcome(link: Link, request: Request) -> None:
    """Its state and hash on stdout; in words what it still waits for, or why it ended."""
    from holdfast.operator import format as fmt
    from holdfast.operator import waits

    ident, word = request.id, request.mark.word
    line(f"{ident}  {word}  {fmt.safe(request.raw.get('hash') or '', 80)}".rstrip())
    if request.state in IN_VAIN:
        rows = request.rows("history")
        why = fmt.safe(rows[-1].get("text") or "", 400) if rows else ""
        say(f"{ident} is {word}{': ' if why else ''}{why}")
        return
    now_ms = int(link.object("status")["now_ms"])
    words = [waits.waits_line(request, now_ms), waits.why(request, now_ms)]
    if missing := request.quorum - request.approvals if request.pending else 0:
        words.insert(0, f"{missing} more of {request.quorum} approvals needed")
    say("; ".join(each for each in words if each) or f"see it with `holdfast show {ident}`")
