"""Requests of the running guardian: `pending show approve deny`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.link import NoGuardian
from holdfast.cli.options import (
    HomeOption,
    JsonOption,
    PassphraseCommand,
    PassphraseFd,
    existing,
    source,
)
from holdfast.cli.output import Failure, emit, line, say, table

if TYPE_CHECKING:
    from holdfast.cli.link import Link
    from holdfast.operator.request import Request

# What a socket shows is not what would be signed.
NOT_AS_SHOWN = "not_as_shown"

RequestArgument = Annotated[str, typer.Argument(metavar="REQUEST", help="Its id, such as r12.")]
DigestOption = Annotated[
    str | None,
    typer.Option(
        "--digest", help="Answer only if the request has this digest; then nothing is asked."
    ),
]
FullOption = Annotated[
    bool,
    typer.Option("--full", help="Also print all of what is signed, uncut."),
]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="Why, for the journal.")]


def pending(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the requests that wait for a person or a delay.

    Example:

        holdfast pending --json
    """
    from holdfast.cli.link import Link
    from holdfast.operator import format as fmt
    from holdfast.operator.request import Request

    with Link(existing(home).operator_socket) as link:
        snapshot = link.object("subscribe", backlog=0).get("snapshot") or {}
        now_ms = int((snapshot.get("status") or {}).get("now_ms", 0))
    views = [view for view in snapshot.get("requests") or [] if Request.read(view).pending]
    if as_json:
        for view in views:
            emit(view)
        return
    rows = []
    for request in map(Request.read, views):
        left = None if request.deadline is None else request.deadline - now_ms
        agent = fmt.safe(request.agent, 32)
        rows.append((request.id, agent, request.mark.word, fmt.countdown(left), request.summary))
    table(("request", "agent", "state", "left", "what"), rows)
    say(f"{len(rows)} waiting")


def show(
    ident: RequestArgument,
    full: FullOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one request: what it can do, why it was decided so, what happened since.

    Long messages and documents are cut, with a count of what is missing; --full prints them whole.

    Example:

        holdfast show r12 --full
    """
    from holdfast.cli.link import Link

    with Link(existing(home).operator_socket) as link:
        view = link.object("request", id=ident)
        faults = _faults(link, view)
    if as_json:
        emit(view)
    else:
        _print(view, faults, full=full)
    if faults:
        raise Failure(f"{ident}: {faults[0]}", code=NOT_AS_SHOWN)


def _faults(link: Link, view: dict[str, Any]) -> tuple[str, ...]:
    """What of a view cannot be true; of one that ended only that it is what its digest says."""
    from holdfast.operator.request import Request
    from holdfast.operator.seen import NOT_WHOLE, OTHER_POLICY, look

    ended = Request.read(view).ended
    faults = look(view, None if ended else _policy_of(link, view)).faults
    # The details of what ended long ago are forgotten; its record in the journal has them.
    return tuple(each for each in faults if not ended or each not in (NOT_WHOLE, OTHER_POLICY))


def _policy_of(link: Link, view: dict[str, Any]) -> str | None:
    """The text of the policy that decided the request; its digest is compared by `look`."""
    try:
        return str(link.object("policy", digest=str(view.get("policy"))).get("source"))
    except NoGuardian:
        raise
    except Failure:
        return None


def _print(view: dict[str, Any], faults: tuple[str, ...], *, full: bool) -> None:
    from holdfast.operator import format as fmt
    from holdfast.operator.describe import reasons_text
    from holdfast.operator.reading import counted
    from holdfast.operator.request import Request

    request = Request.read(view)
    line(f"{request.id}  {request.mark.word}  agent {fmt.safe(request.agent)}  {request.summary}")
    for fault in faults:
        line(f"  DO NOT APPROVE: {fault} ({NOT_AS_SHOWN})")
    _print_effects(request)
    print_display(request.rows("display"))
    print_claim(request.claim)
    if view.get("note"):
        line(f'  the agent says: "{fmt.safe(view["note"])}"')
    line(f"  counts {counted(request)}")
    if full:
        _print_whole(request)
    line(f"  wallet {request.wallet} on chain {view.get('chain_id')}")
    line(f"  digest {request.digest}")
    line(f"  why    {reasons_text(view.get('reasons')) or '-'}")
    for row in request.rows("limits"):
        unit = (str(row.get("measure")), row.get("symbol"), row.get("decimals"))
        left, top = fmt.measure(row.get("left"), *unit), fmt.measure(row.get("max"), *unit)
        line(f"  limit  {fmt.safe(row.get('limit', ''))}: {left} left of {top}")
    for row in request.rows("history"):
        words = f"{fmt.safe(row.get('kind', ''))} {fmt.safe(row.get('text', ''))}"
        line(f"  {fmt.stamp(row.get('at'))}  {words}".rstrip())


def _print_effects(request: Request) -> None:
    """The sum and the worthiest party, then warnings, then every effect."""
    from holdfast.operator import format as fmt
    from holdfast.operator.reading import besides, leaving, owing, warned

    for each in _summed(request):
        line(f"  {each}")
    for warning in warned(request):
        line(f"  WARNING {fmt.safe(warning.get('text', ''))} ({fmt.safe(warning.get('code'))})")
    if request.hides:
        line(f"  all of it: holdfast show {fmt.safe(request.id, 24)} --full")
    for title, sums in (("leaves", leaving(request)), ("owes", owing(request))):
        for total in sums:
            line(f"  {title} at most {total.amount_text}")
            for part in total.parts:
                target = fmt.safe(part.to) if part.to else "nobody named"
                line(f"    {part.verb} {part.amount_text} -> {target}")
    for effect in besides(request):
        target = f" -> {fmt.safe(effect.to)}" if effect.to else ""
        line(f"  {effect.verb} {effect.amount_text}".rstrip() + target)


def _summed(request: Request) -> list[str]:
    """`in all 3.0023 ETH ($9,006.90) to 14 parties, 13 of them on no list`, and who gets most."""
    from holdfast.operator import format as fmt

    sums, party = request.sums, request.sums.worthiest
    what = sums.amounts or sums.verb
    price = f" ({fmt.usd(request.usd)})" if sums.totals else ""
    rows = [f"in all {what}{price} {sums.to_whom}".rstrip()]
    if party is not None:
        gets = " + ".join(party.gets) or ", ".join(party.kinds)
        standing = f" ({party.standing})" if party.standing else ""
        rows.append(f"most   {gets} -> {fmt.safe(party.address, 80)}{standing}")
    return rows


def _print_whole(request: Request) -> None:
    from holdfast.operator.whole import whole

    lines = whole(request)
    line(f"  all of what is signed, uncut: {len(lines):,} lines")
    for each in lines:
        line(f"  | {each}")
    line("  end of what is signed")


def print_display(rows: list[dict[str, Any]], indent: str = "  ") -> None:
    """Display lines with inner calls below headings of their own."""
    from holdfast.operator.reading import in_words

    for each in in_words(rows):
        inner = indent + "  " * each.depth
        line(f"{inner}{each.label}" + (":" if each.heading else f": {each.value}"))


def print_claim(rows: list[dict[str, Any]], indent: str = "  ") -> None:
    """What a descriptor says, marked line by line as somebody's claim."""
    from holdfast.operator import format as fmt

    if rows:
        line(f"{indent}the contract's publisher says (a claim, not checked):")
    for row in rows:
        line(f"{indent}| {fmt.safe(row.get('label', ''))}: {fmt.safe(row.get('value', ''))}")


def approve(
    ident: RequestArgument,
    digest: DigestOption = None,
    reason: ReasonOption = None,
    passphrase_fd: PassphraseFd = None,
    passphrase_command: PassphraseCommand = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve one request, bound to exactly what is shown. Needs the operator key.

    It shows the request (all of it, where its lines are cut) and asks; with --digest it does not
    ask, and answers only if the request is still the one you saw.

    Example:

        holdfast approve r12
    """
    _answer("approve", ident, digest, reason, (passphrase_fd, passphrase_command), home, as_json)


def deny(
    ident: RequestArgument,
    digest: DigestOption = None,
    reason: ReasonOption = None,
    passphrase_fd: PassphraseFd = None,
    passphrase_command: PassphraseCommand = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Deny one request. Needs the operator key.

    Example:

        holdfast deny r12 --reason "unknown payee"
    """
    _answer("deny", ident, digest, reason, (passphrase_fd, passphrase_command), home, as_json)


def _answer(
    action: Any,
    ident: str,
    digest: str | None,
    reason: str | None,
    keys: tuple[int | None, str | None],
    home: Any,
    as_json: bool,
) -> None:
    from holdfast.cli.commands import send_command
    from holdfast.cli.link import Link

    place = existing(home)
    with Link(place.operator_socket) as link:
        seen = _seen(link, ident, digest, action)
        result = send_command(
            link, place, source(*keys), action, request=ident, digest=seen, reason=reason
        )
    if as_json:
        emit({"request": ident, "action": action, **result})
    else:
        line(f"{ident}  {result.get('state') or 'counted'}")


def _seen(link: Link, ident: str, digest: str | None, action: str) -> str:
    """The digest that is answered: computed from what is shown, never taken from the socket."""
    from holdfast.operator.request import Request
    from holdfast.operator.seen import look

    view = link.object("request", id=ident)
    if view.get("id") != ident:
        raise Failure(
            f"asked for {ident}, another request came: nothing was sent", code=NOT_AS_SHOWN
        )
    seen = look(view, _policy_of(link, view))
    if (
        not seen.digest
        or seen.digest != view.get("digest")
        or (seen.faults and action == "approve")
    ):
        _print(view, seen.faults, full=False)
        raise Failure(f"nothing was sent: {seen.fault}", code=NOT_AS_SHOWN)
    if digest is not None and digest != seen.digest:
        text = f"{ident} has the digest {seen.digest}, not the one given: nothing was sent"
        raise Failure(text, code="digest_mismatch")
    if digest is None and not sys.stdin.isatty():
        text = f"say --digest {seen.digest} to {action} {ident} without being asked"
        raise Failure(text, code="usage", exit_code=2)
    request = Request.read(view)
    what = "; ".join(_summed(request))
    if digest is None:
        _print(view, seen.faults, full=request.hides)
        if not typer.confirm(f"{action} {ident}: {what}?", default=False, err=True):
            raise Failure("nothing was sent", code="not_confirmed")
    say(f"signing: {action} {ident}: {what}; digest {seen.digest}")
    return seen.digest
