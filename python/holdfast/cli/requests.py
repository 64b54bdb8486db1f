"""Requests of the running guardian: `pending show approve deny`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.asking import (
    DigestOption,
    ReasonOption,
    RequestArgument,
    agree,
    ask_about,
    faults_of,
)
from holdfast.cli.options import (
    HomeOption,
    JsonOption,
    KeyOption,
    PassphraseCommand,
    PassphraseFd,
    existing,
    source,
)
from holdfast.cli.outcome import IN_VAIN, await_outcome, print_outcome
from holdfast.cli.output import Failure, emit, line, say, table
from holdfast.cli.showing import NOT_AS_SHOWN, print_request

if TYPE_CHECKING:
    from holdfast.operator.request import Request

FullOption = Annotated[
    bool,
    typer.Option("--full", help="Also print the signed content in full."),
]
PENDING_COLUMNS = ("request", "agent", "state", "for", "left", "waits for", "what")


def pending(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the pending requests.

    It lists requests that wait for approval, a delay, lower fees, the chain or the signer, or to be
    mined for more than a minute; for how long, and when they continue or end by themselves.

    Example:

        holdfast pending --json
    """
    from holdfast.cli.link import Link
    from holdfast.operator import waits
    from holdfast.operator.request import Request

    with Link(existing(home).operator_socket) as link:
        snapshot = link.object("subscribe", backlog=0).get("snapshot") or {}
        now_ms = int((snapshot.get("status") or {}).get("now_ms", 0))
    found = map(Request.read, snapshot.get("requests") or [])
    waiting = [each for each in found if each.pending or waits.hangs(each, now_ms)]
    if as_json:
        for each in waiting:
            emit(each.raw)
        return
    table(PENDING_COLUMNS, [_row(each, now_ms) for each in waiting])
    for each in waiting:
        if words := waits.why(each, now_ms):
            say(f"{each.id}: {words}")
    say(f"{len(waiting)} pending")


def _row(request: Request, now_ms: int) -> tuple[str, ...]:
    from holdfast.operator import format as fmt
    from holdfast.operator import waits

    known = waits.waits_of(request)
    waited = None if known is None else known.for_ms(now_ms)
    return (
        request.id,
        fmt.safe(request.agent, 32),
        request.mark.word,
        "?" if waited is None else fmt.elapsed(waited),
        fmt.countdown(waits.left_ms(request, now_ms)),
        "?" if known is None else known.what,
        request.summary,
    )


def show(
    ident: RequestArgument,
    full: FullOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one request: its effects, the decision and its history.

    Long messages and documents are cut, with a count of what is missing; --full prints all.

    Example:

        holdfast show r12 --full
    """
    from holdfast.cli.link import Link

    with Link(existing(home).operator_socket) as link:
        view = link.object("request", id=ident)
        faults = faults_of(link, view)
        now_ms = int(link.object("status")["now_ms"])
    if as_json:
        emit(view)
    else:
        print_request(view, faults, full=full, now_ms=now_ms)
    if faults:
        raise Failure(f"{ident}: {faults[0]}", code=NOT_AS_SHOWN)


def approve(
    ident: RequestArgument,
    digest: DigestOption = None,
    reason: ReasonOption = None,
    passphrase_fd: PassphraseFd = None,
    passphrase_command: PassphraseCommand = None,
    key: KeyOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve one request, bound to exactly what is shown. Needs the operator key.

    It shows the request (all of it, where its lines are cut) and asks as the console does; with
    --digest it does not ask, and answers only if the request is still the one you saw. Then it
    waits a moment and prints what became of the request: its hash once it is sent, or what it
    waits for. Exit 1 when it ended without what you approved.

    Example:

        holdfast approve r12
    """
    keys = (passphrase_fd, passphrase_command, key)
    _answer("approve", ident, digest, reason, keys, home, as_json)


def deny(
    ident: RequestArgument,
    digest: DigestOption = None,
    reason: ReasonOption = None,
    passphrase_fd: PassphraseFd = None,
    passphrase_command: PassphraseCommand = None,
    key: KeyOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Deny one request. Needs the operator key.

    Example:

        holdfast deny r12 --reason "unknown payee"
    """
    keys = (passphrase_fd, passphrase_command, key)
    _answer("deny", ident, digest, reason, keys, home, as_json)


def _answer(
    action: Any,
    ident: str,
    digest: str | None,
    reason: str | None,
    keys: tuple[int | None, str | None, Path | None],
    home: Any,
    as_json: bool,
) -> None:
    from holdfast.cli.commands import send_command
    from holdfast.cli.link import Link

    place = existing(home)
    with Link(place.operator_socket) as link:
        asked = ask_about(link, ident, digest, action, whole=action == "approve")
        agree(asked, digest)
        named: dict[str, Any] = {"request": ident, "digest": asked.digest}
        fd, command, path = keys
        secret = source(fd, command)
        named |= {"reason": reason, "key_path": path}
        result = send_command(link, place, secret, action, **named)
        if action == "deny":
            _print_denied(ident, result, as_json)
            return
        became = await_outcome(link, ident)
        if as_json:
            hashed = {"hash": became.raw.get("hash")}
            emit({"request": ident, "action": action, **result, "state": became.state, **hashed})
        else:
            print_outcome(link, became)
    if became.state in IN_VAIN:
        raise typer.Exit(1)


def _print_denied(ident: str, result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        emit({"request": ident, "action": "deny", **result})
    else:
        line(f"{ident}  {result.get('state') or 'denied'}")
