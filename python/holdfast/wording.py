"""The words for effects and amounts that console, command line and alerts share. Pure."""

from __future__ import annotations

from typing import Any

from holdfast._core import (
    EFFECT_KINDS,
    LEAVING_EFFECTS,
    MEASURED_EFFECTS,
    OPAQUE_EFFECTS,
    display_safe,
)
from holdfast.codes import WarningCode

VERBS = {
    "transfer": "pay",
    "allowance": "allowance",
    "revoke": "revoke",
    "swap": "swap",
    "deposit": "deposit",
    "order": "offer",
    "debt": "owe",
    "convert": "convert",
    "control": "control",
    "deploy": "deploy",
    "call": "call",
    "typed-data": "sign data",
    "message": "sign message",
    "fee": "fee up to",
}
# What takes value away, now or later; a debt does not, but costs as much.
LEAVING = LEAVING_EFFECTS
MOVING = LEAVING | {"debt"}
# What has no amount at all.
UNMEASURED = frozenset(EFFECT_KINDS) - MEASURED_EFFECTS - {"fee"}
OPAQUE = OPAQUE_EFFECTS
# An amount of these is a number of tokens, and says nothing of which ones.
TOKENS = {"erc721": "ERC-721", "erc1155": "ERC-1155"}
Json = dict[str, Any]

_RANKS = {str(code): number for number, code in enumerate(WarningCode)}


def grave_first(warnings: list[Json]) -> list[Json]:
    """Warnings in the order in which a person should read them; those of another version last."""
    return sorted(warnings, key=lambda each: _RANKS.get(str(each.get("code")), len(_RANKS)))


def safe(text: object, max_chars: int = 4_000) -> str:
    """One line of display-safe text; all outside the core's allow-list becomes a visible escape."""
    words = text if isinstance(text, str) else str(text)
    if len(words) <= max_chars and words.isascii() and words.isprintable():
        return words
    return display_safe(words, max_chars)


def amount(
    base_units: str | int | None,
    decimals: int | None,
    symbol: str | None,
    *,
    unlimited: bool = False,
    standard: str | None = None,
) -> str:
    """Exact whole units with thousands separators, `1,250.5 USDC`.

    Base units when decimals are unknown. Single tokens are marked: `3 PUNK (ERC-721)`.
    """
    name = safe(symbol, 24) if symbol else ""
    if standard in TOKENS:
        name = f"{name} ({TOKENS[standard]})".lstrip()
    if unlimited:
        return f"UNLIMITED {name}".rstrip()
    if base_units is None:
        return "unknown amount"
    try:
        units = int(base_units)
    except ValueError:
        return f"{safe(base_units, 90)} {name}".rstrip()
    if decimals is None:
        return f"{units:,} base units {name}".rstrip()
    return f"{decimal(units, decimals)} {name}".rstrip()


def decimal(units: int, decimals: int) -> str:
    """`units` / 10^decimals without rounding.

    At least two places unless whole, trailing zeros cut.
    """
    sign = "-" if units < 0 else ""
    whole, part = divmod(abs(units), 10**decimals)
    if not part:
        return f"{sign}{whole:,}"
    digits = str(part).rjust(decimals, "0").rstrip("0").ljust(2, "0")
    return f"{sign}{whole:,}.{digits}"
