"""From a decided request to its proved end.

On a real chain, through every place where it can be cut.
"""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from tests.support.anvil import Anvil
from tests.support.guardian import PASSPHRASE, VENDOR, Guardian, eventually
from tests.support.proxy import NodeProxy, result

from holdfast._core import AuthoriseFacts, HoldfastError
from holdfast.secrets import keystore
from holdfast.service.chain.endpoint import EndpointSettings

EVERYTHING = b'{"kind":"everything"}'
FORBID = '[[forbid]]\nid = "nothing-leaves"\neffects = ["transfer"]\n'


@pytest.fixture
async def guardian(tmp_path: Path, anvil: Anvil, proxy: NodeProxy) -> AsyncIterator[Guardian]:
    made = Guardian.make(tmp_path / "home", anvil, wallets=2, url=proxy.url)
    await made.open(sending=False)
    yield made
    await made.close()


FACTS = AuthoriseFacts(
    gas=21000, max_fee_per_gas=4 * 10**9, max_priority_fee_per_gas=10**9, chain_nonce=0
)


async def authorised(guardian: Guardian, request_id: str) -> int:
    applied = guardian.core.authorise(request_id, FACTS)
    await guardian.core.durable()
    return int(json.loads(applied.records[-1])["seq"])


async def test_a_payment_goes_from_decision_to_proof(guardian: Guardian, proxy: NodeProxy) -> None:
    await guardian.send()
    request = guardian.pay(12345)
    view = await guardian.until(request, "confirmed")
    kinds = [
        json.loads(each)["kind"] for each in guardian.records if f'"{request}"'.encode() in each
    ]
    assert kinds == [
        "request.decided",
        "request.authorised",
        "request.signed",
        "request.sent",
        "request.settled",
    ]
    assert guardian.received() == 12345
    receipt = guardian.anvil.wait_mined(view["hash"])
    settled = guardian.events("request.settled", request)[0]
    assert settled["block_hash"] == receipt["blockHash"]
    assert settled["gas_used"] in (21_000, "21000")
    spent = 100 * 10**18 - guardian.anvil.balance(guardian.wallets[0])
    assert spent == 12345 + int(settled["fee_wei"])
    assert len(proxy.sent()) == 1


async def test_nothing_is_sent_before_its_signature_is_on_disk(
    guardian: Guardian, proxy: NodeProxy
) -> None:
    seen: list[int] = []

    def look(call: dict[str, Any], forward: Any) -> bytes:
        if call["method"] == "eth_sendRawTransaction":
            raw = call["params"][0].encode()
            records = guardian.journal.reader.__class__(guardian.home.journal_path)
            seen.append(sum(raw in each for each in records.records(0, 10_000)))
            records.close()
        return bytes(forward())

    proxy.hook = look
    await guardian.send()
    for value in range(1, 6):
        await guardian.until(guardian.pay(value), "confirmed")
    assert seen == [1] * 5


async def test_many_payments_of_two_wallets_all_arrive_once(
    guardian: Guardian, proxy: NodeProxy
) -> None:
    await guardian.send()
    # Anvil sometimes keeps for good what arrives while it mines the nonce before: it mines after.
    guardian.anvil.call("evm_setAutomine", False)
    requests = [guardian.pay(1000 + number, number % 2) for number in range(60)]
    for request in requests:
        await guardian.until(request, "sent", seconds=60)
    guardian.anvil.call("evm_mine")
    for request in requests:
        await guardian.until(request, "confirmed", seconds=60)
    assert guardian.received() == sum(1000 + number for number in range(60))
    assert [guardian.anvil.nonce(wallet) for wallet in guardian.wallets] == [30, 30]
    hashes = [data["hash"] for data in guardian.events("request.signed")]
    assert len(set(hashes)) == 60


async def test_an_order_without_a_signature_is_decided_again_after_a_restart(
    guardian: Guardian,
) -> None:
    request = guardian.pay()
    await authorised(guardian, request)
    await guardian.halt()
    await guardian.open()
    await guardian.until(request, "confirmed")
    assert guardian.received() == 1000
    assert len(guardian.events("request.reopened", request)) == 1
    orders = [data["order"] for data in guardian.events("request.authorised", request)]
    assert [order["nonce"] for order in orders] == [0, 0]
    assert len(guardian.events("request.signed", request)) == 1


async def test_an_order_without_a_signature_is_not_signed_if_the_policy_forbids_it_by_now(
    guardian: Guardian,
) -> None:
    """The guardian was killed between order and signature, and the policy is tighter by now."""
    request = guardian.pay()
    await authorised(guardian, request)
    await guardian.halt()
    guardian.more = FORBID
    await guardian.open()
    await guardian.until(request, "denied")
    assert guardian.events("request.signed") == []
    assert guardian.received() == 0
    # Its nonce went back: the next payment is not stuck behind it.
    guardian.more = ""
    await guardian.halt()
    await guardian.open()
    await guardian.until(guardian.pay(7), "confirmed")
    assert guardian.received() == 7


async def test_signed_bytes_are_sent_after_a_restart(guardian: Guardian, proxy: NodeProxy) -> None:
    request = guardian.pay()
    assert guardian.signer is not None
    signed = await guardian.signer.sign(await authorised(guardian, request))
    guardian.core.signed(request, signed.payload)
    await guardian.core.durable()
    assert proxy.sent() == []
    await guardian.halt()
    await guardian.open()
    await guardian.until(request, "confirmed")
    assert proxy.sent() == ["0x" + signed.payload.hex()]
    assert guardian.received() == 1000


async def test_a_crash_between_sending_and_its_record_pays_once(
    guardian: Guardian, proxy: NodeProxy
) -> None:
    request = guardian.pay()
    assert guardian.signer is not None
    signed = await guardian.signer.sign(await authorised(guardian, request))
    guardian.core.signed(request, signed.payload)
    await guardian.core.durable()
    guardian.anvil.call("eth_sendRawTransaction", "0x" + signed.payload.hex())
    guardian.anvil.wait_mined(signed.hash)
    await guardian.halt()
    await guardian.open()
    await guardian.until(request, "confirmed")
    assert set(proxy.sent()) <= {"0x" + signed.payload.hex()}
    assert guardian.events("request.sent", request)[0]["outcome"] == "known"
    assert guardian.received() == 1000
    assert guardian.anvil.nonce(guardian.wallets[0]) == 1


async def test_a_lost_answer_is_unknown_and_the_same_bytes_make_one_payment(
    guardian: Guardian, proxy: NodeProxy
) -> None:
    def lose(call: dict[str, Any], forward: Any) -> bytes | None:
        answer: bytes = forward()
        return None if call["method"] == "eth_sendRawTransaction" else answer

    proxy.hook = lose
    await guardian.send()
    request = guardian.pay()
    await guardian.until(request, "confirmed")
    assert guardian.events("request.sent", request)[0]["outcome"] == "unknown"
    assert len(set(proxy.sent())) == 1
    assert guardian.received() == 1000
    assert guardian.anvil.nonce(guardian.wallets[0]) == 1


async def test_bytes_that_never_arrived_are_sent_again_as_they_are(
    guardian: Guardian, proxy: NodeProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.service.pipeline.upkeep.RESEND_SECONDS_MIN", 0.05)
    swallowed: list[str] = []

    def swallow(call: dict[str, Any], forward: Any) -> bytes | None:
        if call["method"] == "eth_sendRawTransaction" and len(swallowed) < 2:
            swallowed.append(call["params"][0])
            return None
        return bytes(forward())

    proxy.hook = swallow
    await guardian.send()
    request = guardian.pay()
    await guardian.until(request, "confirmed")
    assert len(swallowed) == 2
    assert len(set(proxy.sent())) == 1
    outcomes = [data["outcome"] for data in guardian.events("request.sent", request)]
    assert outcomes[0] == "unknown"
    assert outcomes[-1] in ("accepted", "known")


async def test_a_node_that_is_down_loses_nothing(guardian: Guardian, proxy: NodeProxy) -> None:
    proxy.hook = lambda call, forward: None
    await guardian.send()
    request = guardian.pay()
    assert guardian.sender is not None
    await eventually(lambda: not sender_health(guardian)["chains"][0]["ok"])
    assert guardian.state(request) == "authorising"
    proxy.hook = None
    await guardian.until(request, "confirmed")
    assert guardian.received() == 1000


async def test_a_node_of_another_chain_gets_nothing(guardian: Guardian, proxy: NodeProxy) -> None:
    proxy.hook = lambda call, forward: (
        result(call, "0x1") if call["method"] == "eth_chainId" else forward()
    )
    await guardian.send()
    request = guardian.pay()
    assert guardian.sender is not None
    await eventually(lambda: not sender_health(guardian)["chains"][0]["ok"])
    assert guardian.state(request) == "authorising"
    assert {call["method"] for call in proxy.calls} == {"eth_chainId"}


async def test_a_chain_without_an_endpoint_waits_in_words(guardian: Guardian) -> None:
    guardian.settings = EndpointSettings(1, "http://127.0.0.1:1")
    await guardian.halt()
    await guardian.open()
    request = guardian.pay()
    await guardian.core.durable()
    await asyncio.sleep(0)
    assert guardian.state(request) == "authorising"


async def test_what_would_fail_ends_unsigned(guardian: Guardian) -> None:
    await guardian.send()
    request = guardian.pay(500 * 10**18)
    await guardian.until(request, "failed")
    ended = guardian.events("request.failed", request)[0]
    assert ended["code"] == "would_fail"
    assert "insufficient funds" in ended["text"]
    assert guardian.events("request.authorised", request) == []


async def test_a_revert_is_told_as_one(guardian: Guardian, proxy: NodeProxy) -> None:
    # The vendor's address becomes a contract that refuses money after the estimate was taken.
    def trap(call: dict[str, Any], forward: Any) -> bytes:
        if call["method"] == "eth_estimateGas":
            return result(call, hex(60_000))
        return bytes(forward())

    guardian.anvil.call("anvil_setCode", VENDOR, "0x60006000fd")
    proxy.hook = trap
    await guardian.send()
    request = guardian.pay()
    await guardian.until(request, "reverted")
    settled = guardian.events("request.settled", request)[0]
    assert settled["outcome"] == "reverted"
    assert int(settled["fee_wei"]) > 0


async def test_it_is_dropped_only_by_the_block_that_used_its_nonce(
    guardian: Guardian, anvil: Anvil, second: NodeProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.service.pipeline.upkeep.RESEND_SECONDS_MIN", 0.05)
    guardian.others = [replace(guardian.settings, rpc_url=second.url)]
    await guardian.halt()
    await guardian.open(sending=False)
    request = guardian.pay()
    assert guardian.signer is not None
    signed = await guardian.signer.sign(await authorised(guardian, request))
    guardian.core.signed(request, signed.payload)
    await guardian.core.durable()
    # The same key, used elsewhere, spends the nonce on something else.
    key = keystore.open_wallets(guardian.home.wallets_dir, PASSPHRASE)[guardian.wallets[0]]
    anvil.call("anvil_mine", hex(20))
    other = key.sign_transaction(
        {
            "chainId": 31337,
            "nonce": 0,
            "gas": 21_000,
            "maxFeePerGas": 10**11,
            "maxPriorityFeePerGas": 10**9,
            "to": "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
            "value": 1,
            "type": 2,
        }
    )
    anvil.call("eth_sendRawTransaction", "0x" + other.raw_transaction.hex())
    receipt = anvil.wait_mined("0x" + other.hash.hex())
    anvil.call("anvil_mine", hex(20))
    await guardian.send()
    await guardian.until(request, "dropped")
    settled = guardian.events("request.settled", request)[0]
    assert settled["block_hash"] == receipt["blockHash"]
    assert guardian.received() == 0


async def test_an_end_waits_for_its_confirmations(
    guardian: Guardian, proxy: NodeProxy, anvil: Anvil
) -> None:
    guardian.settings = EndpointSettings(
        31337, proxy.url, confirmations=3, poll_ms=20, timeout_ms=2000
    )
    await guardian.halt()
    await guardian.open()
    request = guardian.pay()
    view = await guardian.until(request, "sent")
    anvil.wait_mined(view["hash"])
    for _ in range(2):
        assert guardian.state(request) == "sent"
        before = len(proxy.calls)
        await eventually(lambda since=before: receipts_asked(proxy, since) >= 2)
        assert guardian.state(request) == "sent"
        anvil.call("evm_mine")
    await guardian.until(request, "confirmed")


async def test_a_reorganised_payment_is_not_taken_for_final(
    guardian: Guardian, proxy: NodeProxy, anvil: Anvil
) -> None:
    guardian.settings = EndpointSettings(
        31337, proxy.url, confirmations=2, poll_ms=20, timeout_ms=2000
    )
    await guardian.halt()
    await guardian.open()
    request = guardian.pay()
    view = await guardian.until(request, "sent")
    first = anvil.wait_mined(view["hash"])
    anvil.call("anvil_rollback", 1)
    assert anvil.nonce(guardian.wallets[0]) == 0
    anvil.call("eth_sendRawTransaction", proxy.sent()[0])
    second = anvil.wait_mined(view["hash"])
    anvil.call("evm_mine")
    await guardian.until(request, "confirmed")
    settled = guardian.events("request.settled", request)[0]
    assert settled["block_hash"] == second["blockHash"]
    assert first["blockNumber"] == second["blockNumber"]
    assert guardian.received() == 1000


async def test_a_frozen_scope_never_gets_a_signature(guardian: Guardian, proxy: NodeProxy) -> None:
    waiting, ordered = guardian.pay(1), guardian.pay(2)
    assert guardian.signer is not None
    seq = await authorised(guardian, ordered)
    guardian.core.freeze(EVERYTHING, "stop", "test")
    await guardian.core.durable()
    await guardian.send()
    with pytest.raises(HoldfastError, match="frozen"):
        guardian.core.signed(ordered, (await guardian.signer.sign(seq)).payload)
    assert guardian.state(waiting) == guardian.state(ordered) == "frozen"
    await guardian.halt()
    await guardian.open()
    assert guardian.state(ordered) == "frozen"
    assert guardian.events("request.signed") == []
    assert proxy.sent() == []


async def test_a_freeze_between_signature_and_sending_holds_the_bytes(
    guardian: Guardian, proxy: NodeProxy
) -> None:
    request = guardian.pay()
    assert guardian.signer is not None
    signed = await guardian.signer.sign(await authorised(guardian, request))
    guardian.core.signed(request, signed.payload)
    guardian.core.freeze(EVERYTHING, "stop", "test")
    await guardian.core.durable()
    await guardian.send()
    await guardian.halt()
    await guardian.open()
    assert guardian.state(request) == "held"
    assert proxy.sent() == []
    assert guardian.received() == 0


async def test_a_freeze_while_the_node_is_down_is_obeyed_when_it_is_back(
    guardian: Guardian, proxy: NodeProxy
) -> None:
    down = {"now": False}

    def hook(call: dict[str, Any], forward: Any) -> bytes | None:
        return None if down["now"] else bytes(forward())

    proxy.hook = hook
    request = guardian.pay()
    assert guardian.signer is not None
    signed = await guardian.signer.sign(await authorised(guardian, request))
    guardian.core.signed(request, signed.payload)
    await guardian.core.durable()
    down["now"] = True
    await guardian.send()
    assert guardian.sender is not None
    await eventually(lambda: not sender_health(guardian)["chains"][0]["ok"])
    guardian.core.freeze(EVERYTHING, "stop", "test")
    await guardian.core.durable()
    down["now"] = False
    chain = guardian.chains.get(31337)
    assert chain is not None
    await chain.head()
    sender = guardian.sender
    await eventually(lambda: not sender._active)
    assert guardian.state(request) == "held"
    assert proxy.sent() == []


async def test_a_dead_signer_takes_no_nonce_and_is_told(guardian: Guardian) -> None:
    await guardian.send()
    assert guardian.signer is not None
    assert guardian.sender is not None
    gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    guardian.signer.on_gone(gone.set_result)
    guardian.signer._process.kill()
    await asyncio.wait_for(gone, 10)
    request = guardian.pay()
    await guardian.core.durable()
    await asyncio.sleep(0)
    assert guardian.state(request) == "authorising"
    health = guardian.sender.health()["signer"]
    assert not health["ok"]
    assert "restart the guardian" in health["text"]
    await guardian.close()
    guardian.signer = None
    await guardian.open()
    await guardian.until(request, "confirmed")
    assert guardian.received() == 1000


async def test_signatures_are_released_once_they_are_on_disk(guardian: Guardian) -> None:
    text = "0x" + b"hello".hex()
    request = guardian.submit("personal_sign", [text, guardian.wallets[0]])
    assert guardian.state(request) == "waiting-approval"
    await guardian.send()
    await approve(guardian, request)
    view = await guardian.until(request, "released")
    signed = bytes.fromhex(view["signature"][2:])
    message = encode_defunct(text="hello")
    assert Account.recover_message(message, signature=signed) == guardian.wallets[0]


async def test_typed_data_is_signed_as_it_was_decided(guardian: Guardian) -> None:
    data = {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "Note": [{"name": "to", "type": "address"}, {"name": "parts", "type": "Part[]"}],
            "Part": [{"name": "amount", "type": "uint256"}, {"name": "tag", "type": "bytes4"}],
        },
        "primaryType": "Note",
        "domain": {"name": "Post", "chainId": 31337, "verifyingContract": VENDOR},
        "message": {"to": VENDOR, "parts": [{"amount": str(2**255), "tag": "0xdeadbeef"}]},
    }
    request = guardian.submit("eth_signTypedData_v4", [guardian.wallets[0], json.dumps(data)])
    await guardian.send()
    await approve(guardian, request)
    view = await guardian.until(request, "released")
    signed = bytes.fromhex(view["signature"][2:])
    from eth_account.messages import encode_typed_data

    message = encode_typed_data(full_message=data)
    assert Account.recover_message(message, signature=signed) == guardian.wallets[0]


def sender_health(guardian: Guardian) -> dict[str, Any]:
    assert guardian.sender is not None
    return guardian.sender.health()


def receipts_asked(proxy: NodeProxy, since: int) -> int:
    return sum(call["method"] == "eth_getTransactionReceipt" for call in proxy.calls[since:])


async def approve(guardian: Guardian, request: str) -> None:
    from holdfast.operator import keys

    await guardian.core.durable()
    key = keys.load(guardian.home.operator_key_path, b"operator's own")
    genesis = json.loads(guardian.records[0])["data"]
    payload, signature = key.sign_command(
        "approve",
        guardian=genesis["log_key"],
        now_ms=guardian.core.clock.now_ms(),
        request=request,
        digest=guardian.view(request)["digest"],
    )
    guardian.core.command(payload.encode(), bytes.fromhex(signature[2:]))


async def test_it_stops_at_once_while_the_node_is_silent(
    guardian: Guardian, proxy: NodeProxy
) -> None:
    guardian.settings = EndpointSettings(31337, proxy.url, poll_ms=10, timeout_ms=100)
    await guardian.halt()
    await guardian.open()
    await guardian.until(guardian.pay(), "confirmed")
    over = threading.Event()
    proxy.hook = lambda call, forward: over.wait(20) and None
    for value in range(50):
        guardian.pay(value + 1)
    await eventually(lambda: not sender_health(guardian)["chains"][0]["ok"])
    # Every call times out in the same turn of the loop in which the stop comes.
    time.sleep(0.3)  # noqa: ASYNC251
    assert guardian.sender is not None
    async with asyncio.timeout(5):
        await guardian.sender.stop()
    over.set()


OTHER_CHAIN = """
[[chain]]
id = 31338
name = "other"
gas_max = 500_000
fee_per_gas_max = "100 gwei"
priority_fee_per_gas_max = "5 gwei"
[[agent]]
id = "second"
wallets = ["w1"]
chain = 31338
[[asset]]
id = "eth2"
chain = 31338
native = true
decimals = 18
symbol = "ETH"
price_usd = "3000"
[[rule]]
id = "payments2"
effects = ["transfer"]
assets = ["eth2"]
amount_max = "1000"
tier = "instant"
"""


async def test_a_chain_whose_node_hangs_holds_up_no_other_chain(
    guardian: Guardian, proxy: NodeProxy
) -> None:
    await guardian.halt()
    other = Anvil.start("--chain-id", "31338")
    over = threading.Event()
    try:
        other.fund(guardian.wallets[1])
        guardian.more = OTHER_CHAIN
        guardian.others = [replace(guardian.settings, chain=31338, rpc_url=other.url)]
        await guardian.open()
        await guardian.chains.start()
        proxy.hook = lambda _call, _forward: over.wait(30) and None
        waiting = [guardian.pay(10 + number) for number in range(200)]
        call = {"from": guardian.wallets[1], "to": VENDOR, "value": hex(5)}
        told = guardian.facts.of_agent("second")
        applied = guardian.core.submit(
            "second", "eth_sendTransaction", json.dumps([call]).encode(), told
        )
        assert applied.request_id is not None
        # The others wait for a timeout of two seconds each, again and again.
        await guardian.until(applied.request_id, "confirmed", seconds=10)
        assert {guardian.state(each) for each in waiting} == {"authorising"}
    finally:
        over.set()
        await guardian.halt()
        other.stop()
        guardian.others = []
        await guardian.open(sending=False)
