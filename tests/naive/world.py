"""The small world that generated policies are about: few names, so that they meet often."""

from __future__ import annotations

import json
from random import Random
from typing import Any

Table = dict[str, Any]

HOME, AWAY = 31337, 31338
WALLETS = {
    "treasury": "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
    "ops": "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720",
}
AGENTS = {
    "shopper": (HOME, ["treasury"]),
    "trader": (HOME, ["treasury", "ops"]),
    "payer": (AWAY, ["ops"]),
}
TOKENS = {
    "usdc": (HOME, "0xA34645Ceb35B11E4a8AA9E39fd3b06fE6A6Cd5F5", 6),
    "usdt": (HOME, "0xcD1634EF55B13679E59Bae595CC026417DC90107", 6),
    "dai": (HOME, "0x4DE6BB4e4a6C2058981c96726e7142bc487588eA", 18),
    "usdc-b": (AWAY, "0x5b375Ac65d15CCB3DD5b838fd263aDc3c1c50Cd0", 6),
}
COINS = {"eth": HOME, "coin-b": AWAY}
PLACES = {**{name: places for name, (_, _, places) in TOKENS.items()}, "eth": 18, "coin-b": 18}
CHAIN_OF = {**{name: chain for name, (chain, _, _) in TOKENS.items()}, **COINS}
GROUP = ("usdc", "usdt", "usdc-b")  # of the same decimals
UNREGISTERED = "0xA116c9ed46D6207734A43317D30fd88f52ac8634"
PAYEES = (
    "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
    "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
    "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65",
)
STRANGER = "0x976EA74026E726554dB657fA54763abd0C3a0aa9"
LOOKS_LIKE_A_PAYEE = "0x7099aBAbAbaBababaBabAbaBAbAbAbaBaBAB79C8"
CONTRACT = "0xe622Da235a56977383e1dB8bfe71eaA9b6156CEc"
PARTIES = (*PAYEES, STRANGER, CONTRACT)
LISTS = ("vendors", "shops", "risky")
SCHEDULES = ("office", "night")
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "America/Havana",
    "Asia/Kathmandu",
)
USD = ("5", "10", "20", "50", "100")
SHORT = ("1h", "24h", "48h", "7d", "30d")


class Raw(str):
    """TOML that is written as it is: a date."""

    __slots__ = ()


def toml(tables: dict[str, list[Table]]) -> str:
    """A policy file."""
    lines = ["version = 1", 'name = "generated"']
    for kind, each in tables.items():
        for table in each:
            lines += [f"[[{kind}]]", *_keys(table)]
            for entry in table.get("entry", []):
                lines += [f"[[{kind}.entry]]", *_keys(entry)]
    return "\n".join(lines) + "\n"


def _keys(table: Table) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in table.items() if key != "entry"]


def _value(value: Any) -> str:
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    return json.dumps(value)


def some(dice: Random, of: Any, most: int = 3) -> list[Any]:
    """One to `most` different ones, in any order."""
    return dice.sample(list(of), dice.randint(1, min(most, len(of))))


def maybe(dice: Random, chance: float) -> bool:
    """True that often."""
    return dice.random() < chance
