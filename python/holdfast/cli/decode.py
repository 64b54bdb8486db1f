"""`holdfast decode`: what a request can do, without a guardian."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli import descriptors
from holdfast.cli.options import JsonOption, text_of
from holdfast.cli.output import Failure, emit, emit_raw, line
from holdfast.cli.policy_source import policy_text
from holdfast.codes import Code

if TYPE_CHECKING:
    from holdfast._core import ClearSigning

CASE_KINDS = ("raw_tx", "tx", "typed_data", "message", "calls")

HELP = """Show what a transaction, typed data or a message can do.

Nothing is sent anywhere.

Give exactly one of --raw-tx, --tx, --calls, --typed-data, --message, or --cases for many.

Example:

    holdfast decode --chain 1 --tx '{"to": "0x7099...79C8", "value": "0x1"}'
"""


def decode(
    chain: Annotated[int | None, typer.Option("--chain", help="The chain id.")] = None,
    raw_tx: Annotated[
        str | None, typer.Option("--raw-tx", help="An unsigned or signed transaction as 0x hex.")
    ] = None,
    tx: Annotated[
        str | None,
        typer.Option("--tx", help="A transaction as JSON, in the form of eth_sendTransaction."),
    ] = None,
    calls: Annotated[
        str | None,
        typer.Option(
            "--calls",
            help="A batch as JSON, in the form of wallet_sendCalls; effects are added up.",
        ),
    ] = None,
    typed_data: Annotated[
        Path | None, typer.Option("--typed-data", help="A file with EIP-712 typed data.")
    ] = None,
    message: Annotated[
        str | None, typer.Option("--message", help="A message for personal_sign as 0x hex.")
    ] = None,
    cases: Annotated[
        Path | None,
        typer.Option(
            "--cases",
            help="A file with one case per line: id, chain_id, one of the five, and from.",
        ),
    ] = None,
    sender: Annotated[str | None, typer.Option("--from", help="The account that signs.")] = None,
    policy: Annotated[
        Path | None, typer.Option("--policy", help="A policy whose assets and labels to use.")
    ] = None,
    tokens: Annotated[
        Path | None,
        typer.Option("--tokens", help="A JSON list of tokens, for display only."),
    ] = None,
    registry: Annotated[
        Path | None,
        typer.Option(
            "--registry",
            help="A folder of ERC-7730 descriptors: claims by their authors, for display only.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """See HELP."""
    clear = descriptors.load(registry) if registry is not None else None
    source = policy_text(policy) if policy else None
    list_of_tokens = text_of(tokens).encode() if tokens else None
    if cases is not None:
        if any(given is not None for given in (raw_tx, tx, calls, typed_data, message, sender)):
            raise Failure("give either --cases or one request", code="usage", exit_code=2)
        _decode_cases(text_of(cases), chain, source, list_of_tokens, clear)
        return
    request = _request(raw_tx, tx, calls, typed_data, message, sender)
    if chain is None:
        raise Failure(
            "--chain is missing: the same bytes mean different things on different chains",
            code="usage",
            exit_code=2,
        )
    from holdfast._core import decode as core_decode

    result = core_decode(request, chain, source, list_of_tokens, clear)
    if as_json:
        emit_raw(result)
        return
    own = result if clear is None else core_decode(request, chain, source, list_of_tokens, None)
    _print(json.loads(result), len(json.loads(own)["display"]))


def _request(
    raw_tx: str | None,
    tx: str | None,
    calls: str | None,
    typed_data: Path | None,
    message: str | None,
    sender: str | None,
) -> bytes:
    given = {
        "raw_tx": None if raw_tx is None else json.dumps(raw_tx),
        "tx": tx,
        "calls": calls,
        "typed_data": None if typed_data is None else text_of(typed_data),
        "message": None if message is None else json.dumps(message),
    }
    chosen = [(name, value) for name, value in given.items() if value is not None]
    if len(chosen) != 1:
        text = "give exactly one of --raw-tx, --tx, --calls, --typed-data, --message, or --cases"
        raise Failure(text, code="usage", exit_code=2)
    name, value = chosen[0]
    # The user's JSON goes to the core as it is, so that its strict parser judges every byte of it.
    by = "" if sender is None else f'"from":{json.dumps(sender)},'
    return f'{{{by}"{name}":{value}}}'.encode()


def _decode_cases(
    text: str,
    chain: int | None,
    policy: str | None,
    tokens: bytes | None,
    clear: ClearSigning | None,
) -> None:
    for row in text.splitlines():
        if row.strip():
            emit(_decode_case(row.encode(), chain, policy, tokens, clear))


def _decode_case(
    row: bytes,
    chain: int | None,
    policy: str | None,
    tokens: bytes | None,
    clear: ClearSigning | None,
) -> dict[str, Any]:
    from holdfast._core import HoldfastError, canonical_json
    from holdfast._core import decode as core_decode

    ident: Any = None
    try:
        # Strict: a member that is there twice must not be read in two ways.
        case = json.loads(canonical_json(row, exact=True))
        if not isinstance(case, dict):
            return _case_error(None, Code.MALFORMED, "a case is an object")
        ident = case.get("id")
        chain_id = case.get("chain_id", chain)
        if type(chain_id) is not int:
            return _case_error(ident, Code.MALFORMED, "`chain_id` is missing or not a number")
        body = {name: case[name] for name in CASE_KINDS if name in case}
        unknown = set(case) - {"id", "chain_id", "from", *CASE_KINDS}
        if len(body) != 1 or unknown:
            return _case_error(
                ident, Code.MALFORMED, f"give exactly one of {', '.join(CASE_KINDS)}"
            )
        if "from" in case:
            body["from"] = case["from"]
        result = core_decode(json.dumps(body).encode(), chain_id, policy, tokens, clear)
    except HoldfastError as error:
        return _case_error(ident, str(error.args[0]), str(error.args[1]))
    return {"id": ident, **json.loads(result)}


def _case_error(ident: Any, code: str, text: str) -> dict[str, Any]:
    return {"id": ident, "error": {"code": code, "text": text}}


def _print(result: dict[str, Any], own: int) -> None:
    """For people: the first `own` display lines are ours, the others are what a descriptor says."""
    from holdfast.cli.showing import print_claim, print_display

    line(f"{result['kind']} on chain {result['chain_id']}")
    if result["digest"] is not None:
        line(f"digest  {result['digest']}")
    for warning in result.get("warnings", []):
        line(f"warning: {warning['text']} ({warning['code']})")
    if result.get("opaque"):
        line("opaque: not all effects are known; approval is required")
    display = result.get("display", [])
    print_display(display[:own], "")
    print_claim(display[own:], "")
