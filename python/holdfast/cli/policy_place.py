"""Options that say where a written policy is to be in force, and the names it may use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.output import Failure

if TYPE_CHECKING:
    from holdfast.policies.head import Surroundings, Token

WalletsOption = Annotated[
    list[str],
    typer.Option("--wallet", help="A wallet's address with its checksum; repeatable."),
]
ChainOption = Annotated[int, typer.Option("--chain", help="The chain id.")]
AgentOption = Annotated[str, typer.Option("--agent", help="The agent's id.")]
CoinOption = Annotated[
    str,
    typer.Option("--coin", help="The chain's coin, and its price in USD: eth=3000, or eth alone."),
]
AssetsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--asset",
        help="A token: usdc=ADDRESS:DECIMALS, or usdc=ADDRESS:DECIMALS:PRICE with its price in "
        "USD; repeatable.",
    ),
]
_TOKEN = re.compile(r"([a-z0-9][a-z0-9-]{0,15})=(0x[0-9a-fA-F]{40}):(\d{1,2})(?::([0-9.]+))?")
_COIN = re.compile(r"([a-z0-9][a-z0-9-]{0,15})(?:=([0-9.]+))?")


def surroundings(
    wallets: Sequence[str],
    chain: int,
    agent: str,
    coin: str,
    assets: Sequence[str],
    addresses: dict[str, str] | None = None,
) -> Surroundings:
    """What the options say, with the fee caps of the chain. Raises Failure for wrong use."""
    from holdfast.policies.head import Surroundings
    from holdfast.service.home.fee_caps import GAS_MAX, fee_caps, fees_a_day, l1_fee_max

    match = _COIN.fullmatch(coin)
    if not match:
        raise Failure(f"--coin {coin}: write it like eth or eth=3000", code="usage", exit_code=2)
    caps = fee_caps(chain)
    return Surroundings(
        wallets=wallets,
        chain=chain,
        agent=agent,
        gas_max=GAS_MAX,
        fee=caps.fee,
        tip=caps.tip,
        fees_a_day=fees_a_day(chain),
        l1_fee_max=l1_fee_max(chain),
        coin=match[1],
        coin_price_usd=match[2],
        tokens=tuple(_token(each) for each in assets),
        addresses=addresses or {},
    )


def _token(text: str) -> Token:
    from holdfast.policies.head import Token

    match = _TOKEN.fullmatch(text)
    if not match:
        why = f"--asset {text}: write it like usdc=0x…:6, or usdc=0x…:6:1 with its price"
        raise Failure(why, code="usage", exit_code=2)
    return Token(match[1], match[2], int(match[3]), match[4])


def named_addresses(values: Sequence[str]) -> dict[str, str]:
    """NAME=ADDRESS pairs; checksums are the core's business. Raises Failure for wrong use."""
    found = {}
    for value in values:
        name, separator, address = value.rpartition("=")
        if not (separator and name and re.fullmatch(r"0x[0-9a-fA-F]{40}", address)):
            why = f"{value}: write it like shop.example=0x…"
            raise Failure(why, code="usage", exit_code=2)
        found[name] = address
    return found
