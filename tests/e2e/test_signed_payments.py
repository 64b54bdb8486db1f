"""Payments signed as a document (EIP-3009, what x402 sellers ask for) are judged like sent ones."""

from __future__ import annotations

import time
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from tests.e2e.clients import node
from tests.e2e.conftest import World

pytestmark = pytest.mark.timeout(240)
USD = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
MEMBERS = (
    "address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce"
)
DOMAIN = "string name,string version,uint256 chainId,address verifyingContract"
MILLION = 1_000_000
PENDING = -32003


def members(text: str) -> list[dict[str, str]]:
    pairs = (member.split(" ") for member in text.split(","))
    return [{"name": name, "type": kind} for kind, name in pairs]


def payment(world: World, to: str, units: int, lasts_s: int, number: int) -> dict[str, Any]:
    """A TransferWithAuthorization of `units` base units."""
    return {
        "domain": {"name": "USD", "version": "2", "chainId": 31337, "verifyingContract": USD},
        "types": {"EIP712Domain": members(DOMAIN), "TransferWithAuthorization": members(MEMBERS)},
        "primaryType": "TransferWithAuthorization",
        "message": {
            "from": world.wallet,
            "to": to,
            "value": str(units),
            "validAfter": "0",
            "validBefore": str(int(time.time()) + lasts_s),
            "nonce": f"0x{number:064x}",
        },
    }


def sign(world: World, typed: dict[str, Any]) -> dict[str, Any]:
    given = {"from": world.wallet, "typed": typed}
    return dict(node("viem_agent.mjs", world.guardian.agent_socket("viem"), "signTypedData", given))


def signature(world: World, typed: dict[str, Any]) -> str:
    """The signature; on a busy machine it may come only with the next try, as for any client."""
    answer = sign(world, typed)
    if answer.get("error", {}).get("code") == PENDING:
        world.ended(answer["error"]["data"]["requestId"], "released")
        answer = sign(world, typed)
    return str(answer["ok"])


def denied(answer: dict[str, Any]) -> list[str]:
    assert answer["error"]["code"] == 4001, answer
    return [reason["code"] for reason in answer["error"]["data"]["reasons"]]


def test_a_signed_payment_is_granted_limited_and_counted_like_a_sent_one(world: World) -> None:
    first = payment(world, world.known, 5 * MILLION, 600, 1)
    signable = encode_typed_data(full_message=first)
    signer = Account.recover_message(signable, signature=signature(world, first))
    assert signer == world.wallet
    # It counts from its signature on, whether anybody collected it or not.
    over = payment(world, world.known, 4 * MILLION, 600, 2)
    assert denied(sign(world, over)) == ["limit_exceeded"]
    stranger = payment(world, world.stranger, 1, 600, 3)
    assert denied(sign(world, stranger)) == ["no_grant"]
    assert signature(world, payment(world, world.known, 3 * MILLION, 600, 4))


def test_a_signed_payment_that_lasts_long_waits_for_a_person(world: World) -> None:
    answer = sign(world, payment(world, world.known, 0, 7_200, 5))
    assert answer["error"]["code"] == PENDING, answer
    request = answer["error"]["data"]["requestId"]
    view = world.operator.call("request", id=request)
    assert "long_lived" in [reason["code"] for reason in view["reasons"]]
    assert view["effects"][0]["effect"] == "transfer"
    world.operator.answer("deny", request)
