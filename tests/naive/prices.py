"""What assets are worth by the facts of a decision, in micro-USD, rounded up."""

from __future__ import annotations

from typing import Any

from tests.naive.clock import duration
from tests.naive.policy import PRICE_PLACES, USD_PLACES, Policy, Table, units

FUTURE_MS = 60_000


def price(asset: Table, facts: dict[str, Any], now_ms: int) -> int | None:
    """The price that counts for what may leave, with 18 places; None while it is unknown."""
    if "price_usd" in asset:
        return units(asset["price_usd"], PRICE_PLACES)
    told = facts.get("prices", {}).get(asset["id"], [])
    fresh = []
    for one in told if isinstance(told, list) else [told]:
        value = units(one["usd"], PRICE_PLACES)
        if value <= 0 or one["at"] > now_ms + FUTURE_MS:
            return None
        if now_ms - one["at"] <= duration(asset.get("price_max_age", "1h")):
            fresh.append(value)
    return max(fresh) if len(fresh) >= asset.get("price_sources_min", 1) else None


def worth(
    policy: Policy, asset_id: str | None, amount: int, facts: dict[str, Any], now_ms: int
) -> int | None:
    """Micro-USD of an amount; None without a price. Zero is worth zero whatever the price."""
    if amount == 0:
        return 0
    asset = policy.assets.get(asset_id or "")
    each = price(asset, facts, now_ms) if asset else None
    if asset is None or each is None:
        return None
    scale: int = 10 ** (asset["decimals"] + PRICE_PLACES - USD_PLACES)
    return -(-amount * each // scale)
