"""The small client agents may import: signed requests, idempotency keys, waiting for a person."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from tests.e2e.conftest import SIGNER, World, wait_for

from holdfast.agent import Client, Denied, Pending, RequestKey, RpcError, connect

pytestmark = pytest.mark.timeout(120)
CENT = 10**13  # wei


def client(world: World, agent: str, key: RequestKey | None = None) -> Client:
    world.guardian.agent_socket(agent)
    return connect(world.guardian.home.path, agent, key)


def payment(world: World, to: str, value: int) -> dict[str, Any]:
    return {"from": world.wallet, "to": to, "value": hex(value), "gas": "0x5208"}


def test_a_signed_request_is_carried_out(world: World) -> None:
    with client(world, "signed", SIGNER) as agent:
        tx_hash = agent.send_transaction(payment(world, world.known, CENT), wait_s=30)
    assert world.chain.receipt(tx_hash)["status"] == "0x1"


def test_an_agent_with_a_key_is_refused_without_its_signature(world: World) -> None:
    nonce = world.chain.nonce(world.wallet)
    with client(world, "signed") as agent, pytest.raises(Denied) as no:
        agent.send_transaction(payment(world, world.known, CENT))
    assert no.value.data["reasons"][0]["code"] == "signature_required"
    with client(world, "signed", RequestKey.generate()) as agent, pytest.raises(Denied) as no:
        agent.send_transaction(payment(world, world.known, CENT))
    assert no.value.data["reasons"][0]["code"] == "signature_invalid"
    assert world.chain.nonce(world.wallet) == nonce


def test_a_signed_request_works_once(world: World) -> None:
    call = SIGNER.wrap("signed", "eth_sendTransaction", [payment(world, world.known, 3 * CENT)])
    before = world.chain.balance(world.known)
    with client(world, "signed") as agent:
        first = agent.call(call["method"], call["params"])
        again = agent.call(call["method"], call["params"])
    assert first["status"] in ("ok", "pending")
    assert again["status"] in ("denied", "refused")
    assert again["reasons"][0]["code"] == "replayed"
    wait_for("one payment", lambda: world.chain.balance(world.known) - before == 3 * CENT)


def test_the_same_idempotency_key_pays_once_and_another_body_is_refused(world: World) -> None:
    before = world.chain.balance(world.known)
    body = payment(world, world.known, 5 * CENT)
    with client(world, "cast") as agent:
        first = agent.send_transaction(body, wait_s=30, idempotency_key="invoice-7")
        assert agent.send_transaction(body, wait_s=30, idempotency_key="invoice-7") == first
        other = payment(world, world.known, 6 * CENT)
        with pytest.raises(RpcError) as no:
            agent.send_transaction(other, idempotency_key="invoice-7")
    assert no.value.data["reasons"][0]["code"] == "idempotency_conflict"
    world.chain.receipt(first)
    assert world.chain.balance(world.known) - before == 5 * CENT


def test_it_waits_for_a_person_and_then_has_the_hash(world: World) -> None:
    body = payment(world, world.shop, 13 * CENT)
    told: list[str] = []
    with client(world, "ethers") as agent:
        with pytest.raises(Pending) as pending:
            agent.send_transaction(body, note="the thirteenth")

        def wait() -> None:
            told.append(agent.send_transaction(body, wait_s=60))

        waiting = threading.Thread(target=wait)
        waiting.start()
        world.operator.answer("approve", pending.value.request_id)
        waiting.join(60)
    view = world.operator.call("request", id=pending.value.request_id)
    assert told == [view["hash"]]
    assert view["note"] == "the thirteenth"


def test_reads_pass_through(world: World) -> None:
    with client(world, "viem") as agent:
        assert agent.call("eth_chainId") == hex(31337)
        assert [one.lower() for one in agent.call("eth_accounts")] == [world.wallet.lower()]
        assert int(agent.call("eth_getBalance", [world.wallet, "latest"]), 16) > 0
