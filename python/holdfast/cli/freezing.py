"""Stopping and going on: `holdfast freeze` and `holdfast thaw`."""

from __future__ import annotations

import difflib
import os
import pwd
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.link import Link
from holdfast.cli.options import (
    HomeOption,
    JsonOption,
    PassphraseCommand,
    PassphraseFd,
    existing,
    source,
)
from holdfast.cli.output import Failure, emit, line, say
from holdfast.codes import Code
from holdfast.wording import safe

if TYPE_CHECKING:
    from holdfast.service.home.folder import Home

FREEZE_TIMEOUT_S = 5.0


def freeze(
    agent: Annotated[str | None, typer.Option("--agent", help="Only this agent.")] = None,
    wallet: Annotated[str | None, typer.Option("--wallet", help="Only this wallet.")] = None,
    reason: Annotated[
        str, typer.Option("--reason", help="The reason, for the journal.")
    ] = "stopped by hand",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop signing now: everything, or one agent or wallet. Needs no key.

    If no guardian answers, the command creates the file FREEZE in its home. It freezes everything:
    immediately if the guardian does run, otherwise at its next start.

    Example:

        holdfast freeze --agent shopper --reason "it talks to strangers"
    """
    if agent and wallet:
        raise Failure("give --agent or --wallet, not both", code="usage", exit_code=2)
    scope = {"kind": "everything"}
    if agent or wallet:
        scope = {"kind": "agent" if agent else "wallet", "id": agent or wallet or ""}
    place = existing(home)
    try:
        with Link(place.operator_socket, FREEZE_TIMEOUT_S) as link:
            result = link.object("freeze", scope=scope, reason=reason, actor=_actor())
            # The freeze comes first: a name that is wrong must not cost the time to look for it.
            unknown = _unknown(link, scope)
    except Failure as failure:
        if failure.code not in ("no_guardian", Code.SEALED, "bad_answer"):
            raise
        _drop_file(place, reason, failure, as_json)
        return
    if as_json:
        more = {"unknown": unknown} if unknown else {}
        emit({"frozen": "guardian", "scope": scope, **result, **more})
    elif result.get("freeze") is None:
        line("frozen  at the next start")
        say("The guardian is sealed: it signs nothing now and will start frozen.")
    else:
        line(f"frozen  {result.get('freeze')}")
        say(f"Lift it with `holdfast thaw {result.get('freeze')}`.")
    if unknown:
        say(f"WARNING: {unknown}")
        raise typer.Exit(1)


def _unknown(link: Link, scope: dict[str, str]) -> str | None:
    """Why a freeze of this scope stops nothing that is there, with what was meant; else None."""
    if scope["kind"] == "everything":
        return None
    kind, name = scope["kind"], scope["id"]
    member = "id" if kind == "agent" else "wallet"
    try:
        rows = link.object("status").get("agents") or []
    except Failure:
        return None
    known = sorted({str(row[member]) for row in rows if row.get(member)})
    if name.lower() in {each.lower() for each in known}:
        return None
    near = difflib.get_close_matches(name, known, n=1) or (known if len(known) == 1 else [])
    then = f"did you mean `holdfast freeze --{kind} {safe(near[0], 48)}`" if near else "see status"
    return (
        f"no {kind} is named `{safe(name, 48)}`: the freeze is set but stops no {kind}; {then}? "
        f"`holdfast freeze` alone stops everything"
    )


def _drop_file(place: Home, reason: str, failure: Failure, as_json: bool) -> None:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    text = f"{reason} (by {_actor()} at {at})\n"
    # A file that is there already stops everything, and its reason is older news than this one.
    flags = os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        # Its existence is what counts: a full disk may leave it empty, and it freezes all the same.
        descriptor = os.open(place.freeze_file, flags, 0o600)
    except OSError as error:
        why = f"`{place.freeze_file}` cannot be created ({error.strerror}) and {failure.text}"
        raise Failure(f"NOT FROZEN: {why}", code="not_frozen") from None
    try:
        os.write(descriptor, text.encode())
        os.fsync(descriptor)
    except OSError:
        say("holdfast: the disk is full; the empty FREEZE file still freezes everything")
    finally:
        os.close(descriptor)
    if as_json:
        emit({"frozen": "file", "path": str(place.freeze_file), "scope": {"kind": "everything"}})
    else:
        line(f"frozen  {place.freeze_file}")
        say(f"No guardian answered, so this file stops EVERYTHING ({failure.text}).")


def thaw(
    number: Annotated[
        int | None, typer.Argument(metavar="[FREEZE]", help="The freeze's number; see status.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", help="The reason, for the journal.")
    ] = None,
    passphrase_fd: PassphraseFd = None,
    passphrase_command: PassphraseCommand = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Lift one freeze. Needs the operator key.

    Without a number, the only one there is. What is lifted is shown before the passphrase is asked.

    Example:

        holdfast thaw 118 --reason "it was a drill"
    """
    from holdfast.cli.commands import send_command

    place = existing(home)
    with Link(place.operator_socket) as link:
        freezes = link.object("status").get("freezes") or []
        if number is None:
            number = _only_freeze(freezes)
        for freeze in freezes:
            if freeze["freeze"] == number:
                say(f"lifting: {_words(freeze)}")
        keys = source(passphrase_fd, passphrase_command)
        result = send_command(link, place, keys, "thaw", freeze=number, reason=reason)
    if as_json:
        emit({"thawed": number, **result})
    else:
        line(f"thawed  {number}")


def _words(freeze: dict[str, Any]) -> str:
    """What a freeze stops, why, and who set it."""
    from holdfast.operator.describe import scope_text
    from holdfast.operator.format import safe

    why, by = safe(freeze.get("reason") or "no reason given", 200), safe(freeze.get("actor"), 48)
    return f"{freeze['freeze']}  {scope_text(freeze.get('scope'))}: {why}, by {by}"


def _only_freeze(freezes: list[dict[str, Any]]) -> int:
    if not freezes:
        raise Failure("nothing is frozen", code="not_frozen")
    numbers = [int(freeze["freeze"]) for freeze in freezes]
    if len(numbers) > 1:
        words = ", ".join(map(str, numbers))
        raise Failure(f"there are several freezes ({words}): say which", code="ambiguous")
    return numbers[0]


def _actor() -> str:
    """Who asks, for the journal: the login name, else the uid."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
