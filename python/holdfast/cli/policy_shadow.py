"""`holdfast policy shadow`: a candidate that decides beside the policy in force."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.options import HomeOption, JsonOption, existing
from holdfast.cli.output import EXIT_USAGE, Failure, emit, say, table
from holdfast.cli.policy import refuse
from holdfast.cli.policy_source import policy_text

if TYPE_CHECKING:
    from holdfast.service.home.folder import Home

EXIT_WIDER = 2


def shadow(
    file: Annotated[
        Path | None, typer.Argument(help="The candidate; - for standard input.")
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Take the candidate away.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a candidate policy decide beside the one in force, and show where it differs.

    With FILE, the guardian tries the candidate on every request from now on. Without, it lists the
    differences so far, and exits with 2 if a request would be treated more mildly. The candidate
    never changes a verdict. Its limits are empty at first, and a pending request counts as allowed.

    Example:

        holdfast policy shadow candidate.toml
        holdfast policy shadow
        holdfast policy shadow --off
    """
    place = existing(home)
    if off and file is not None:
        text = "--off takes no FILE: leave one of them out"
        raise Failure(text, code="usage", exit_code=EXIT_USAGE)
    if file is not None:
        _put(file, place, as_json)
    elif off:
        was = place.shadow_path.exists()
        place.shadow_path.unlink(missing_ok=True)
        if as_json:
            emit({"removed": was})
        say("the candidate is taken away" if was else "there is no candidate")
    else:
        _list(place.operator_socket, as_json)


def _put(file: Path, place: Home, as_json: bool) -> None:
    import json

    from holdfast._core import PolicyError, check_policy
    from holdfast.secrets.files import write_private
    from holdfast.service.guardian.shadow import shadow_text
    from holdfast.service.journal.open import open_reader

    text = policy_text(file)
    try:
        report = json.loads(check_policy(text, time.time_ns() // 1_000_000))
    except PolicyError as error:
        refuse(file, error, as_json)
    reader = open_reader(place.path)
    try:
        from_seq = reader.size()
    finally:
        reader.close()
    write_private(place.shadow_path, shadow_text(text, from_seq).encode(), replace=True)
    if as_json:
        emit({"name": report["name"], "digest": f"0x{report['digest']}", "from_seq": from_seq})
    say(f"{file} is tried from event {from_seq} on; `holdfast policy shadow` shows the differences")


def _list(socket: Path, as_json: bool) -> None:
    from holdfast.cli.link import Link

    with Link(socket) as link:
        found = link.object("shadow")
    if as_json:
        emit(found)
    else:
        header = ("request", "agent", "at", "in force", "candidate", "", "why")
        table(header, [_row(each) for each in found["differences"]])
    candidate = found["candidate"]
    say(shadow_line(found) or "there is no candidate: name one, like `policy shadow new.toml`")
    if candidate and candidate["passed_over"]:
        why = "denied for a passing reason, such as a freeze, not kept in full, or under a grant"
        say(f"{candidate['passed_over']} requests were left out: {why}")
    if candidate and candidate["wider"]:
        raise typer.Exit(EXIT_WIDER)


def _row(each: dict[str, Any]) -> tuple[object, ...]:
    from holdfast.operator import format as fmt

    names = [
        f"{one['code']} ({one['rule']})" if one.get("rule") else str(one["code"])
        for one in each["reasons"]
    ]
    way = "WIDER" if each["wider"] else "stricter"
    who, why = fmt.safe(each["agent"], 32), fmt.safe(", ".join(names), 300)
    return each["id"], who, fmt.stamp(each["at"]), each["then"], each["now"], way, why


def shadow_line(found: dict[str, Any]) -> str:
    """One line about the candidate of a `status` or `shadow` answer; empty without one."""
    from holdfast.operator import format as fmt

    candidate, parts = found.get("candidate"), []
    if candidate:
        name = fmt.safe(candidate["name"], 48)
        wider, stricter = int(candidate["wider"]), int(candidate["stricter"])
        parts.append(
            f"{name}, from event {candidate['from_seq']}: of {candidate['decided']} requests it "
            f"decides {wider} more mildly, {stricter} more strictly"
        )
        if candidate["behind"]:
            parts.append(f"{candidate['behind']} events to go")
        if candidate["left_out"]:
            parts.append(f"{candidate['left_out']} events were left out: it could not keep up")
    if error := found.get("error"):
        parts.append(f"the new file is refused: {fmt.safe(error, 400)}")
    return "; ".join(parts)
