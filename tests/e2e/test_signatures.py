"""Typed data and messages through viem: a person approves, the same signature comes back."""

from __future__ import annotations

import json
import socket
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


def asked(path: str, call: dict[str, Any]) -> dict[str, Any]:
    """One call as bytes on the socket: client libraries refuse what is asked here themselves."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(path)
        line.sendall(json.dumps(call).encode() + b"\n")
        with line.makefile("rb") as answers:
            return dict(json.loads(answers.readline()))


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


def test_a_document_with_a_wrong_checksum_is_shown_with_a_warning_and_signed_after_approval(
    world: World,
) -> None:
    # The last letter is wrong: nobody can say whether this address was meant.
    contract = "0x00000000000000000000000000000000DeaDBeeF"
    typed = TYPED | {"domain": TYPED["domain"] | {"verifyingContract": contract}}
    path = str(world.house.agent_socket("viem"))
    request = {"jsonrpc": "2.0", "id": 1, "method": "eth_signTypedData_v4"}
    call = request | {"params": [world.wallet, json.dumps(typed)]}
    first = asked(path, call)["error"]
    assert first["code"] == -32003, first
    pending = first["data"]["requestId"]
    shown = world.door.call("request", id=pending)
    assert "checksum" in [warning["code"] for warning in shown["warnings"]]
    assert [effect["effect"] for effect in shown["effects"]] == ["typed-data"]
    world.door.answer("approve", pending)
    world.ended(pending, "released")
    signature = asked(path, call)["result"]
    digest = encode_typed_data(full_message=TYPED)
    assert Account.recover_message(digest, signature=signature) == world.wallet
