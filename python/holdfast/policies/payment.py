"""A payment in words becomes the request that an agent would send."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from holdfast.policies.declared import Agent, Asset, Declared, Party
from holdfast.policies.errors import PolicyTextError
from holdfast.policies.payee import payee
from holdfast.wording import safe

# `transfer(address,uint256)` and `approve(address,uint256)` of ERC-20.
TRANSFER, APPROVE = "a9059cbb", "095ea7b3"
# What clients of x402 usually ask for.
X402_VALID = timedelta(minutes=5)
UNLIMITED = "unlimited"
_AMOUNT = re.compile(r"(\d+)(?:\.(\d+))?")
_X402_NONCE = "0x" + "11" * 32
_FIELDS = {
    "EIP712Domain": (
        ("name", "string"),
        ("version", "string"),
        ("chainId", "uint256"),
        ("verifyingContract", "address"),
    ),
    "TransferWithAuthorization": (
        ("from", "address"),
        ("to", "address"),
        ("value", "uint256"),
        ("validAfter", "uint256"),
        ("validBefore", "uint256"),
        ("nonce", "bytes32"),
    ),
}


@dataclass(frozen=True)
class Words:
    """What is asked in words: `kind` is `pay`, `allow` or `x402`; `amount` like `25 usdc`."""

    kind: str
    amount: str
    to: str
    wallet: str | None = None


@dataclass(frozen=True)
class Built:
    """The request, and what it says in one line."""

    method: str
    params: list[Any]
    text: str


def build(declared: Declared, agent: Agent, words: Words, at: datetime) -> Built:
    """The request of `agent` at `at`. Raises PolicyTextError for words that name nothing."""
    wallet = declared.wallet(agent, words.wallet)
    asset, units = amount(declared, agent, words.amount, kind=words.kind)
    to = payee(declared, words.to, agent.chain, at)
    verb = {"pay": "pay", "allow": "allow", "x402": "sign an x402 payment of"}[words.kind]
    text = f"{verb} {safe(words.amount, 100)} to {to.words}"
    if words.kind == "x402":
        document = _authorisation(asset, wallet, to, units, at)
        return Built("eth_signTypedData_v4", [wallet, document], text)
    transaction = _transaction(words.kind, asset, to, units)
    return Built("eth_sendTransaction", [{"from": wallet, **transaction}], text)


def amount(declared: Declared, agent: Agent, text: str, *, kind: str) -> tuple[Asset, int]:
    """The asset and the base units of `25 usdc`; `kind` as in `Words`. Raises PolicyTextError."""
    number, _, name = text.strip().partition(" ")
    if not name:
        raise PolicyTextError(
            f'`{safe(text, 64)}` is not an amount: write a number and an asset, such as "25 usdc"'
        )
    asset = declared.asset(name.strip(), agent.chain)
    if asset.standard != "erc20":
        raise PolicyTextError(f"`{asset.id}` is {asset.standard}: write its request as JSON-RPC")
    if asset.address is None and kind != "pay":
        raise PolicyTextError(f"`{asset.id}` is no token: only `pay` can send it")
    if number == UNLIMITED and kind == "allow":
        return asset, 2**256 - 1
    return asset, base_units(number, asset.decimals)


def base_units(number: str, decimals: int) -> int:
    """A decimal number in base units, exactly. Raises PolicyTextError."""
    match = _AMOUNT.fullmatch(number)
    if not match or len(match[2] or "") > decimals or len(number) > 120:
        raise PolicyTextError(
            f"`{safe(number, 64)}` is not an amount: write digits with at most {decimals} "
            "decimal places"
        )
    units = int(match[1] + (match[2] or "").ljust(decimals, "0"))
    if units >= 2**256:
        raise PolicyTextError(f"`{safe(number, 64)}` is more than 256 bits can hold")
    return units


def _transaction(kind: str, asset: Asset, to: Party, units: int) -> dict[str, str]:
    if asset.address is None:
        return {"to": to.address, "value": hex(units)}
    selector = APPROVE if kind == "allow" else TRANSFER
    data = f"0x{selector}{to.address[2:].lower():0>64}{units:064x}"
    return {"to": asset.address, "data": data}


def _authorisation(
    asset: Asset, wallet: str, to: Party, units: int, at: datetime
) -> dict[str, Any]:
    """The document of EIP-3009 that x402 `exact` signs; valid for five minutes."""
    types = {
        name: [{"name": field, "type": kind} for field, kind in fields]
        for name, fields in _FIELDS.items()
    }
    return {
        "domain": {
            "name": asset.symbol,
            "version": "2",
            "chainId": asset.chain,
            "verifyingContract": asset.address,
        },
        "message": {
            "from": wallet,
            "to": to.address,
            "value": str(units),
            "validAfter": "0",
            "validBefore": str(int((at + X402_VALID).timestamp())),
            "nonce": _X402_NONCE,
        },
        "primaryType": "TransferWithAuthorization",
        "types": types,
    }
