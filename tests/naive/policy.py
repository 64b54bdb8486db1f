"""A policy file as tables of plain values: amounts in base units, times in milliseconds."""

from __future__ import annotations

import tomllib
from typing import Any

from tests.naive.clock import duration, milliseconds
from tests.naive.verdict import ASKED, DELAY, Verdict

Table = dict[str, Any]
USD_PLACES, PRICE_PLACES = 6, 18


def units(text: str, places: int) -> int:
    """`1.5` with six places is 1500000."""
    whole, _, part = text.partition(".")
    return int(whole + part.ljust(places, "0"))


class Policy:
    """What a file says. Nothing is checked: only valid files are compared."""

    def __init__(self, source: str) -> None:
        self.tables: Table = tomllib.loads(source)
        self.chains = {one["id"]: one for one in self.all("chain")}
        self.agents = {one["id"]: one for one in self.all("agent")}
        self.wallets = {one["id"]: one["address"].lower() for one in self.all("wallet")}
        self.assets = {one["id"]: one for one in self.all("asset")}
        self.schedules = {one["id"]: one for one in self.all("schedule")}
        self.lists = self._lists()
        self.rules = self.all("rule")
        self.forbids = [*self.all("forbid"), *self._caps_of_payments()]
        self.reviews = self.all("review")
        self.limits = [*self.all("limit"), *self._caps_of_windows()]

    def all(self, kind: str) -> list[Table]:
        """The tables of a kind."""
        return list(self.tables.get(kind, []))

    def asset_at(self, chain: int, address: str | None) -> Table | None:
        """The registered token of an address, or the coin for None."""
        for asset in self.assets.values():
            native = asset.get("native", False)
            if asset["chain"] == chain and (
                native if address is None else asset.get("address", "").lower() == address
            ):
                return asset
        return None

    def places(self, asset_id: str) -> int:
        """Decimals of an asset."""
        return int(self.assets[asset_id]["decimals"])

    def named(self, names: list[str]) -> set[str]:
        """The assets that a matcher names: `#stable` is a group."""
        return {
            asset["id"]
            for asset in self.assets.values()
            for name in names
            if name in (asset["id"], "#" + asset.get("group", ""))
        }

    def addresses(self) -> set[str]:
        """Every address of a wallet, token, contract or list."""
        found = set(self.wallets.values())
        found |= {one["address"].lower() for one in self.assets.values() if "address" in one}
        found |= {one["address"].lower() for one in self.all("contract")}
        found |= {entry["address"] for entries in self.lists.values() for entry in entries}
        return found

    def _lists(self) -> dict[str, list[Table]]:
        lists: dict[str, list[Table]] = {one["id"]: [] for one in self.all("list")}
        for one in self.all("list"):
            for entry in one.get("entry", []):
                held = {
                    "address": entry["address"].lower(),
                    "chain": entry.get("chain"),
                    "until": milliseconds(entry["expires"]) if "expires" in entry else None,
                }
                for name in [one["id"], *entry.get("tags", [])]:
                    lists[name].append(held)
        for one in self.all("contract"):
            held = {"address": one["address"].lower(), "chain": one["chain"], "until": None}
            for name in one.get("tags", []):
                lists[name].append(held)
        return lists

    def _capped(self) -> list[tuple[str, Table, Table]]:
        """(name, matchers, caps) of every list and entry."""
        found: list[tuple[str, Table, Table]] = []
        for one in self.all("list"):
            found.append((f"@{one['id']}", {"to": [f"@{one['id']}"]}, one))
            for entry in one.get("entry", []):
                matchers: Table = {"to": [entry["address"]]}
                place = entry["address"]
                if "chain" in entry:
                    matchers["chains"] = [entry["chain"]]
                    place = f"{entry['chain']}:{place}"
                found.append((f"@{one['id']}/{place}", matchers, entry))
        return found

    def _caps_of_payments(self) -> list[Table]:
        return [
            {
                "id": f"{name}/payment",
                "usd_above": caps["payment_usd_max"],
                "effects": ["transfer", "allowance", "swap", "deposit", "order", "debt"],
                **matchers,
            }
            for name, matchers, caps in self._capped()
            if "payment_usd_max" in caps
        ]

    def _caps_of_windows(self) -> list[Table]:
        windows = (("day", "24h"), ("month", "30d"), ("total", "lifetime"))
        return [
            {
                "id": f"{name}/{word}",
                "per": "global",
                "measure": "usd",
                "max": caps[f"{word}_usd_max"],
                "window": window,
                "on_exceed": "deny",
                **matchers,
            }
            for name, matchers, caps in self._capped()
            for word, window in windows
            if f"{word}_usd_max" in caps
        ]


def verdict_of(table: Table, key: str = "tier") -> Verdict:
    """The tier of a rule or review, or the `on_exceed` of a limit, with its numbers."""
    tier = table[key]
    if tier == "approval":
        timeout = duration(table["timeout"]) if "timeout" in table else ASKED.timeout_ms
        return Verdict(tier, quorum=table.get("quorum", 1), timeout_ms=timeout)
    if tier == "freeze":
        return Verdict("deny")
    return Verdict(tier, delay_ms=duration(table["delay"]) if tier == DELAY else 0)
