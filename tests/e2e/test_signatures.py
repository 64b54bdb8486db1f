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
    socket = world.guardian.agent_socket("viem")
    given = {"from": world.wallet, **given}
    first = node("viem_agent.mjs", socket, action, given)["error"]
    assert first["code"] == -32003, first
    request = first["data"]["requestId"]
    world.operator.answer("approve", request)
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


def test_integers_of_any_size_are_signed_as_python_writes_them(world: World) -> None:
    """Beyond 2^53 and beyond 2^64, as numbers and as text: one document, one digest."""
    path = str(world.guardian.agent_socket("viem"))
    kinds = [("price", "uint256"), ("most", "uint256"), ("change", "int256"), ("few", "uint8")]
    order = [{"name": name, "type": kind} for name, kind in kinds]
    message = {"price": 20 * 10**18, "most": 2**256 - 1, "change": -(2**255), "few": 1}
    types = {"EIP712Domain": TYPED["types"]["EIP712Domain"], "Order": order}
    typed = TYPED | {"types": types, "primaryType": "Order", "message": message}
    spelled = typed | {"message": {name: str(value) for name, value in message.items()}}
    digest = encode_typed_data(full_message=typed)
    request = {"jsonrpc": "2.0", "id": 1, "method": "eth_signTypedData"}
    first = asked(path, request | {"params": [world.wallet, typed]})["error"]
    assert first["code"] == -32003, first
    pending = first["data"]["requestId"]
    for other in (spelled, json.dumps(typed)):
        joined = asked(path, request | {"params": [world.wallet, other]})["error"]["data"]
        assert joined["requestId"] == pending
    inner = {"method": "eth_signTypedData", "params": [world.wallet, typed]}
    submit = request | {"method": "holdfast_submit", "params": [inner]}
    assert asked(path, submit)["result"]["requestId"] == pending
    world.operator.answer("approve", pending)
    world.ended(pending, "released")
    signature = asked(path, request | {"params": [world.wallet, typed]})["result"]
    assert Account.recover_message(digest, signature=signature) == world.wallet


def test_a_document_with_a_wrong_checksum_is_shown_with_a_warning_and_signed_after_approval(
    world: World,
) -> None:
    # The last letter is wrong: nobody can say whether this address was meant.
    contract = "0x00000000000000000000000000000000DeaDBeeF"
    typed = TYPED | {"domain": TYPED["domain"] | {"verifyingContract": contract}}
    path = str(world.guardian.agent_socket("viem"))
    request = {"jsonrpc": "2.0", "id": 1, "method": "eth_signTypedData_v4"}
    call = request | {"params": [world.wallet, json.dumps(typed)]}
    first = asked(path, call)["error"]
    assert first["code"] == -32003, first
    pending = first["data"]["requestId"]
    shown = world.operator.call("request", id=pending)
    assert "checksum" in [warning["code"] for warning in shown["warnings"]]
    assert [effect["effect"] for effect in shown["effects"]] == ["typed-data"]
    world.operator.answer("approve", pending)
    world.ended(pending, "released")
    signature = asked(path, call)["result"]
    digest = encode_typed_data(full_message=TYPED)
    assert Account.recover_message(digest, signature=signature) == world.wallet
