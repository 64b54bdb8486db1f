"""What a policy declares: agents, wallets, assets and everyone it has a name for."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from holdfast.policies.errors import PolicyTextError
from holdfast.wording import safe


@dataclass(frozen=True)
class Agent:
    """`wallets` are ids; the first one is used unless another is named."""

    id: str
    wallets: tuple[str, ...]
    chain: int


@dataclass(frozen=True)
class Asset:
    """`address` is None for the chain's coin."""

    id: str
    chain: int
    address: str | None
    decimals: int
    symbol: str
    standard: str


@dataclass(frozen=True)
class Party:
    """An address with what the policy calls it: `where` is the table that does.

    `chain` and `expires` are None where it has the name on every chain, and for good.
    """

    name: str
    address: str
    where: str
    chain: int | None = None
    expires: datetime | None = None

    def holds(self, chain: int, at: datetime) -> bool:
        """Whether it has its name on this chain at this time."""
        return self.chain in (None, chain) and (self.expires is None or at < self.expires)

    @property
    def words(self) -> str:
        return f"{self.address} ({safe(self.name, 64)}, {self.where})"


@dataclass(frozen=True)
class Declared:
    """Everything that requests in words can name, in the order of the file."""

    agents: tuple[Agent, ...]
    wallets: tuple[Party, ...]
    assets: tuple[Asset, ...]
    lists: dict[str, tuple[Party, ...]]
    contracts: tuple[Party, ...]
    rules: tuple[str, ...]
    forbids: tuple[str, ...]
    reviews: tuple[str, ...]
    limits: tuple[str, ...]

    @classmethod
    def read(cls, source: str) -> Declared:
        """Of a policy that the core found valid."""
        # The core reads a byte order mark, Python's parser does not.
        document = tomllib.loads(source.removeprefix("\ufeff"))
        capped = list(_caps(document))
        return cls(
            agents=tuple(
                Agent(row["id"], tuple(row["wallets"]), row["chain"])
                for row in _rows(document, "agent")
            ),
            wallets=_parties(document, "wallet"),
            assets=tuple(_asset(row) for row in _rows(document, "asset")),
            lists={row["id"]: _entries(row) for row in _rows(document, "list")},
            contracts=_parties(document, "contract"),
            rules=_ids(document, "rule"),
            forbids=(*_ids(document, "forbid"), *(each for each in capped if _is_forbid(each))),
            reviews=_ids(document, "review"),
            limits=(*_ids(document, "limit"), *(each for each in capped if not _is_forbid(each))),
        )

    def agent(self, name: str | None) -> Agent:
        """The agent of this id, or the only one. Raises PolicyTextError."""
        if name is None and len(self.agents) == 1:
            return self.agents[0]
        found = [agent for agent in self.agents if agent.id == name]
        if found:
            return found[0]
        known = choices(agent.id for agent in self.agents)
        what = (
            "no agent is named" if name is None else f"the policy has no agent `{safe(name, 64)}`"
        )
        raise PolicyTextError(f"{what}: choose {known}")

    def wallet(self, agent: Agent, name: str | None) -> str:
        """The address of a wallet by its id; without a name the agent's first one.

        Raises PolicyTextError.
        """
        wanted = agent.wallets[0] if name is None else name
        for wallet in self.wallets:
            if wallet.name == wanted:
                return wallet.address
        known = choices(wallet.name for wallet in self.wallets)
        raise PolicyTextError(f"the policy has no wallet `{safe(wanted, 64)}`: choose {known}")

    def asset(self, name: str, chain: int) -> Asset:
        """The asset of this id, or the only one of this symbol on the chain.

        Raises PolicyTextError.
        """
        here = [asset for asset in self.assets if asset.chain == chain]
        found = [asset for asset in here if asset.id == name]
        found = found or [asset for asset in here if asset.symbol.lower() == name.lower()]
        if len(found) == 1:
            return found[0]
        known = choices(asset.id for asset in found or here)
        what = "is the symbol of several assets" if found else f"is no asset of chain {chain}"
        raise PolicyTextError(f"`{safe(name, 64)}` {what}: choose {known}")


def choices(names: Iterable[str]) -> str:
    """`a`, `b`: what can be written instead."""
    shown = [f"`{safe(name, 100)}`" for name in names]
    more = f" and {len(shown) - 20} more" if len(shown) > 20 else ""
    return (", ".join(shown[:20]) or "none is declared") + more


def _rows(table: dict[str, Any], name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.get(name, [])
    return rows


def _ids(document: dict[str, Any], table: str) -> tuple[str, ...]:
    return tuple(row["id"] for row in _rows(document, table))


def _caps(document: dict[str, Any]) -> Iterator[str]:
    """Ids of the forbids and limits that caps of lists and entries are: `@vendors/day`."""
    for row in _rows(document, "list"):
        yield from _capped(f"@{row['id']}", row)
        for entry in _rows(row, "entry"):
            chain = f"{entry['chain']}:" if "chain" in entry else ""
            yield from _capped(f"@{row['id']}/{chain}{entry['address']}", entry)


def _capped(name: str, row: dict[str, Any]) -> Iterator[str]:
    for word in ("payment", "day", "month", "total"):
        if f"{word}_usd_max" in row:
            yield f"{name}/{word}"


def _is_forbid(cap: str) -> bool:
    return cap.endswith("/payment")


def _parties(document: dict[str, Any], table: str) -> tuple[Party, ...]:
    return tuple(
        Party(row["id"], row["address"], table, row.get("chain")) for row in _rows(document, table)
    )


def _entries(row: dict[str, Any]) -> tuple[Party, ...]:
    return tuple(
        Party(
            entry.get("label", ""),
            entry["address"],
            f"on @{row['id']}",
            entry.get("chain"),
            entry.get("expires"),
        )
        for entry in _rows(row, "entry")
    )


def _asset(row: dict[str, Any]) -> Asset:
    return Asset(
        row["id"],
        row["chain"],
        row.get("address"),
        row.get("decimals", 0),
        row["symbol"],
        row.get("standard", "erc20"),
    )
