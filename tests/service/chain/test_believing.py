"""Nothing is freed and no ledger moves on one node's word: nodes that lie, hide, lag and flap."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from tests.support.anvil import Anvil
from tests.support.guardian import PASSPHRASE, VENDOR, Guardian, eventually
from tests.support.lying import dropped, nonce, reverted, with_receipts
from tests.support.proxy import Hook, NodeProxy, error, result

from holdfast.secrets import keystore
from holdfast.service.chain.endpoint import EndpointSettings
from holdfast.service.chain.nonces import PATIENCE_S
from holdfast.service.pipeline.nonce_watch import NonceWatch

ETH = 10**18
LIMIT = """
[[limit]]
id = "a-day"
per = "agent"
effects = ["transfer"]
assets = ["eth"]
measure = "amount"
max = "1"
window = "24h"
on_exceed = "deny"
"""


async def opened(home: Path, anvil: Anvil, *nodes: NodeProxy) -> Guardian:
    """A guardian with these endpoints and a limit of 1 ETH a day.

    The vendor may get all of it.
    """
    made = Guardian.make(home, anvil, url=nodes[0].url)
    made.others = [
        EndpointSettings(31337, each.url, poll_ms=20, timeout_ms=2000) for each in nodes[1:]
    ]
    made.more = LIMIT
    await made.open()
    await made.chains.start()
    return made


@pytest.fixture
async def alone(tmp_path: Path, anvil: Anvil, proxy: NodeProxy) -> AsyncIterator[Guardian]:
    made = await opened(tmp_path / "home", anvil, proxy)
    yield made
    await made.close()


@pytest.fixture
async def pair(
    tmp_path: Path, anvil: Anvil, proxy: NodeProxy, second: NodeProxy
) -> AsyncIterator[Guardian]:
    made = await opened(tmp_path / "home", anvil, proxy, second)
    yield made
    await made.close()


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes that are late get little time."""
    monkeypatch.setattr("holdfast.service.pipeline.settle.LATE_SECONDS", 0.3)
    monkeypatch.setattr("holdfast.service.pipeline.settle.HIDDEN_SECONDS", 0.1)


def codes(guardian: Guardian) -> list[str]:
    return [each["code"] for each in guardian.conditions.report()]


async def settled(guardian: Guardian, request: str) -> dict[str, Any]:
    await guardian.core.durable()
    (found,) = guardian.events("request.settled", request)
    return found


def left(guardian: Guardian) -> float:
    """ETH left of the limit of a day."""
    limits = json.loads(guardian.core.guard.limits("shopper", guardian.core.clock.now_ms()))
    (limit,) = (each for each in limits if each["limit"] == "a-day")
    return int(limit["left"]) / ETH


def foreign(guardian: Guardian, anvil: Anvil, nonce: int) -> None:
    """A transaction by somebody else who has the key."""
    (account,) = keystore.open_wallets(guardian.home.wallets_dir, PASSPHRASE).values()
    signed = Account.sign_transaction(
        {
            "to": VENDOR, "value": 1, "gas": 21_000, "nonce": nonce, "chainId": 31337,
            "maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**9,
        },
        account.key,
    )  # fmt: skip
    anvil.call("eth_sendRawTransaction", "0x" + bytes(signed.raw_transaction).hex())


async def taken_by_another(
    guardian: Guardian, anvil: Anvil, before: Callable[[], None] = lambda: None
) -> str:
    """A payment whose nonce somebody else used; `before` is called right before that."""
    await guardian.until(guardian.pay(ETH // 10), "confirmed", "reverted")
    anvil.call("evm_setAutomine", False)
    request = guardian.pay(ETH // 2)
    await guardian.until(request, "sent")
    anvil.call("anvil_dropAllTransactions")
    before()
    foreign(guardian, anvil, 1)
    anvil.call("evm_mine")
    return request


# --- one endpoint ----


async def test_a_lie_of_the_only_node_that_a_payment_reverted_frees_nothing(
    alone: Guardian, proxy: NodeProxy
) -> None:
    proxy.hook = reverted
    request = alone.pay(ETH)
    await alone.until(request, "reverted")
    assert (await settled(alone, request))["proved"] is False
    assert alone.received() == ETH
    assert left(alone) == 0
    assert refused(alone, ETH)


async def test_a_lie_of_the_only_node_that_a_nonce_was_used_ends_nothing(
    alone: Guardian, proxy: NodeProxy
) -> None:
    proxy.hook = dropped
    request = alone.pay(ETH)
    await alone.until(request, "sent")
    await eventually(lambda: codes(alone) == ["unproved_end"])
    assert alone.state(request) == "sent"
    assert left(alone) == 0
    (told,) = alone.conditions.report()
    assert told["severity"] == "critical"
    assert f"payment {request} was used by another transaction" in told["text"]
    assert "second endpoint" in told["next"]
    assert "holdfast nonce" in told["next"]
    assert refused(alone, ETH)
    # The truth ends it, and the condition with it.
    proxy.hook = None
    await alone.until(request, "confirmed")
    await eventually(lambda: codes(alone) == [])


async def test_a_dropped_payment_of_one_node_stays_counted(alone: Guardian, anvil: Anvil) -> None:
    request = await taken_by_another(alone, anvil)
    await eventually(lambda: codes(alone) == ["unproved_end"])
    assert alone.state(request) == "sent"
    assert left(alone) <= 0.5


async def test_a_confirmation_of_one_node_counts_and_is_marked(alone: Guardian) -> None:
    request = alone.pay(ETH // 4)
    await alone.until(request, "confirmed")
    assert (await settled(alone, request))["proved"] is False
    assert left(alone) == 0.75


async def test_the_lies_of_a_node_let_no_more_out_than_the_limit(
    alone: Guardian, proxy: NodeProxy
) -> None:
    """4 ETH left under a limit of 1 ETH a day."""
    for lie in (reverted, dropped, nonce(0x100000), reverted):
        proxy.hook = lie
        if not refused(alone, ETH // 2):
            await alone.core.durable()
    proxy.hook = None
    for data in alone.events("request.decided"):
        await alone.until(data["id"], "confirmed", "reverted", "failed", "denied", "dropped")
    assert alone.received() <= ETH
    assert (alone.core.guard.next_nonce(alone.wallets[0], 31337) or 0) <= 2


# --- two endpoints ----


async def test_two_nodes_that_say_the_same_prove_it(pair: Guardian) -> None:
    request = pair.pay(ETH // 4)
    await pair.until(request, "confirmed")
    assert (await settled(pair, request))["proved"] is True
    assert codes(pair) == []


async def test_a_revert_that_two_nodes_tell_is_proved_and_frees_the_amount(
    pair: Guardian, anvil: Anvil, proxy: NodeProxy
) -> None:
    anvil.call("anvil_setCode", VENDOR, "0x60006000fd")
    proxy.hook = lambda call, forward: (
        result(call, hex(60_000)) if call["method"] == "eth_estimateGas" else forward()
    )
    request = pair.pay(ETH // 2)
    await pair.until(request, "reverted")
    assert (await settled(pair, request))["proved"] is True
    assert left(pair) == 1


@pytest.mark.parametrize("liar", [0, 1])
async def test_two_nodes_that_contradict_each_other_settle_nothing(
    pair: Guardian, proxy: NodeProxy, second: NodeProxy, liar: int
) -> None:
    node = (proxy, second)[liar]
    node.hook = reverted
    request = pair.pay(ETH)
    await eventually(lambda: codes(pair) == ["nodes_disagree"])
    assert pair.state(request) == "sent"
    assert left(pair) == 0
    (told,) = pair.conditions.report()
    assert told["severity"] == "critical"
    assert f"{node.url} says reverted in block 1" in told["text"]
    assert f"{(second, proxy)[liar].url} says confirmed in block 1" in told["text"]
    assert request in told["text"]
    assert "third" in told["next"]
    node.hook = None
    await pair.until(request, "confirmed")
    assert (await settled(pair, request))["proved"] is True
    await eventually(lambda: codes(pair) == [])


async def test_a_lower_fee_in_one_receipt_is_a_contradiction(
    pair: Guardian, second: NodeProxy
) -> None:
    second.hook = with_receipts(lambda receipt: receipt.update(effectiveGasPrice="0x1"))
    request = pair.pay(ETH // 4)
    await eventually(lambda: codes(pair) == ["nodes_disagree"])
    assert "fee 21000 wei" in pair.conditions.report()[0]["text"]
    second.hook = None
    await pair.until(request, "confirmed")


@pytest.mark.usefixtures("late")
@pytest.mark.parametrize("liar", [0, 1])
async def test_one_of_two_that_says_a_nonce_was_used_contradicts_the_other(
    pair: Guardian, proxy: NodeProxy, second: NodeProxy, liar: int
) -> None:
    (proxy, second)[liar].hook = dropped
    request = pair.pay(ETH)
    await eventually(lambda: codes(pair) == ["nodes_disagree"])
    assert pair.state(request) == "sent"
    assert left(pair) == 0


async def test_a_nonce_that_two_nodes_say_another_used_is_proved_and_frees_it(
    pair: Guardian, anvil: Anvil
) -> None:
    request = await taken_by_another(pair, anvil)
    await pair.until(request, "dropped")
    assert (await settled(pair, request))["proved"] is True
    assert 0.89 < left(pair) <= 0.9


@pytest.mark.usefixtures("late")
async def test_a_node_that_hides_what_is_final_contradicts_the_other(
    pair: Guardian, anvil: Anvil, second: NodeProxy
) -> None:
    second.hook = lambda call, forward: (
        result(call, None)
        if call["method"] == "eth_getTransactionReceipt"
        else result(call, "0x0")
        if call["method"] == "eth_getTransactionCount"
        else forward()
    )
    request = pair.pay(ETH // 4)
    await pair.until(request, "sent")
    anvil.call("anvil_mine", "0x3")
    await eventually(lambda: codes(pair) == ["nodes_disagree"])
    assert f"{second.url} does not have it at block" in pair.conditions.report()[0]["text"]
    assert pair.state(request) == "sent"


def without(way: str) -> Hook:
    """A node whose receipts are of no use."""

    def hook(call: dict[str, Any], forward: Callable[[], bytes]) -> bytes:
        if call["method"] != "eth_getTransactionReceipt":
            return forward()
        if way == "null":
            return result(call, None)
        if way == "error":
            return error(call, -32000, "transaction indexing is in progress")
        told = json.loads(forward())
        if told.get("result") and way == "no price":
            del told["result"]["effectiveGasPrice"]
        elif told.get("result"):
            told["result"]["gasUsed"] = hex(1 << 60)
        return json.dumps(told).encode()

    return hook


@pytest.fixture
def soon(late: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """An end that no node shows is told of at once."""
    monkeypatch.setattr("holdfast.service.pipeline.settle.UNKNOWN_SECONDS", 0.3)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("way", ["null", "error", "no price", "gas"])
async def test_a_payment_whose_end_the_only_node_does_not_show_is_told_of_and_ends_by_another(
    alone: Guardian, anvil: Anvil, proxy: NodeProxy, second: NodeProxy, way: str
) -> None:
    await alone.until(alone.pay(1), "confirmed")
    proxy.hook = without(way)
    request = alone.pay(ETH // 2)
    await alone.until(request, "sent")
    anvil.call("anvil_mine", "0x20")
    await eventually(lambda: codes(alone) == ["end_unknown"])
    (told,) = alone.conditions.report()
    assert f"payment {request} of wallet" in told["text"]
    assert told["wallet"] == alone.wallets[0]
    assert "archive node" in told["next"]
    assert left(alone) <= 0.5
    # What its row in docs/operations.md says to do.
    await alone.halt()
    alone.others = [EndpointSettings(31337, second.url, poll_ms=20, timeout_ms=2000)]
    await alone.open()
    await alone.until(request, "confirmed")
    assert codes(alone) == []


@pytest.mark.usefixtures("soon")
async def test_a_nonce_that_another_used_before_all_nodes_forgot_it_is_told_of_and_ends_by_archives(
    pair: Guardian, anvil: Anvil, proxy: NodeProxy, second: NodeProxy
) -> None:
    """As after an outage of some minutes: the nodes have the states of the newest blocks alone."""

    def nobody_is_there() -> None:
        proxy.hook = second.hook = lambda call, forward: None

    request = await taken_by_another(pair, anvil, nobody_is_there)
    anvil.call("anvil_mine", "0x40")

    def pruned(call: dict[str, Any], forward: Callable[[], bytes]) -> bytes:
        if call["method"] == "eth_getTransactionCount" and call["params"][1].startswith("0x"):
            head = int(anvil.call("eth_blockNumber"), 16)
            if int(call["params"][1], 16) < head - 16:
                return error(call, -32000, "missing trie node")
        return forward()

    proxy.hook = second.hook = pruned
    await eventually(lambda: "end_unknown" in codes(pair))
    (told,) = (each for each in pair.conditions.report() if each["code"] == "end_unknown")
    assert "answered eth_getTransactionCount with error -32000" in told["text"]
    assert pair.state(request) in ("signed", "sent")
    await pair.halt()
    archives = [NodeProxy(anvil.url) for _ in range(2)]
    try:
        pair.others += [
            EndpointSettings(31337, each.url, poll_ms=20, timeout_ms=2000) for each in archives
        ]
        await pair.open()
        await pair.until(request, "dropped")
        assert (await settled(pair, request))["proved"] is True
        assert "end_unknown" not in codes(pair)
        await pair.halt()
        await pair.open(sending=False)
    finally:
        for each in archives:
            each.stop()


@pytest.mark.usefixtures("soon")
async def test_a_node_that_has_a_payment_in_a_block_contradicts_others_that_call_it_dropped(
    pair: Guardian, anvil: Anvil, proxy: NodeProxy, second: NodeProxy
) -> None:
    third = NodeProxy(anvil.url)
    try:
        pair.others.append(EndpointSettings(31337, third.url, poll_ms=20, timeout_ms=2000))
        await pair.halt()
        await pair.open()
        await pair.chains.start()
        proxy.hook, second.hook, third.hook = without("null"), dropped, dropped
        request = pair.pay(ETH // 4)
        await pair.until(request, "sent")
        anvil.call("anvil_mine", "0x3")
        await eventually(lambda: codes(pair) == ["nodes_disagree"])
        (told,) = pair.conditions.report()
        assert "but shows no receipt of it" in told["text"]
        assert pair.state(request) == "sent"
        await pair.halt()
        await pair.open(sending=False)
    finally:
        third.stop()


@pytest.mark.usefixtures("late")
async def test_what_is_mined_nowhere_settles_on_no_claim_while_another_node_goes_on(
    pair: Guardian, anvil: Anvil, proxy: NodeProxy
) -> None:
    anvil.call("evm_setAutomine", False)
    request = pair.pay(ETH // 4)
    view = await pair.until(request, "sent")

    def claims(call: dict[str, Any], forward: Callable[[], bytes]) -> bytes:
        block = {"hash": "0x" + "ab" * 32, "transactions": [view["hash"].lower()]}
        receipt = {
            "transactionHash": view["hash"], "status": "0x1", "blockNumber": "0x2",
            "blockHash": block["hash"], "gasUsed": "0x5208", "effectiveGasPrice": "0x1",
        }  # fmt: skip
        told = {
            "eth_blockNumber": "0x9",
            "eth_getTransactionCount": "0x1",
            "eth_getTransactionReceipt": receipt,
            "eth_getBlockByNumber": block,
        }
        method = call["method"]
        return result(call, told[method]) if method in told else forward()

    proxy.hook = claims
    anvil.call("anvil_dropAllTransactions")
    anvil.call("anvil_mine", "0x5")
    await eventually(lambda: codes(pair) == ["nodes_disagree"])
    assert pair.state(request) == "sent"


@pytest.mark.usefixtures("late")
async def test_a_node_that_lags_is_waited_for_and_then_passed_over(
    pair: Guardian, second: NodeProxy
) -> None:
    def behind(call: dict[str, Any], forward: Callable[[], bytes]) -> bytes:
        if call["method"] in ("eth_blockNumber", "eth_getTransactionCount"):
            return result(call, "0x0")
        return forward()

    second.hook = behind
    request = pair.pay(ETH // 4)
    await pair.until(request, "confirmed")
    assert (await settled(pair, request))["proved"] is False
    assert codes(pair) == []


async def test_a_node_that_lags_for_a_moment_is_waited_for(
    pair: Guardian, proxy: NodeProxy, second: NodeProxy
) -> None:
    def behind(call: dict[str, Any], forward: Callable[[], bytes]) -> bytes:
        if call["method"] in ("eth_blockNumber", "eth_getTransactionCount"):
            return result(call, "0x0")
        return forward()

    second.hook = behind
    request = pair.pay(ETH // 4)
    await pair.until(request, "sent")
    before = len(proxy.calls)
    await eventually(lambda: len(proxy.calls) > before + 20)
    assert pair.state(request) == "sent"
    second.hook = None
    await pair.until(request, "confirmed")
    assert (await settled(pair, request))["proved"] is True


@pytest.mark.usefixtures("late")
@pytest.mark.parametrize("gone", [0, 1])
async def test_a_node_that_is_down_for_long_leaves_the_word_of_the_other(
    pair: Guardian, proxy: NodeProxy, second: NodeProxy, gone: int
) -> None:
    (proxy, second)[gone].hook = lambda call, forward: None
    request = pair.pay(ETH // 4)
    await pair.until(request, "confirmed")
    assert (await settled(pair, request))["proved"] is False
    assert pair.received() == ETH // 4


async def test_one_answer_in_fifty_that_fails_keeps_nothing_from_being_proved(
    pair: Guardian, proxy: NodeProxy, second: NodeProxy
) -> None:
    count = 0

    def flaky(call: dict[str, Any], forward: Callable[[], bytes]) -> bytes | None:
        nonlocal count
        count += 1
        if count % 100 == 50:
            return error(call, -32603, "internal error")
        return None if count % 100 == 0 else forward()

    proxy.hook = second.hook = flaky
    requests = [pair.pay(1000 + number) for number in range(30)]
    for request in requests:
        await pair.until(request, "confirmed", seconds=60)
        assert (await settled(pair, request))["proved"] is True
    assert pair.received() == sum(1000 + number for number in range(30))


async def test_the_lies_of_one_of_two_let_no_more_out_than_the_limit(
    pair: Guardian, proxy: NodeProxy
) -> None:
    for lie in (reverted, dropped, nonce(0x100000), reverted):
        proxy.hook = lie
        if not refused(pair, ETH // 2):
            await pair.core.durable()
    proxy.hook = None
    for data in pair.events("request.decided"):
        await pair.until(data["id"], "confirmed", "reverted", "failed", "denied", "dropped")
    assert pair.received() <= ETH
    assert (pair.core.guard.next_nonce(pair.wallets[0], 31337) or 0) <= 2


def refused(guardian: Guardian, value: int) -> bool:
    """Whether a payment is denied at once."""
    request = {"from": guardian.wallets[0], "to": VENDOR, "value": hex(value)}
    facts = guardian.facts.of_agent("shopper")
    params = json.dumps([request]).encode()
    applied = guardian.core.submit("shopper", "eth_sendTransaction", params, facts)
    return bool(applied.status not in ("go", "waiting"))


# --- nonces ----


async def test_a_nonce_of_one_node_does_not_move_the_ledger(
    alone: Guardian, proxy: NodeProxy
) -> None:
    await alone.until(alone.pay(1), "confirmed")
    proxy.hook = nonce(0x100000)
    request = alone.pay(2)
    await eventually(lambda: many_counts(proxy))
    assert alone.state(request) == "authorising"
    assert alone.core.guard.next_nonce(alone.wallets[0], 31337) == 1
    watch = watching(alone)
    await watch.look()
    (told,) = alone.conditions.report()
    assert told["code"] == "foreign_transaction"
    assert "holdfast nonce set" in told["next"]
    assert "second endpoint" in told["next"]
    proxy.hook = None
    await alone.until(request, "confirmed")


@pytest.mark.parametrize("liar", [0, 1])
async def test_a_nonce_of_one_of_two_nodes_does_not_move_the_ledger(
    pair: Guardian, proxy: NodeProxy, second: NodeProxy, liar: int
) -> None:
    await pair.until(pair.pay(1), "confirmed")
    node = (proxy, second)[liar]
    node.hook = nonce(0x100000)
    request = pair.pay(2)
    if liar == 0:
        await eventually(lambda: many_counts(proxy))
        assert pair.state(request) == "authorising"
    assert (pair.core.guard.next_nonce(pair.wallets[0], 31337) or 0) <= 2
    now = [0.0]
    watch = watching(pair, lambda: now[0])
    for _ in range(3):
        await watch.look()
        now[0] += PATIENCE_S["nodes_disagree"]
    assert "foreign_transaction" not in codes(pair)
    assert "nodes_disagree" in codes(pair)
    assert any(f"{node.url} counts 1048576" in each["text"] for each in pair.conditions.report())
    node.hook = None
    await pair.until(request, "confirmed")


async def test_a_nonce_that_cannot_be_is_no_answer_and_fails_no_payment(
    alone: Guardian, proxy: NodeProxy
) -> None:
    await alone.until(alone.pay(1), "confirmed")
    proxy.hook = nonce(1 << 60)
    request = alone.pay(2)
    await eventually(lambda: many_counts(proxy))
    assert alone.state(request) == "authorising"
    proxy.hook = None
    await alone.until(request, "confirmed")


async def test_where_one_node_tells_a_nonce_that_cannot_be_the_other_is_asked(
    pair: Guardian, proxy: NodeProxy, second: NodeProxy
) -> None:
    await pair.until(pair.pay(1), "confirmed")
    proxy.hook = nonce(1 << 53)
    second.calls.clear()
    await pair.until(pair.pay(2), "sent")
    assert "eth_getTransactionCount" in {call["method"] for call in second.calls}


async def test_a_nonce_that_two_nodes_tell_moves_the_ledger(
    pair: Guardian, anvil: Anvil, second: NodeProxy
) -> None:
    await pair.until(pair.pay(1), "confirmed")
    for number in (1, 2):
        foreign(pair, anvil, number)
    await eventually(lambda: anvil.nonce(pair.wallets[0]) == 3)
    # One of them says less: what both say counts.
    second.hook = lambda call, forward: (
        result(call, "0x2")
        if call["method"] == "eth_getTransactionCount" and call["params"][1] == "latest"
        else forward()
    )
    request = pair.pay(5)
    await pair.until(request, "sent", "signed")
    (order,) = pair.events("request.authorised", request)
    assert order["order"]["nonce"] == 2
    second.hook = None
    next_one = pair.pay(6)
    await pair.until(next_one, "confirmed")
    watch = watching(pair)
    await watch.look()
    assert pair.core.guard.next_nonce(pair.wallets[0], 31337) == 4


async def test_a_nonce_that_flaps_moves_nothing(pair: Guardian, proxy: NodeProxy) -> None:
    await pair.until(pair.pay(1), "confirmed")
    count = 0

    def flaps(call: dict[str, Any], forward: Callable[[], bytes]) -> bytes:
        nonlocal count
        if call["method"] != "eth_getTransactionCount":
            return forward()
        count += 1
        return result(call, "0x7000") if count % 2 else forward()

    proxy.hook = flaps
    for value in range(2, 6):
        await pair.until(pair.pay(value), "confirmed", seconds=60)
    assert pair.core.guard.next_nonce(pair.wallets[0], 31337) == 5


async def test_a_nonce_too_low_of_one_node_moves_nothing(pair: Guardian, proxy: NodeProxy) -> None:
    await pair.until(pair.pay(1), "confirmed")
    proxy.hook = nonce(0)
    request = pair.pay(2)
    await pair.until(request, "sent")
    (order,) = pair.events("request.authorised", request)
    assert order["order"]["nonce"] == 1
    assert pair.core.guard.next_nonce(pair.wallets[0], 31337) == 2


async def test_the_first_nonce_of_a_wallet_waits_for_nodes_that_agree(
    pair: Guardian, anvil: Anvil, second: NodeProxy
) -> None:
    anvil.call("anvil_setNonce", pair.wallets[0], "0x5")
    second.hook = nonce(9)
    request = pair.pay(1)
    await eventually(lambda: "nodes_disagree" in codes(pair))
    assert pair.state(request) == "authorising"
    (told,) = pair.conditions.report()
    assert f"{second.url} says 9" in told["text"]
    second.hook = None
    await pair.until(request, "confirmed")
    (order,) = pair.events("request.authorised", request)
    assert order["order"]["nonce"] == 5
    assert codes(pair) == []


async def test_the_first_nonce_is_believed_where_one_node_answers(
    pair: Guardian, anvil: Anvil, second: NodeProxy
) -> None:
    anvil.call("anvil_setNonce", pair.wallets[0], "0x5")
    second.hook = lambda call, forward: None
    request = pair.pay(1)
    await pair.until(request, "sent")
    (order,) = pair.events("request.authorised", request)
    assert order["order"]["nonce"] == 5


async def test_a_chain_that_only_one_node_says_went_back_is_a_contradiction(
    pair: Guardian, second: NodeProxy
) -> None:
    await pair.until(pair.pay(1), "confirmed")
    second.hook = nonce(0)
    now = [0.0]
    watch = watching(pair, lambda: now[0])
    await watch.look()
    assert codes(pair) == []
    now[0] += PATIENCE_S["nodes_disagree"]
    await watch.look()
    assert codes(pair) == ["nodes_disagree"]
    second.hook = None
    now[0] += PATIENCE_S["nodes_disagree"]
    await watch.look()
    assert codes(pair) == []


async def test_a_foreign_transaction_that_both_nodes_have_is_told_as_one(
    pair: Guardian, anvil: Anvil
) -> None:
    await pair.until(pair.pay(1), "confirmed")
    foreign(pair, anvil, 1)
    await eventually(lambda: anvil.nonce(pair.wallets[0]) == 2)
    await watching(pair).look()
    (told,) = pair.conditions.report()
    assert told["code"] == "foreign_transaction"
    assert "says its node" not in told["text"]


def watching(guardian: Guardian, time: Callable[[], float] | None = None) -> NonceWatch:
    assert guardian.sender is not None
    return NonceWatch(
        guardian.core,
        guardian.chains,
        guardian.conditions,
        guardian.wallets,
        guardian.sender.refused,
        time,
    )


def many_counts(proxy: NodeProxy) -> bool:
    counts = [each for each in proxy.calls[-20:] if each["method"] == "eth_getTransactionCount"]
    return len(counts) >= 3
