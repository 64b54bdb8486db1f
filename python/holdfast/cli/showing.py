"""A request as the command line shows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from holdfast.cli.output import line
from holdfast.codes import Code

if TYPE_CHECKING:
    from holdfast.operator.request import Request

# What a socket shows is not what would be signed.
NOT_AS_SHOWN = "not_as_shown"


def print_request(
    view: dict[str, Any], faults: tuple[str, ...], *, full: bool, now_ms: int | None = None
) -> None:
    """All of it; with `now_ms`, the guardian's clock, also how long it has waited and for what."""
    from holdfast.operator import format as fmt
    from holdfast.operator.describe import adds_text, reasons_text
    from holdfast.operator.reading import counted
    from holdfast.operator.request import Request

    request = Request.read(view)
    line(f"{request.id}  {request.mark.word}  agent {fmt.safe(request.agent)}  {request.summary}")
    for fault in faults:
        line(f"  DO NOT APPROVE: {fault} ({NOT_AS_SHOWN})")
    _print_effects(request)
    print_display(request.rows("display"), label_of=request.sums.label_of)
    print_claim(request.claim)
    if view.get("note"):
        line(f'  the agent says: "{fmt.safe(view["note"])}"')
    if view.get("merchant"):
        line(f"  the agent says that it pays {fmt.safe(view['merchant'], 253)}")
    line(f"  counts {counted(request)}")
    if full:
        _print_whole(request)
    line(f"  wallet {request.wallet} on chain {view.get('chain_id')}")
    _print_waits(request, now_ms)
    _print_out(request)
    line(f"  digest {request.digest}")
    line(f"  why    {reasons_text(view.get('reasons')) or '-'}")
    for row in request.rows("reasons"):
        if row.get("observed") is not None and row.get("limit") is not None:
            found, allowed = fmt.safe(row["observed"], 200), fmt.safe(row["limit"], 400)
            name = fmt.safe(row.get("rule") or row.get("code"), 48)
            # What no rule grants says which one comes nearest.
            between = "; " if row.get("code") == Code.NO_GRANT else "; at most "
            line(f"    {name}: {found}{between}{allowed}")
    for row in request.rows("limits"):
        unit = (str(row.get("measure")), row.get("symbol"), row.get("decimals"))
        left, top = fmt.measure(row.get("left"), *unit), fmt.measure(row.get("max"), *unit)
        line(f"  limit  {fmt.safe(row.get('limit', ''))}: {left} left of {top}")
        if words := adds_text(row):
            line(f"    {words}")
    for row in request.rows("history"):
        words = f"{fmt.safe(row.get('kind', ''))} {fmt.safe(row.get('text', ''))}"
        line(f"  {fmt.stamp(row.get('at'))}  {words}".rstrip())


def _print_waits(request: Request, now_ms: int | None) -> None:
    from holdfast.operator.waits import waits_line, why

    if now_ms is None:
        return
    if words := waits_line(request, now_ms):
        line(f"  {words}")
    if words := why(request, now_ms):
        line(f"    {words}")


def _print_out(request: Request) -> None:
    """Who sends its transaction, its nonce and fee, and every hash that can be mined."""
    from holdfast.operator import format as fmt
    from holdfast.operator.gwei import gwei
    from holdfast.operator.replacing import agent_alone, settled

    view, over = request.raw, settled(request)
    if agent_alone(request):
        line("  sent   only by its agent: the guardian watches its nonce and never sends it")
    if view.get("nonce") is not None:
        fees = [str(view.get(name)) for name in ("fee_per_gas", "priority_fee_per_gas")]
        fee, tip = (gwei(int(each)) if each.isdigit() else "?" for each in fees)
        line(f"  nonce  {fmt.safe(view['nonce'], 24)}, fee {fee} per gas, tip {tip}")
    if view.get("hash"):
        line(f"  hash   {fmt.safe(view['hash'], 80)}")
    for each in view.get("earlier") or []:
        line(f"  earlier {fmt.safe(each, 80)}" + ("" if over else ", which can be mined instead"))
    if view.get("cancelling") and not over:
        line(
            "  CANCELLING: the newest transaction moves nothing; an earlier one can be mined still"
        )


def _print_effects(request: Request) -> None:
    """The sum and the worthiest party, then warnings, then every effect."""
    from holdfast.operator import format as fmt
    from holdfast.operator.reading import besides, leaving, owing, warned

    for each in summed(request):
        line(f"  {each}")
    for warning in warned(request):
        line(f"  WARNING {fmt.safe(warning.get('text', ''))} ({fmt.safe(warning.get('code'))})")
    if request.hides:
        line(f"  in full: holdfast show {fmt.safe(request.id, 24)} --full")
    for title, sums in (("leaves", leaving(request)), ("owes", owing(request))):
        for total in sums:
            line(f"  {title} at most {total.amount_text}")
            for part in total.parts:
                target = _party(request, part.to) or "no recipient named"
                line(f"    {part.verb} {part.amount_text} -> {target}")
    for effect in besides(request):
        target = f" -> {_party(request, effect.to)}" if effect.to else ""
        line(f"  {effect.verb} {effect.amount_text}".rstrip() + target)


def _party(request: Request, address: str | None) -> str:
    """`0x7099… (Acme)`, the address in full; empty for none."""
    from holdfast.operator import format as fmt

    return f"{fmt.safe(address)} {request.sums.label_of(address)}".rstrip() if address else ""


def summed(request: Request) -> list[str]:
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
    line(f"  signed content in full: {len(lines):,} lines")
    for each in lines:
        line(f"  | {each}")
    line("  end of the signed content")


def print_display(
    rows: list[dict[str, Any]], indent: str = "  ", label_of: Callable[[str], str] = lambda _: ""
) -> None:
    """Display lines with inner calls below headings of their own.

    `label_of` gives what the policy calls an address.
    """
    from holdfast.operator.reading import in_words

    for each in in_words(rows, label_of):
        inner = indent + "  " * each.depth
        line(f"{inner}{each.label}" + (":" if each.heading else f": {each.value}"))


def print_claim(rows: list[dict[str, Any]], indent: str = "  ") -> None:
    """What a descriptor says, marked line by line as a claim."""
    from holdfast.operator import format as fmt

    if rows:
        line(f"{indent}the contract's publisher claims (not checked):")
    for row in rows:
        line(f"{indent}| {fmt.safe(row.get('label', ''))}: {fmt.safe(row.get('value', ''))}")
