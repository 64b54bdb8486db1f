"""Where attacks happen: each agent with a wallet, a token and a listed address of its policy."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from holdfast._core import checksum_address
from holdfast.policies.declared import Agent, Asset, Declared

# As many listed addresses of one agent are tried; a list of thousands is one class.
PAYEES_MAX = 20
STRANGER = checksum_address("0x6e0a5c1e2b7d4f3896a1c0de5b4e7f2d31c85a77")
FAKE = checksum_address("0x5c1e6e0a2b7d4f3896a1c0de5b4e7f2d31c85a78")
MULTICALL = "0xcA11bde05977b3631167028862bE2a173976CA11"
PERMIT2 = "0x000000000022D473030F116dDEE9F6B43aC78BA3"
_SOME_CODE = "0x" + "11" * 32


@dataclass(frozen=True)
class Scene:
    """One choice of agent, wallet, token and listed address; `names` are addresses by name.

    `token` is None for an agent without tokens, and `payee` is missing without listed addresses.
    """

    agent: Agent
    token: Asset | None
    names: dict[str, str]


def scenes(declared: Declared, at: datetime) -> Iterator[Scene]:
    """Every scene of a policy at a time."""
    for agent in declared.agents:
        parties = [each for entries in declared.lists.values() for each in entries]
        parties += declared.contracts
        here = dict.fromkeys(each.address for each in parties if each.holds(agent.chain, at))
        payees = tuple(here)[:PAYEES_MAX]
        tokens: list[Asset | None] = [
            asset
            for asset in declared.assets
            if asset.chain == agent.chain and asset.address and asset.standard == "erc20"
        ]
        for wallet in agent.wallets:
            own = declared.wallet(agent, wallet)
            for token in tokens or [None]:
                for payee in payees or (None,):
                    yield Scene(agent, token, _names(own, token, payee))


def _names(wallet: str, token: Asset | None, payee: str | None) -> dict[str, str]:
    names = {"wallet": wallet, "stranger": STRANGER, "fake": FAKE}
    names |= {"multicall": MULTICALL, "permit2": PERMIT2}
    if token is not None and token.address is not None:
        names["token"] = token.address
    if payee is not None:
        names["payee"] = payee
        digits = payee[2:].lower()
        names["twin"] = checksum_address("0x" + digits[:4] + "5c" * 16 + digits[-4:])
    return names


def facts(source: str, at_ms: int, *, prices: bool) -> dict[str, Any]:
    """The facts that favour an attacker most: all contracts are there, and each price is known.

    An asset without a pinned price is taken to be worth 1 USD.
    """
    document = tomllib.loads(source.removeprefix("\ufeff"))
    rows = [*document.get("contract", []), *document.get("asset", [])]
    code = {
        row["address"]: {
            "hash": row.get("code_hash", _SOME_CODE),
            "implementation": row.get("implementation_hash"),
            "at": at_ms,
        }
        for row in rows
        if "address" in row
    }
    for entry in (one for row in document.get("list", []) for one in row.get("entry", [])):
        code.setdefault(entry["address"], {"hash": _SOME_CODE, "implementation": None, "at": at_ms})
    if not prices:
        return {"code": code}
    quotes = {
        row["id"]: [{"usd": "1", "at": at_ms}] * row.get("price_sources_min", 1)
        for row in document.get("asset", [])
        if "price_usd" not in row
    }
    return {"code": code, "prices": quotes}
