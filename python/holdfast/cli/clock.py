"""`holdfast clock ...`: the guardian's time, and an operator's word for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import typer

from holdfast.cli.options import (
    HomeOption,
    JsonOption,
    PassphraseCommand,
    PassphraseFd,
    existing,
    source,
)
from holdfast.cli.output import Failure, emit, line, table
from holdfast.operator.format import stamp

if TYPE_CHECKING:
    from holdfast.cli.link import Link

# The clocks of chains and of this machine may be so far apart.
TOLERANCE_MS = 60_000
WORDS = {
    "confirmed": "the guardian's time is the system's clock",
    "unconfirmed": "the system's clock is ahead, and nothing confirms it: the guardian does not "
    "follow it",
    "ahead": "the guardian's time is ahead of the system's clock: it continues from there",
}

app = typer.Typer(name="clock", invoke_without_command=True)


@app.callback()
def clock(context: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show the guardian's time, or set it.

    It shows the guardian's time, the system's clock, the time of each chain's newest block, and
    which of them the guardian trusts.

    Example:

        holdfast clock
    """
    from holdfast.cli.link import Link

    if context.invoked_subcommand is not None:
        return
    with Link(existing(home).operator_socket) as link:
        found = link.object("clock")
    if as_json:
        emit(found)
        return
    _show(found)


def _show(found: dict[str, Any]) -> None:
    from holdfast.operator import format as fmt

    line(f"guardian  {stamp(found['now_ms'])}")
    line(f"system    {stamp(found['wall_ms'])}")
    for each in found.get("chains") or []:
        at = each.get("block_ms")
        line(f"chain     {'no answer' if at is None else stamp(at)}  {each.get('chain_id')}")
    line(f"state     {WORDS.get(str(found.get('state')), fmt.safe(found.get('state'), 40))}")


@app.command("set")
def set_(
    passphrase_fd: PassphraseFd = None,
    passphrase_command: PassphraseCommand = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set the guardian's time to the system's clock. Needs the operator key.

    Check the system's clock first. A step forward ends limit windows earlier; after a step back,
    spending stays counted until its window ends by the new clock.

    Example:

        holdfast clock set
    """
    from holdfast.cli.commands import send_command
    from holdfast.cli.link import Link

    place = existing(home)
    with Link(place.operator_socket) as link:
        _refuse_behind(link)
        before = int(link.object("status")["now_ms"])
        keys = source(passphrase_fd, passphrase_command)
        began = time.monotonic()
        result = send_command(link, place, keys, "clock", to_ms=wall_ms)
        before += round((time.monotonic() - began) * 1000)
        now = int(link.object("status")["now_ms"])
    if as_json:
        emit({"before_ms": before, "now_ms": now, **result})
        return
    table(("", "guardian's time"), [("before", stamp(before)), ("now", stamp(now))])


def wall_ms() -> int:
    """The system's clock, ms."""
    return time.time_ns() // 1_000_000


def _refuse_behind(link: Link) -> None:
    """No block is from the future: then the system's clock is wrong."""
    for each in link.object("clock").get("chains") or []:
        at = each.get("block_ms")
        if at is not None and at > wall_ms() + TOLERANCE_MS:
            text = (
                f"chain {each.get('chain_id')} has a block from {stamp(at)}, but the system's "
                f"clock says {stamp(wall_ms())}: correct the system's clock first"
            )
            raise Failure(text, code="clock_behind")
