"""`holdfast assets ...`: register tokens by what their contracts are, see what is registered."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from holdfast.cli.options import JsonOption
from holdfast.cli.output import Failure, emit, line, say, table
from holdfast.codes import Code

if TYPE_CHECKING:
    from holdfast.cli.asset_entry import Entry
    from holdfast.service.chain.token_facts import TokenFacts

app = typer.Typer(
    name="assets", help="Register tokens in a policy and list them.", no_args_is_help=True
)


@app.command()
def add(
    address: Annotated[str, typer.Argument(help="The token's contract.")],
    chain: Annotated[int, typer.Option("--chain", help="The chain id.", min=1)],
    rpc: Annotated[str, typer.Option("--rpc", help="The URL of a node of that chain.")],
    policy: Annotated[
        Path | None,
        typer.Option("--policy", help="The policy file to add it to. Default: only print."),
    ] = None,
    ident: Annotated[
        str | None, typer.Option("--id", help="Its id in the policy. Default: from the symbol.")
    ] = None,
    symbol: Annotated[
        str | None, typer.Option("--symbol", help="The symbol to use instead of the contract's.")
    ] = None,
    decimals: Annotated[
        int | None,
        typer.Option("--decimals", help="The decimals, if the contract's are missing or wrong."),
    ] = None,
    standard: Annotated[
        str | None,
        typer.Option("--standard", help="erc20, erc721 or erc1155. Default: from the contract."),
    ] = None,
    pin_code: Annotated[
        bool,
        typer.Option(
            "--pin-code", help="Pin the code hash: if the code changes, approval is required."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write without confirmation.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Read a token from its chain, show what would be pinned, and add it to a policy.

    A contract's own statements are claims: compare the address with one you trust. The command
    appends the new table to the policy and leaves the rest unchanged, if the result is valid.

    Example:

        holdfast assets add 0xA0b8...eB48 --chain 1 --rpc https://node.example/ --policy policy.toml
    """
    import asyncio

    from holdfast.cli import asset_entry
    from holdfast.cli.policy_append import append, read_policy

    if standard is not None and standard not in asset_entry.STANDARDS:
        text = f"--standard must be {', '.join(asset_entry.STANDARDS[:-1])} or erc1155"
        raise Failure(text, code="usage", exit_code=2)
    source = "" if policy is None else read_policy(policy)
    facts = asyncio.run(_read(_checked(address), chain, rpc))
    wanted = asset_entry.Wanted(ident, symbol, standard, decimals, pin_code)
    entry = asset_entry.build(facts, wanted, source)
    if not as_json:
        _print(entry)
    if policy is not None:
        _agree(entry, policy, yes=yes)
        append(policy, source, entry.toml())
        say(f"{policy}: `{entry.ident}` added; now sign it: `holdfast policy apply {policy}`")
    if as_json:
        emit({**entry.as_json(), "written": None if policy is None else str(policy)})


def _checked(address: str) -> str:
    from holdfast._core import HoldfastError, checksum_address

    try:
        checked = checksum_address(address)
    except HoldfastError as error:
        raise Failure(f"the address: {error.args[1]}", code="bad_address") from None
    if int(checked, 16) == 0:
        raise Failure("the zero address is not a token", code="bad_address")
    return checked


async def _read(address: str, chain_id: int, rpc: str) -> TokenFacts:
    from holdfast.service.chain.chain import Chain, OtherChain
    from holdfast.service.chain.endpoint import EndpointDown, EndpointSettings
    from holdfast.service.chain.token_facts import NoContract, read_token

    parts = urlsplit(rpc)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        text = "--rpc must be an http:// or https:// address"
        raise Failure(text, code="usage", exit_code=2)
    chain = Chain(EndpointSettings(chain=chain_id, rpc_url=rpc))
    try:
        return await read_token(chain, address)
    except OtherChain as error:
        raise Failure(error.text, code=Code.CHAIN_MISMATCH) from None
    except EndpointDown as error:
        raise Failure(error.text, code="node_down") from None
    except NoContract as error:
        raise Failure(str(error), code="no_code") from None
    finally:
        await chain.close()


def _print(entry: Entry) -> None:
    facts = entry.facts
    line(f"address   {facts.address}")
    line(f"chain     {facts.chain_id}, read at block {facts.block}")
    if entry.name:
        line(f"name      {entry.name}")
    line(f"symbol    {entry.symbol}")
    line(f"standard  {entry.standard}")
    if entry.standard == "erc20":
        line(f"decimals  {entry.decimals}")
    line(f"code      {facts.code_bytes:,} bytes, hash {facts.code_hash}")
    if facts.implementation_hash is not None:
        line(f"          its implementation: hash {facts.implementation_hash}")
    for place, where in facts.proxy.items():
        line(f"proxy     {place}: {where}")
    for code, text in entry.warnings:
        line(f"WARNING   {code}: {text}")
    line()
    line(entry.toml().rstrip("\n"))


def _agree(entry: Entry, policy: Path, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        text = f"nothing was written: use --yes to add this to `{policy}` without confirmation"
        raise Failure(text, code="not_confirmed", exit_code=2, **entry.as_json())
    if not typer.confirm(f"Add this to {policy}?", default=False, err=True):
        raise Failure("nothing was written", code="not_confirmed")


@app.command(name="list")
def list_assets(
    policy: Annotated[Path, typer.Option("--policy", help="The policy file.")],
    as_json: JsonOption = False,
) -> None:
    """List the assets a policy registers.

    Example:

        holdfast assets list --policy ~/.local/share/holdfast/policy.toml
    """
    from holdfast.cli.asset_entry import tables
    from holdfast.cli.policy_append import read_policy

    assets = tables(read_policy(policy), "asset")
    if as_json:
        for asset in assets:
            emit(_listed(asset))
        return
    names = ("id", "chain", "standard", "symbol", "decimals", "address")
    rows = [
        ["-" if (cell := _listed(asset)[name]) is None else cell for name in names]
        for asset in assets
    ]
    table(names, rows)
    say(f"{len(assets)} registered")


def _listed(asset: dict[str, Any]) -> dict[str, Any]:
    native = asset.get("native", False)
    standard = "native" if native else asset.get("standard", "erc20")
    return {
        "id": asset["id"],
        "chain": asset["chain"],
        "standard": standard,
        "symbol": asset["symbol"],
        "decimals": asset.get("decimals", 0),
        "address": asset.get("address"),
        "price_usd": asset.get("price_usd"),
    }
