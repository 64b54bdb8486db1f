"""Fills a template: what the operator names goes into the policy and into its cases alike."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from string import Template

from holdfast.policies.errors import PolicyTextError
from holdfast.policies.head import Surroundings, fee_limit, head, quoted
from holdfast.policies.payment import base_units

# What each is for, in the order in which help lists them.
TEMPLATES = {
    "x402-shopper": "small signed payments to merchants",
    "payroll": "salaries to a list of people",
    "arbitrage": "swaps on named venues",
    "farming": "deposits into named vaults",
    "experimental": "unknown contracts with little money",
    "treasury": "payments that several operators approve",
}
# Those that name no one.
WITHOUT_PAYEES = frozenset({"experimental"})
# Someone who is on no list.
STRANGER = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
# `swapExactTokensForTokens` of Uniswap v2 and `deposit` of ERC-4626.
_SWAP, _DEPOSIT = "38ed1739", "6e553f65"
_FAR_DEADLINE = 4_000_000_000


@dataclass(frozen=True)
class Filled:
    """The text of a policy, and that of its cases."""

    policy: str
    cases: str


def fill(name: str, place: Surroundings) -> Filled:
    """The template with this name; `place.addresses` are the payees by label.

    Raises PolicyTextError for what a template needs and is not named.
    """
    if not place.tokens:
        raise PolicyTextError("a token is missing: name one with --asset usdc=ADDRESS:6:1")
    if not place.addresses and name not in WITHOUT_PAYEES:
        raise PolicyTextError(f"`{name}` pays those you name: --payee NAME=ADDRESS, repeatable")
    if name == "arbitrage" and len(place.tokens) < 2:
        raise PolicyTextError(
            "`arbitrage` swaps two tokens: name another with --asset weth=ADDRESS:18"
        )
    words = _words(name, place)
    return Filled(_text(f"{name}.toml", words), _text(f"{name}.tests.toml", words))


def _text(file: str, words: dict[str, str]) -> str:
    source = files("holdfast.policies.templates").joinpath(file).read_text("utf-8")
    return Template(source).substitute(words).strip("\n") + "\n"


def _words(name: str, place: Surroundings) -> dict[str, str]:
    token, second = place.tokens[0], place.tokens[-1]
    payee = next(iter(place.addresses.values()), STRANGER)
    words = {
        "head": head(name, place),
        "payees": _payees(place),
        "routers": _contracts(place, "uniswap-v2-router", None),
        "vaults": _contracts(place, "erc4626", token.id),
        "fees": fee_limit(place).rstrip("\n"),
        "fees_a_day": place.fees_a_day,
        "agent": place.agent,
        "coin": place.coin,
        "token": token.id,
        "second": second.id,
        "assets": json.dumps([each.id for each in place.tokens]),
        "payee": payee,
        "stranger": STRANGER,
    }
    for size, units in (("small", "1000"), ("large", "1001")):
        words[f"deposit_{size}"] = _deposit(place, units)
    for kind, paid, least in (
        ("good", "90", "0.0297"),
        ("poor", "90", "0.0296"),
        ("large", "300", "0.1"),
    ):
        words[f"swap_{kind}"] = _swap(place, paid, least)
    return words


def _payees(place: Surroundings) -> str:
    entries = [
        f"[[list.entry]]\naddress = {quoted(address)}\nlabel = {quoted(label)}\n"
        for label, address in place.addresses.items()
    ]
    return "".join(['[[list]]\nid = "payees"\n', *entries])


def _contracts(place: Surroundings, protocol: str, asset: str | None) -> str:
    held = f'asset = "{asset}"\n' if asset else ""
    return "\n".join(
        f'[[contract]]\nid = "contract-{number}"\nchain = {place.chain}\n'
        f"address = {quoted(address)}\nprotocol = {quoted(protocol)}\n{held}"
        for number, address in enumerate(place.addresses.values(), start=1)
    )


def _word(value: int | str) -> str:
    """32 bytes of call data: a number, or an address."""
    return f"{value:064x}" if isinstance(value, int) else value[2:].lower().rjust(64, "0")


def _deposit(place: Surroundings, amount: str) -> str:
    units = base_units(amount, place.tokens[0].decimals)
    return "0x" + _DEPOSIT + _word(units) + _word(place.wallets[0])


def _swap(place: Surroundings, amount: str, least: str) -> str:
    """So much of the first token for at least so much of the last one, at 3000 USD."""
    first, last = place.tokens[0], place.tokens[-1]
    head_words = (base_units(amount, first.decimals), base_units(least, max(last.decimals, 4)))
    path = (2, first.address, last.address)
    fixed = (*head_words, 5 * 32, place.wallets[0], _FAR_DEADLINE)
    return "0x" + _SWAP + "".join(_word(each) for each in (*fixed, *path))
