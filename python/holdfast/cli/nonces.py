"""`holdfast nonce`: which nonces the wallets have, and where a ledger of them goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

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

if TYPE_CHECKING:
    pass

Json = dict[str, Any]

app = typer.Typer(name="nonce", invoke_without_command=True)


@app.callback()
def nonce(context: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show the nonces of each wallet on each chain.

    It shows what the nodes count, the next nonce in the guardian's ledger, payments that are not
    mined, and gaps.

    Example:

        holdfast nonce --json
    """
    if context.invoked_subcommand is not None:
        return
    from holdfast.cli.link import Link

    with Link(existing(home).operator_socket) as link:
        answer = link.object("nonces")
    rows = [row for row in answer.get("nonces") or [] if isinstance(row, dict)]
    if as_json:
        for row in rows:
            emit(row)
        return
    for row in rows:
        for words in _described(row, int(answer.get("now_ms", 0))):
            line(words)
    if not rows:
        line("no wallet has sent anything yet")


@app.command("set")
def set_nonce(
    wallet: Annotated[str, typer.Argument(metavar="WALLET", help="Its address.")],
    chain: Annotated[int, typer.Argument(metavar="CHAIN", help="The chain's id.")],
    number: Annotated[
        int | None,
        typer.Argument(
            metavar="NONCE",
            help="The nonce of the next payment. Default: the count on which all responding nodes "
            "agree.",
            min=0,
            show_default=False,
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Sign the given NONCE without confirmation.")
    ] = False,
    reason: ReasonOption = None,
    passphrase_fd: PassphraseFd = None,
    passphrase_command: PassphraseCommand = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set the next nonce of a wallet on a chain. Needs the operator key.

    Use it after a chain was reset, or when only one node says that a nonce was used: first look the
    wallet up elsewhere. It shows what each node counts and which payments are not mined, and asks.

    Example:

        holdfast nonce set 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 31337
    """
    from holdfast.cli.commands import send_command
    from holdfast.cli.link import Link

    if yes and number is None:
        raise Failure("--yes needs the NONCE to sign", code="usage", exit_code=2)
    place = existing(home)
    with Link(place.operator_socket) as link:
        row, now_ms = _row(link.object("nonces"), wallet, chain)
        chosen = _mined_by_all(row) if number is None else number
        _not_out(row, chosen)

        def show() -> None:
            for words in [*_described(row, now_ms), *_then(row, chosen)]:
                line(words)

        question = f"the next payment of {row['wallet']} on chain {chain} has nonce {chosen}?"
        agreed(yes, (lambda: None) if as_json and yes else show, question)
        named: Json = {"wallet": str(row["wallet"]), "chain_id": chain, "nonce": chosen}
        keys = source(passphrase_fd, passphrase_command)
        result = send_command(link, place, keys, "nonce", reason=reason, **named)
    if as_json:
        emit({**named, **result})
    else:
        line(f"nonce  {chosen}")


def _row(answer: Json, wallet: str, chain: int) -> tuple[Json, int]:
    for row in answer.get("nonces") or []:
        same = str(row.get("wallet", "")).lower() == wallet.lower()
        if same and row.get("chain_id") == chain:
            return row, int(answer.get("now_ms", 0))
    text = f"{wallet} has sent nothing on chain {chain}: `holdfast nonce` shows those that have"
    raise Failure(text, code=Code.WALLET_UNKNOWN)


def _mined_by_all(row: Json) -> int:
    """What the nodes that answer say together."""
    counts = {each.get("mined") for each in row.get("endpoints") or []} - {None}
    if len(counts) == 1:
        return int(counts.pop())
    for words in _counts(row):
        line(words)
    if not counts:
        text = "no node reports how many transactions were mined: try again, or give the NONCE"
        raise Failure(text, code=Code.CHAIN_UNAVAILABLE)
    text = "the nodes contradict each other: find out which one is right, and give the NONCE"
    raise Failure(text, code="nodes_disagree")


def _not_out(row: Json, number: int) -> None:
    for each in row.get("out") or []:
        if each.get("nonce") == number:
            ident = each.get("id")
            text = (
                f"nonce {number} belongs to {ident}, which can still be mined: raise its fee "
                f"(`holdfast bump {ident}`) or cancel it (`holdfast cancel {ident}`)"
            )
            raise Failure(text, code=Code.NONCE_OUT)


def _then(row: Json, number: int) -> list[str]:
    """What becomes of payments once the ledger goes on there."""
    told = [each["mined"] for each in row.get("endpoints") or [] if each.get("mined") is not None]
    words = [f"  set to   {number}: the next payment takes it"]
    if told and number > max(told):
        words.append(
            f"  !        nonces {max(told)} to {number - 1} are not mined: payments from {number} "
            "on wait until they are"
        )
    if told and number < min(told):
        words.append(
            f"  !        {number} is already mined: payments wait until two nodes agree on the "
            f"next nonce"
        )
    words.extend(
        f"  !        {each.get('id')} (nonce {each.get('nonce')}) stays counted until the chain "
        f"proves its outcome; a later payment with that nonce competes with it"
        for each in row.get("out") or []
        if int(each.get("nonce", 0)) > number
    )
    return words


def _described(row: Json, now_ms: int) -> list[str]:
    """The lines of one wallet on one chain."""
    from holdfast.operator import format as fmt

    words = [f"wallet {fmt.safe(row.get('wallet'), 80)} on chain {row.get('chain_id')}"]
    words += _counts(row)
    words.append(f"  next     {row.get('ledger')} in the guardian's ledger")
    words += [_out(each, now_ms) for each in row.get("out") or []]
    for gap in row.get("gaps") or []:
        ident = fmt.safe(gap.get("id"), 24)
        words.append(
            f"  gap      {gap.get('nonce')}, released by {ident}; later payments wait for it"
        )
    return words


def _counts(row: Json) -> list[str]:
    from holdfast.operator import format as fmt

    words = []
    for each in row.get("endpoints") or []:
        name, mined, pending = fmt.safe(each.get("name"), 100), each.get("mined"), each["pending"]
        said = "no answer" if mined is None else f"{mined} mined, {pending} including pending"
        words.append(f"  node     {name}: {said}")
    return words or ["  node     none"]


def _out(each: Json, now_ms: int) -> str:
    from holdfast.operator import format as fmt
    from holdfast.operator.gwei import gwei

    fee = str(each.get("fee_per_gas", ""))
    price = gwei(int(fee)) if fee.isascii() and fee.isdigit() else "?"
    age = fmt.elapsed(max(0, now_ms - int(each.get("signed_at", now_ms))))
    more = len(each.get("earlier") or [])
    besides = f", {more} earlier with this nonce" if more else ""
    ident, state = fmt.safe(each.get("id"), 24), fmt.safe(each.get("state"), 24)
    if each.get("agent_alone"):
        besides += ", sent only by its agent"
    return f"  unmined  {each.get('nonce')}: {ident} {state} for {age}, fee {price}{besides}"
