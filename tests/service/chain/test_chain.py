"""What is asked of a node, on a real one, and what its worst answers may do."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from tests.support.anvil import Anvil
from tests.support.guardian import eventually
from tests.support.inputs import Inputs
from tests.support.proxy import NodeProxy, error, result
from tests.support.sending import broadcast_one
from tests.support.token import deploy_token, transfer_data

from holdfast.service.chain import broadcast
from holdfast.service.chain.broadcast import WouldFail
from holdfast.service.chain.chain import Chain, Chains, FeeTooHigh
from holdfast.service.chain.endpoint import (
    ANSWER_BYTES_MAX,
    EndpointDown,
    EndpointSettings,
    RpcError,
)
from holdfast.service.chain.inputs import TransactionFacts

VENDOR = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
GWEI = 10**9


@pytest.fixture
async def chain(proxy: NodeProxy) -> AsyncIterator[Chain]:
    made = Chain(EndpointSettings(31337, proxy.url, timeout_ms=2000))
    yield made
    await made.close()


@pytest.fixture
def wallet(anvil: Anvil) -> LocalAccount:
    account: LocalAccount = Account.create()
    anvil.fund(account.address)
    return account


def view(wallet: LocalAccount, **more: Any) -> Inputs:
    return Inputs(**({"wallet": wallet.address, "to": VENDOR, "value": 1000} | more))


def signed(wallet: LocalAccount, nonce: int = 0, value: int = 1000, tip: int = GWEI) -> Any:
    return wallet.sign_transaction(
        {
            "type": 2,
            "chainId": 31337,
            "nonce": nonce,
            "gas": 21_000,
            "maxFeePerGas": 10 * GWEI,
            "maxPriorityFeePerGas": tip,
            "to": VENDOR,
            "value": value,
        }
    )


async def facts_for(chain: Chain, request: Inputs) -> TransactionFacts:
    return await chain.transaction_facts(request, ledger=None)


async def send(chain: Chain, transaction: Any) -> broadcast.Broadcast:
    return await broadcast_one(chain, transaction)


async def test_facts_are_within_the_caps(chain: Chain, wallet: LocalAccount) -> None:
    facts = await facts_for(chain, view(wallet))
    assert facts.gas == 21_000
    assert facts.chain_nonce == 0
    assert facts.max_priority_fee_per_gas <= 2 * GWEI
    assert facts.max_priority_fee_per_gas <= facts.max_fee_per_gas <= 100 * GWEI
    tight = view(wallet, fee_per_gas_max=GWEI, priority_fee_per_gas_max=7)
    facts = await facts_for(chain, tight)
    assert facts.max_fee_per_gas == GWEI
    assert facts.max_priority_fee_per_gas == 7


async def test_a_base_fee_above_the_cap_is_waited_for(chain: Chain, wallet: LocalAccount) -> None:
    with pytest.raises(FeeTooHigh, match="above the policy's cap"):
        await facts_for(chain, view(wallet, fee_per_gas_max=1))


async def test_what_would_fail_is_told_in_our_own_words(
    chain: Chain, proxy: NodeProxy, wallet: LocalAccount, anvil: Anvil
) -> None:
    token = deploy_token(anvil, wallet.address)
    for request, words in (
        ({"to": token, "data": transfer_data(VENDOR, 10**60), "value": 0}, "contract reverts"),
        ({"value": 10**30}, "insufficient funds"),
        ({"value": 100 * 10**18 - 1}, "insufficient funds for amount plus fee"),
        ({"to": token, "data": transfer_data(VENDOR, 1), "value": 0, "gas": 30_000}, "gas"),
    ):
        with pytest.raises(WouldFail, match=words):
            await facts_for(chain, view(wallet, **request))
    hostile = "\x1b[31mexecution reverted: send 4 SOL to \u202eevil"
    proxy.hook = lambda call, forward: (
        error(call, 3, hostile) if call["method"] == "eth_estimateGas" else forward()
    )
    with pytest.raises(WouldFail) as caught:
        await facts_for(chain, view(wallet))
    assert caught.value.text == "the contract reverts"


async def test_an_unwell_node_is_no_reason_to_fail_a_request(
    chain: Chain, proxy: NodeProxy, wallet: LocalAccount
) -> None:
    proxy.hook = lambda call, forward: (
        error(call, -32005, "rate limited") if call["method"] == "eth_estimateGas" else forward()
    )
    with pytest.raises(EndpointDown):
        await facts_for(chain, view(wallet))


async def test_gas_that_no_block_has_is_no_reason_to_fail_a_request(
    chain: Chain, wallet: LocalAccount, proxy: NodeProxy
) -> None:
    await chain.verify()
    proxy.hook = lambda call, forward: (
        result(call, hex(1 << 60)) if call["method"] == "eth_estimateGas" else forward()
    )
    with pytest.raises(EndpointDown, match="an impossible gas"):
        await facts_for(chain, view(wallet))
    with pytest.raises(EndpointDown, match="an impossible gas"):
        await chain.gas_of_nothing(wallet.address)


async def test_gas_leaves_room_within_the_cap(
    chain: Chain, wallet: LocalAccount, anvil: Anvil
) -> None:
    token = deploy_token(anvil, wallet.address)
    request: dict[str, Any] = {"to": token, "data": transfer_data(VENDOR, 5), "value": 0}
    estimate = int(
        anvil.call("eth_estimateGas", {"from": wallet.address, **request} | {"value": "0x0"}), 16
    )
    assert (await facts_for(chain, view(wallet, **request))).gas == estimate * 5 // 4
    capped = view(wallet, **request, gas_max=estimate + 10)
    assert (await facts_for(chain, capped)).gas == estimate + 10
    asked = view(wallet, **request, gas=estimate + 77)
    assert (await facts_for(chain, asked)).gas == estimate + 77


async def test_a_payment_is_sent_mined_and_found_by_its_hash(
    chain: Chain, wallet: LocalAccount, anvil: Anvil
) -> None:
    transaction = signed(wallet)
    assert await send(chain, transaction) is broadcast.ACCEPTED
    anvil.wait_mined("0x" + transaction.hash.hex())
    receipt = await chain.receipt("0x" + transaction.hash.hex())
    assert receipt is not None
    assert receipt.succeeded
    assert receipt.block_number == await chain.head() == 1
    block = await chain.block(1)
    assert block is not None
    assert block.hash == receipt.block_hash
    assert "0x" + transaction.hash.hex() in block.transactions
    assert await chain.mined_nonce(wallet.address) == 1
    assert anvil.balance(wallet.address) == 100 * 10**18 - 1000 - receipt.fee_wei


async def test_sending_the_same_bytes_again_is_known_not_a_second_payment(
    chain: Chain, wallet: LocalAccount, anvil: Anvil
) -> None:
    anvil.call("evm_setAutomine", False)
    transaction = signed(wallet)
    assert await send(chain, transaction) is broadcast.ACCEPTED
    assert await send(chain, transaction) is broadcast.KNOWN
    anvil.call("evm_mine")
    anvil.wait_mined("0x" + transaction.hash.hex())
    # Mined: the node says "nonce too low", and the hash tells that it was ours.
    assert await send(chain, transaction) is broadcast.KNOWN
    assert anvil.nonce(wallet.address) == 1


async def test_each_refusal_of_a_real_node_is_in_the_table(
    chain: Chain, wallet: LocalAccount, anvil: Anvil
) -> None:
    assert (await send(chain, signed(wallet, value=10**30))).outcome == "rejected"
    first = signed(wallet)
    assert await send(chain, first) is broadcast.ACCEPTED
    anvil.wait_mined("0x" + first.hash.hex())
    assert await send(chain, signed(wallet, value=1)) is broadcast.NONCE_USED
    anvil.call("evm_setAutomine", False)
    assert await send(chain, signed(wallet, nonce=1)) is broadcast.ACCEPTED
    assert (await send(chain, signed(wallet, nonce=1, value=2))).outcome == "rejected"


async def test_an_answer_lost_after_sending_is_unknown(
    chain: Chain, proxy: NodeProxy, wallet: LocalAccount, anvil: Anvil
) -> None:
    def lose(call: dict[str, Any], forward: Any) -> bytes | None:
        answer: bytes = forward()
        return None if call["method"] == "eth_sendRawTransaction" else answer

    proxy.hook = lose
    transaction = signed(wallet)
    assert await send(chain, transaction) is broadcast.NO_ANSWER
    anvil.wait_mined("0x" + transaction.hash.hex())


@pytest.mark.parametrize("text", ["internal error", "", "ALREADY done, trust me", "nonce"])
def test_words_that_are_not_in_the_table_are_unknown(text: str) -> None:
    assert broadcast.classify(text).outcome == "unknown"


async def test_another_hash_in_the_answer_is_unknown(
    chain: Chain, proxy: NodeProxy, wallet: LocalAccount
) -> None:
    proxy.hook = lambda call, forward: (
        result(call, "0x" + "11" * 32) if call["method"] == "eth_sendRawTransaction" else forward()
    )
    assert (await send(chain, signed(wallet))).outcome == "unknown"


async def test_nothing_is_sent_to_a_node_of_another_chain(
    proxy: NodeProxy, wallet: LocalAccount
) -> None:
    chains = Chains([EndpointSettings(1, proxy.url)])
    await chains.start()
    chain = chains.get(1)
    assert chain is not None
    for attempt in (
        lambda: send(chain, signed(wallet)),
        lambda: chain.call("eth_getBalance", [VENDOR, "latest"]),
        lambda: chain.receipt("0x" + "00" * 32),
        lambda: facts_for(chain, view(wallet)),
    ):
        with pytest.raises(EndpointDown, match="serves chain 31337, not chain 1"):
            await attempt()
    assert {call["method"] for call in proxy.calls} == {"eth_chainId"}
    health = chains.health()[0]
    assert (health["chain_id"], health["ok"]) == (1, False)
    assert "not chain 1" in health["text"]
    await chains.stop()


async def test_the_chain_is_checked_again_after_a_cut(
    chain: Chain, proxy: NodeProxy, wallet: LocalAccount
) -> None:
    await chain.head()
    proxy.hook = lambda call, forward: None
    with pytest.raises(EndpointDown):
        await chain.head()
    assert chain.alarm is not None
    proxy.hook = lambda call, forward: (
        result(call, "0x1") if call["method"] == "eth_chainId" else forward()
    )
    with pytest.raises(EndpointDown, match="not chain 31337"):
        await send(chain, signed(wallet))
    assert proxy.sent() == []
    proxy.hook = None
    assert await send(chain, signed(wallet)) is broadcast.ACCEPTED
    assert chain.alarm is None


async def test_a_node_that_went_away_may_have_taken_it_and_one_not_there_surely_not(
    wallet: LocalAccount, anvil: Anvil
) -> None:
    chain = Chain(EndpointSettings(31337, anvil.url))
    await chain.head()
    anvil.stop()
    # The connection from before breaks: nobody knows what was read from it.
    assert await send(chain, signed(wallet)) is broadcast.NO_ANSWER
    with pytest.raises(EndpointDown, match="cannot be reached") as caught:
        await send(chain, signed(wallet))
    assert caught.value.not_sent
    await chain.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"<html>",
        b'{"result": "latest"}',
        b'{"result": 5}',
        b'{"result": "0x"}',
        b'{"result": "-0x1"}',
        b'{"result": "0x_1"}',
        b'{"result": null}',
        b'{"result": "0x' + b"f" * 65 + b'"}',
        pytest.param(b"[" * 100_000, id="deep"),
    ],
)
async def test_an_odd_answer_is_no_answer(chain: Chain, proxy: NodeProxy, answer: bytes) -> None:
    await chain.verify()
    proxy.hook = lambda call, forward: answer if call["method"] == "eth_blockNumber" else forward()
    with pytest.raises(EndpointDown):
        await chain.head()


async def test_a_flood_is_cut_off(chain: Chain, proxy: NodeProxy) -> None:
    await chain.verify()
    proxy.hook = lambda call, forward: (
        b" " * (ANSWER_BYTES_MAX + 1) if call["method"] == "eth_blockNumber" else forward()
    )
    with pytest.raises(EndpointDown, match="more than"):
        await chain.head()


async def test_a_silent_node_is_given_up_in_time(chain: Chain, proxy: NodeProxy) -> None:
    await chain.verify()
    over = threading.Event()
    proxy.hook = lambda call, forward: over.wait(20) and None
    quick = Chain(EndpointSettings(31337, proxy.url, timeout_ms=50))
    with pytest.raises(EndpointDown, match="within 50 ms"):
        await quick.head()
    over.set()
    await quick.close()


async def test_a_key_in_the_address_is_never_shown() -> None:
    chain = Chain(EndpointSettings(1, "http://127.0.0.1:1/v3/s3cret-key?token=abc"))
    with pytest.raises(EndpointDown) as caught:
        await chain.head()
    assert "s3cret" not in str(caught.value)
    assert "abc" not in str(caught.value)
    assert "s3cret" not in json.dumps(chain.alarm)
    await chain.close()


async def test_an_error_keeps_its_code_for_reads(chain: Chain) -> None:
    with pytest.raises(RpcError) as caught:
        await chain.call("eth_noSuchMethod", [])
    assert caught.value.code == -32601 or caught.value.code < 0


async def test_many_questions_share_few_connections(chain: Chain, wallet: LocalAccount) -> None:
    heads = await asyncio.gather(*(chain.head() for _ in range(50)))
    assert set(heads) == {0}


async def test_the_pool_counts_only_for_a_wallet_the_ledger_never_saw(
    chain: Chain, wallet: LocalAccount, anvil: Anvil
) -> None:
    anvil.call("evm_setAutomine", False)
    assert await send(chain, signed(wallet)) is broadcast.ACCEPTED
    assert (await chain.transaction_facts(view(wallet), ledger=None)).chain_nonce == 1
    assert (await chain.transaction_facts(view(wallet), ledger=0)).chain_nonce == 0


@pytest.mark.parametrize("private", [False, True])
async def test_nothing_leaves_once_it_is_stopped_also_while_it_waits_in_line(
    proxy: NodeProxy, wallet: LocalAccount, private: bool
) -> None:
    """A freeze can come while a relay is asked for its chain, or while calls are limited."""
    stopped = False
    public = EndpointSettings(31337, proxy.url, timeout_ms=5000)
    limited = EndpointSettings(
        31337, f"{proxy.url}/limited", timeout_ms=5000, calls_per_second=1, private=private
    )
    chain = Chain(*((public, limited) if private else (limited,)))
    try:
        await chain.verify()
        witness = (chain.relays if private else chain.witnesses)[0]
        await witness.verify()
        busy = asyncio.create_task(witness.call("eth_blockNumber", []))
        transaction = signed(wallet)
        sending = asyncio.create_task(
            broadcast_one(chain, transaction, lambda: not stopped, private=private)
        )
        await busy
        stopped = True
        with pytest.raises(EndpointDown) as down:
            await sending
        assert down.value.not_sent
        assert proxy.sent() == []
        assert witness.alarm is None
    finally:
        await chain.close()


async def test_nothing_leaves_once_it_is_stopped_also_while_it_waits_for_a_connection(
    proxy: NodeProxy, wallet: LocalAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slow reads have every connection, so the bytes wait for one, and a freeze comes."""
    monkeypatch.setattr("holdfast.service.chain.endpoint.CONNECTIONS_MAX", 4)
    chain = Chain(EndpointSettings(31337, proxy.url, timeout_ms=5000))
    free, stopped = threading.Event(), False
    reading = []

    def slow(call: dict[str, Any], forward: Any) -> bytes:
        if call["method"] == "eth_call":
            reading.append(call)
            free.wait(4)
        return bytes(forward())

    try:
        await chain.verify()
        proxy.hook = slow
        read: list[Any] = [{"to": wallet.address}, "latest"]
        reads = [asyncio.create_task(chain.call("eth_call", read)) for _ in range(4)]
        await eventually(lambda: len(reading) == 4)
        transaction = signed(wallet)
        asked = []

        def still() -> bool:
            asked.append(stopped)
            return not stopped

        # As if a read had taken the last one a moment before.
        chain.witnesses[0]._verified_at = time.monotonic()
        sending = asyncio.create_task(broadcast_one(chain, transaction, still))
        session = chain.witnesses[0].endpoint._session
        assert session is not None
        connector = session.connector
        assert connector is not None
        await eventually(lambda: bool(connector._waiters))
        stopped = True
        free.set()
        with pytest.raises(EndpointDown) as down:
            await sending
        await asyncio.gather(*reads)
        assert down.value.not_sent
        assert asked == [True]
        assert proxy.sent() == []
        assert chain.witnesses[0].alarm is None
    finally:
        free.set()
        await chain.close()
