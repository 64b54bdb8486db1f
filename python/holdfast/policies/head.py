"""The head of a policy that this program writes: chain, wallets, agent, coin and its tokens."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Token:
    """A token as the operator names it; `price_usd` None leaves its price to facts."""

    id: str
    address: str
    decimals: int
    price_usd: str | None = None


@dataclass(frozen=True)
class Surroundings:
    """What no foreign document and no template knows: where, whose, by whom, in what.

    Fees are with their unit, `fees_a_day` in whole coins; `l1_fee_max` is None off such rollups.
    """

    wallets: Sequence[str]
    chain: int
    agent: str
    gas_max: int
    fee: str
    tip: str
    fees_a_day: str
    coin: str = "eth"
    coin_price_usd: str | None = None
    l1_fee_max: str | None = None
    tokens: tuple[Token, ...] = ()
    addresses: dict[str, str] = field(default_factory=dict)

    @property
    def assets(self) -> tuple[str, ...]:
        """Ids of the coin and all tokens."""
        return (self.coin, *(token.id for token in self.tokens))

    def decimals(self, asset: str) -> int:
        found = [token.decimals for token in self.tokens if token.id == asset]
        return found[0] if found else 18


def quoted(text: str) -> str:
    """A basic string of TOML; what JSON escapes is escaped alike."""
    return json.dumps(text, ensure_ascii=False)


def head(name: str, place: Surroundings, cooldown: str | None = None) -> str:
    """Everything before the rules; `cooldown` is the agent's, a duration."""
    l1_fee = f'l1_fee_max = "{place.l1_fee_max}"\n' if place.l1_fee_max else ""
    parts = [
        f"version = 1\nname = {quoted(name)}\n",
        (
            f'[[chain]]\nid = {place.chain}\nname = "{_chain_name(place.chain)}"\n'
            f"gas_max = {place.gas_max:_}\n"
            f'fee_per_gas_max = "{place.fee}"\npriority_fee_per_gas_max = "{place.tip}"\n{l1_fee}'
        ),
    ]
    ids = [f"wallet-{number}" for number in range(1, len(place.wallets) + 1)]
    for ident, address in zip(ids, place.wallets, strict=True):
        parts.append(f'[[wallet]]\nid = "{ident}"\naddress = "{address}"\n')
    cooled = f'cooldown = "{cooldown}"\n' if cooldown else ""
    parts.append(
        f'[[agent]]\nid = "{place.agent}"\nwallets = {json.dumps(ids)}\nchain = {place.chain}\n'
        + cooled
    )
    parts.append(
        f'[[asset]]\nid = "{place.coin}"\nchain = {place.chain}\nnative = true\ndecimals = 18\n'
        f'symbol = "{place.coin.upper()}"\n' + _price(place.coin_price_usd)
    )
    parts += [
        f'[[asset]]\nid = "{token.id}"\nchain = {place.chain}\naddress = "{token.address}"\n'
        f'decimals = {token.decimals}\nsymbol = "{token.id.upper()}"\n' + _price(token.price_usd)
        for token in place.tokens
    ]
    return "\n".join(parts)


def fee_limit(place: Surroundings) -> str:
    """The most that the fees of a day may be without a person."""
    return (
        f'[[limit]]\nid = "fees-a-day"\nper = "agent"\neffects = ["fee"]\n'
        f'assets = ["{place.coin}"]\nmeasure = "amount"\nmax = "{place.fees_a_day}"\n'
        'window = "24h"\non_exceed = "approval"\n'
    )


def _price(usd: str | None) -> str:
    return "" if usd is None else f'price_usd = "{usd}"\n'


def _chain_name(chain: int) -> str:
    return "local" if chain in (1337, 31337) else f"chain-{chain}"
