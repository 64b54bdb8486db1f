"""`holdfast grant`: single payments that an operator allows ahead."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from holdfast.cli.apply import agreed
from holdfast.cli.asking import ReasonOption
from holdfast.cli.options import (
    HomeOption,
    JsonOption,
    PassphraseCommand,
    PassphraseFd,
    existing,
    source,
)
from holdfast.cli.output import Failure, emit, line
from holdfast.codes import Code

Json = dict[str, Any]
UNITS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
LONGEST_MS = 31 * UNITS_MS["d"]

app = typer.Typer(name="grant", invoke_without_command=True)


@app.callback()
def grant(context: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Allow one payment ahead, instead of raising a limit.

    Without a subcommand: list the grants, with what is left of each.

    Example:

        holdfast grant --json
    """
    if context.invoked_subcommand is not None:
        return
    from holdfast.cli.link import Link
    from holdfast.operator import format as fmt
    from holdfast.operator.describe import grant_words

    with Link(existing(home).operator_socket) as link:
        rows = link.object("grants").get("grants") or []
    for row in rows:
        if as_json:
            emit(row)
            continue
        line(grant_words(row))
        left, spent = (
            fmt.amount(row[name], row.get("decimals"), row.get("symbol"))
            for name in ("left", "spent")
        )
        line(f"  {fmt.safe(row['state'], 16)}: {spent} paid, {left} left")
    if not rows and not as_json:
        line("no grants")


@app.command()
def give(
    pay: Annotated[str, typer.Option("--pay", help='The most that is paid, like "500 usdc".')],
    to: Annotated[str, typer.Option("--to", help="Who is paid: an address, a label or an id.")],
    lasts: Annotated[str, typer.Option("--for", help="How long it counts, like 2h; at most 31d.")],
    agent: Annotated[
        str | None, typer.Option("--agent", help="The agent that pays. Default: the only one.")
    ] = None,
    wallet: Annotated[
        str | None, typer.Option("--wallet", help="A wallet's id. Default: the agent's first.")
    ] = None,
    in_total: Annotated[
        bool,
        typer.Option("--in-total", help="For several payments up to that sum, not for one alone."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Sign it without confirmation.")] = False,
    reason: ReasonOption = None,
    passphrase_fd: PassphraseFd = None,
    passphrase_command: PassphraseCommand = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Allow one payment to one recipient. Needs the operator key.

    It passes though no rule grants it, a limit has no room, or an approval would be required. It
    does not pass a forbid, a freeze, a cap of the chain, or a rule that asks for several operators.
    What is paid counts under no limit; its fee does.

    Example:

        holdfast grant give --agent shopper --pay "500 usdc" --to "Acme data" --for 2h
    """
    from holdfast.cli.commands import send_command
    from holdfast.cli.link import Link
    from holdfast.policies.declared import Declared
    from holdfast.policies.errors import PolicyTextError
    from holdfast.policies.payee import payee
    from holdfast.policies.payment import amount

    lasts_ms = _duration(lasts)
    if to.startswith("@"):
        text = "a grant is for one recipient: name a label or an address, not a list"
        raise Failure(text, code="usage", exit_code=2)
    place = existing(home)
    with Link(place.operator_socket) as link:
        now_ms = int(link.object("status")["now_ms"])
        try:
            declared = Declared.read(str(link.object("policy")["source"]))
            who = declared.agent(agent)
            asset, units = amount(declared, who, pay, kind="pay")
            when = datetime.fromtimestamp(now_ms / 1000, tz=UTC)
            party = payee(declared, to, who.chain, when)
            named: Json = {
                "agent": who.id,
                "asset": asset.address or "native",
                "chain_id": who.chain,
                "most": str(units),
                "once": not in_total,
                "to": party.address,
                "until_ms": now_ms + lasts_ms,
                "wallet": declared.wallet(who, wallet),
            }
        except PolicyTextError as error:
            raise Failure(str(error), code="usage", exit_code=2) from error

        def show() -> None:
            often = "in total, in any number of payments" if in_total else "in one payment"
            line(f"agent    {who.id}, from {named['wallet']} on chain {who.chain}")
            line(f"pays     at most {pay} {often}")
            line(f"to       {party.words}")
            line(f"until    {datetime.fromtimestamp(named['until_ms'] // 1000, tz=UTC):%F %TZ}")

        agreed(yes, (lambda: None) if as_json and yes else show, "grant this?")
        keys = source(passphrase_fd, passphrase_command)
        result = send_command(link, place, keys, "grant", reason=reason, **named)
    if as_json:
        emit({**named, "grant": result["seq"]})
    else:
        line(f"grant    {result['seq']}; `holdfast grant revoke {result['seq']}` takes it back")


@app.command()
def revoke(
    number: Annotated[int, typer.Argument(metavar="GRANT", help="Its number.", min=0)],
    reason: ReasonOption = None,
    passphrase_fd: PassphraseFd = None,
    passphrase_command: PassphraseCommand = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a grant back. Needs the operator key.

    What is signed already goes on; what is not signed yet is decided without the grant.

    Example:

        holdfast grant revoke 412
    """
    from holdfast.cli.commands import send_command
    from holdfast.cli.link import Link

    place = existing(home)
    with Link(place.operator_socket) as link:
        keys = source(passphrase_fd, passphrase_command)
        result = send_command(link, place, keys, "revoke", reason=reason, grant=number)
    if as_json:
        emit({"grant": number, **result})
    else:
        line(f"revoked  {number}")


def _duration(text: str) -> int:
    match = re.fullmatch(r"([1-9][0-9]{0,6})([smhd])", text)
    found = int(match[1]) * UNITS_MS[match[2]] if match else 0
    if not 0 < found <= LONGEST_MS:
        what = "write how long it counts, like 30m, 2h or 7d; at most 31d"
        raise Failure(what, code=Code.MALFORMED, exit_code=2)
    return found
