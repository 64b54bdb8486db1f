"""Another transaction in the place of one that is out: `bump cancel`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.asking import DigestOption, ReasonOption, RequestArgument, agree, ask_about
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

if TYPE_CHECKING:
    from pathlib import Path

    from holdfast.cli.asking import Asked
    from holdfast.cli.link import Link
    from holdfast.operator.replacing import Fees, Quote, Replacing

MaxFeeOption = Annotated[
    str | None,
    typer.Option(
        "--max-fee",
        help='The new fee per gas, such as "30 gwei". Default: what the chain needs now.',
        show_default=False,
    ),
]
TipOption = Annotated[
    str | None,
    typer.Option(
        "--tip",
        help='The priority fee, part of the fee, such as "2 gwei". Default: as suggested.',
        show_default=False,
    ),
]


def bump(
    ident: RequestArgument,
    max_fee: MaxFeeOption = None,
    tip: TipOption = None,
    digest: DigestOption = None,
    reason: ReasonOption = None,
    passphrase_fd: PassphraseFd = None,
    passphrase_command: PassphraseCommand = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Raise the fee of a payment that is signed and not mined. Needs the operator key.

    It is the same payment with the same nonce and a higher fee, so it is paid once. The fee may
    exceed what was decided for the request, but not the chain's caps in the policy; the extra cost
    counts against the limits. It shows the current fee and the new one, and asks.

    Example:

        holdfast bump r12 --max-fee "30 gwei" --tip "2 gwei"
    """
    keys = (passphrase_fd, passphrase_command)
    _replace("bump", ident, (max_fee, tip), digest, reason, keys, home, as_json)


def cancel(
    ident: RequestArgument,
    max_fee: MaxFeeOption = None,
    tip: TipOption = None,
    digest: DigestOption = None,
    reason: ReasonOption = None,
    passphrase_fd: PassphraseFd = None,
    passphrase_command: PassphraseCommand = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try to cancel a payment that is signed and not mined. Needs the operator key.

    It sends a zero-value transfer with the same nonce and a higher fee; only one of the two can be
    mined. If that is the payment, it is paid. What is not signed yet is stopped with certainty, and
    at no cost, by `holdfast deny`.

    Example:

        holdfast cancel r12 --reason "wrong payee"
    """
    keys = (passphrase_fd, passphrase_command)
    _replace("cancel", ident, (max_fee, tip), digest, reason, keys, home, as_json)


def _replace(
    action: Replacing,
    ident: str,
    wanted: tuple[str | None, str | None],
    digest: str | None,
    reason: str | None,
    keys: tuple[int | None, str | None],
    home: Path | None,
    as_json: bool,
) -> None:
    from holdfast.cli.commands import send_command
    from holdfast.cli.link import Link

    fee, tip = map(_wei, wanted)
    place = existing(home)
    with Link(place.operator_socket) as link:
        _can(link, action, ident)
        asked = ask_about(link, ident, digest, action, whole=action == "bump")
        quote = _quote(link, ident)
        new = _chosen(quote, fee, tip)
        # What was agreed to elsewhere leaves stdout to the answer.
        quiet = as_json and digest is not None
        agree(asked, digest, [] if quiet else _lines(link, action, asked, quote, new))
        named: dict[str, Any] = {"request": ident, "digest": asked.digest, **new.members}
        result = send_command(link, place, source(*keys), action, reason=reason, **named)
    if as_json:
        emit({"request": ident, "action": action, **new.members, **result})
        return
    line(f"{ident}  {result.get('state') or 'out'}  {new.words}")
    say(f"Follow it with `holdfast show {ident}`.")


def _wei(written: str | None) -> int | None:
    from holdfast.operator.gwei import wei_of

    try:
        return None if written is None else wei_of(written)
    except ValueError as error:
        raise Failure(str(error), code="usage", exit_code=2) from None


def _can(link: Link, action: Replacing, ident: str) -> None:
    """Before anything is asked for. Raises Failure with what to do instead."""
    from holdfast.operator.replacing import cannot_replace
    from holdfast.operator.request import Request

    why = cannot_replace(action, Request.read(link.object("request", id=ident)))
    if why is not None:
        raise Failure(f"{why}. Nothing was sent", code=Code.WRONG_STATE)


def _quote(link: Link, ident: str) -> Quote:
    from holdfast.operator.replacing import Quote

    try:
        return Quote.read(link.object("fees", id=ident))
    except ValueError as error:
        raise Failure(str(error), code="bad_answer") from None


def _chosen(quote: Quote, fee: int | None, tip: int | None) -> Fees:
    try:
        return quote.chosen(fee, tip)
    except ValueError as error:
        raise Failure(f"{error}. Nothing was sent", code="fee_refused") from None


def _lines(link: Link, action: Replacing, asked: Asked, quote: Quote, new: Fees) -> list[str]:
    """What would be signed, and what can happen then."""
    from holdfast.operator.describe import frozen_by, scope_text
    from holdfast.operator.replacing import happens, told

    rows = [f"{label:<9}{words}" for label, words in told(asked.request, quote, new)]
    rows += happens(action, asked.request)
    status: dict[str, Any] = link.object("status")
    freeze = frozen_by(status.get("freezes") or [], asked.request)
    if freeze is not None and action == "bump" and not asked.request.raw.get("cancelling"):
        rows.append(f"FROZEN ({scope_text(freeze.get('scope'))}): it is sent only after the thaw.")
    return rows
