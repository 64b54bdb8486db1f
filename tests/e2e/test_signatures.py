"""Typed data and messages through viem: a person approves, the same signature comes back."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from tests.e2e.clients import node
from tests.e2e.conftest import World

pytestmark = pytest.mark.timeout(240)
TYPED: dict[str, Any] = {
    "domain": {
        "name": "Ticket office",
        "version": "1",
        "chainId": 31337,
        "verifyingContract": "0x00000000000000000000000000000000DeaDBeef",
    },
    "types": {
        "EIP712Domain": [
            {"name": "name", "type": "string"},
            {"name": "version", "type": "string"},
            {"name": "chainId", "type": "uint256"},
            {"name": "verifyingContract", "type": "address"},
        ],
        "Ticket": [{"name": "seat", "type": "string"}, {"name": "number", "type": "uint256"}],
    },
    "primaryType": "Ticket",
    "message": {"seat": "14 {C}", "number": "3"},
}


def approved(world: World, action: str, given: dict[str, Any]) -> str:
    """The signature after pending, approval and asking again; fails on anything else."""
    socket = world.house.agent_socket("viem")
    given = {"from": world.wallet, **given}
    first = node("viem_agent.mjs", socket, action, given)["error"]
    assert first["code"] == -32003, first
    request = first["data"]["requestId"]
    world.door.answer("approve", request)
    world.ended(request, "released")
    second = node("viem_agent.mjs", socket, action, given)
    assert "ok" in second, second
    return str(second["ok"])


def test_a_message_is_signed_only_after_approval_and_by_the_wallet(world: World) -> None:
    text = "I agree to {nothing} in particular"
    signature = approved(world, "signMessage", {"message": text})
    signer = Account.recover_message(encode_defunct(text=text), signature=signature)
    assert signer == world.wallet


def test_typed_data_is_signed_only_after_approval_and_by_the_wallet(world: World) -> None:
    signature = approved(world, "signTypedData", {"typed": TYPED})
    signable = encode_typed_data(full_message=TYPED)
    assert Account.recover_message(signable, signature=signature) == world.wallet
