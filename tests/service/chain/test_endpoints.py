"""Several nodes of one chain: who is asked, who is told of, and what each of them gets to see."""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from tests.support.anvil import Anvil
from tests.support.guardian import Guardian, eventually
from tests.support.proxy import NodeProxy, error, result
from tests.support.sending import broadcast_one

from holdfast.service.chain import broadcast
from holdfast.service.chain.chain import Chain, Chains
from holdfast.service.chain.endpoint import EndpointBusy, EndpointDown, EndpointSettings, RpcError
from holdfast.service.chain.endpoint_watch import DOWN_PATIENCE_S, LAG_PATIENCE_S, EndpointWatch
from holdfast.service.runtime.conditions import Conditions

VENDOR = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
NOWHERE = "http://127.0.0.1:1"


def settings(url: str, **more: Any) -> EndpointSettings:
    return EndpointSettings(31337, url, timeout_ms=2000, **more)


@pytest.fixture
async def chain(proxy: NodeProxy, second: NodeProxy) -> AsyncIterator[Chain]:
    made = Chain(settings(proxy.url), settings(second.url))
    yield made
    await made.close()


def cut(_: Any, __: Any) -> None:
    return None


def asked(proxy: NodeProxy, method: str) -> int:
    return sum(call["method"] == method for call in proxy.calls)


def payment(anvil: Anvil) -> Any:
    account: LocalAccount = Account.create()
    anvil.fund(account.address)
    return account.sign_transaction(
        {
            "type": 2, "chainId": 31337, "nonce": 0, "gas": 21_000, "maxFeePerGas": 10**10,
            "maxPriorityFeePerGas": 10**9, "to": VENDOR, "value": 1000,
        }
    )  # fmt: skip


async def send(chain: Chain, transaction: Any) -> broadcast.Broadcast:
    return await broadcast_one(chain, transaction)


# --- who is asked ----


async def test_the_first_is_asked_while_it_is_well(
    chain: Chain, proxy: NodeProxy, second: NodeProxy
) -> None:
    for _ in range(3):
        await chain.head()
    assert (asked(proxy, "eth_blockNumber"), asked(second, "eth_blockNumber")) == (3, 0)


async def test_the_next_answers_when_one_is_down_and_the_first_again_when_it_is_back(
    chain: Chain, proxy: NodeProxy, second: NodeProxy
) -> None:
    await chain.head()
    proxy.hook = cut
    assert await chain.call("eth_blockNumber", []) == "0x0"
    told = chain.health()
    assert told["ok"]
    assert [each["ok"] for each in told["endpoints"]] == [False, True]
    assert told["endpoints"][0]["text"].startswith(f"down: the connection to {proxy.url} broke")
    assert second.url in told["text"]
    # It is not asked again for every call.
    before = len(proxy.calls)
    await asyncio.gather(*(chain.head() for _ in range(20)))
    assert len(proxy.calls) == before
    proxy.hook = None
    conditions = Conditions(lambda: 0)
    watch = EndpointWatch(_chains(chain), conditions)
    await eventually(lambda: not chain.witnesses[0].rests)
    await watch.look()
    assert chain.health()["text"] == proxy.url


async def test_one_that_fails_is_left_alone_for_longer_and_longer(
    chain: Chain, proxy: NodeProxy
) -> None:
    proxy.hook = cut
    witness, rests = chain.witnesses[0], []
    for _ in range(4):
        witness._rests_until = 0.0
        with pytest.raises(EndpointDown):
            await witness.head()
        assert witness.rests
        rests.append(witness._rest)
    assert rests == [1.0, 2.0, 4.0, 8.0]
    proxy.hook = None
    await witness.head()
    assert (witness.rests, witness._rest) == (False, 0.5)


async def test_while_none_is_well_each_is_tried(
    chain: Chain, proxy: NodeProxy, second: NodeProxy
) -> None:
    proxy.hook = second.hook = cut
    for _ in range(2):
        with pytest.raises(EndpointDown):
            await chain.head()
    assert not chain.health()["ok"]
    second.hook = None
    assert await chain.head() == 0
    assert chain.health()["ok"]


@pytest.mark.parametrize(
    "answer",
    [
        lambda call: error(call, -32005, "limit exceeded"),
        lambda call: error(call, -32603, "internal error"),
        lambda call: error(call, 429, "too many requests"),
        lambda call: result(call, "latest"),
        lambda call: result(call, None),
        lambda _: b"<html>",
    ],
    ids=["limit", "internal", "429", "word", "null", "page"],
)
async def test_what_one_does_not_answer_another_does(
    chain: Chain, proxy: NodeProxy, answer: Callable[[Any], bytes]
) -> None:
    proxy.hook = lambda call, forward: (
        answer(call) if call["method"] == "eth_blockNumber" else forward()
    )
    assert await chain.head() == 0


async def test_a_refusal_of_the_call_itself_is_the_answer(
    chain: Chain, proxy: NodeProxy, second: NodeProxy
) -> None:
    proxy.hook = lambda call, forward: (
        error(call, 3, "execution reverted") if call["method"] == "eth_call" else forward()
    )
    with pytest.raises(RpcError, match="3"):
        await chain.call("eth_call", [{"to": VENDOR}, "latest"])
    assert asked(second, "eth_call") == 0


async def test_one_answer_in_fifty_that_fails_is_noticed_by_nobody(
    chain: Chain, proxy: NodeProxy
) -> None:
    count = 0

    def flaky(_: Any, forward: Callable[[], bytes]) -> bytes | None:
        nonlocal count
        count += 1
        return None if count % 50 == 0 else forward()

    proxy.hook = flaky
    for _ in range(200):
        assert await chain.head() == 0
    assert chain.health()["ok"]


async def test_a_node_of_another_chain_among_them_gets_nothing(
    chain: Chain, proxy: NodeProxy, second: NodeProxy, anvil: Anvil
) -> None:
    second.hook = lambda call, forward: (
        result(call, "0x1") if call["method"] == "eth_chainId" else forward()
    )
    await chain.verify()
    assert await send(chain, payment(anvil)) is broadcast.ACCEPTED
    assert {call["method"] for call in second.calls} == {"eth_chainId"}
    assert "not chain 31337" in chain.health()["endpoints"][1]["text"]


# --- sending ----


async def test_bytes_go_to_every_node(
    chain: Chain, proxy: NodeProxy, second: NodeProxy, anvil: Anvil
) -> None:
    await chain.verify()
    transaction = payment(anvil)
    assert await send(chain, transaction) is broadcast.ACCEPTED
    await eventually(lambda: len(second.sent()) == 1 and len(proxy.sent()) == 1)
    assert proxy.sent() == second.sent()
    anvil.wait_mined("0x" + transaction.hash.hex())


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        (("underpriced", "already known"), "known"),
        (("underpriced", "what is this"), "unknown"),
        (("what is this", "already known"), "known"),
        (("underpriced", "txpool is full"), "rejected"),
    ],
)
async def test_of_several_answers_the_one_that_says_most_counts(
    chain: Chain,
    proxy: NodeProxy,
    second: NodeProxy,
    anvil: Anvil,
    answers: tuple[str, str],
    outcome: str,
) -> None:
    for node, words in zip((proxy, second), answers, strict=True):
        node.hook = lambda call, forward, words=words: (
            error(call, -32000, words) if call["method"] == "eth_sendRawTransaction" else forward()
        )
    await chain.verify()
    assert (await send(chain, payment(anvil))).outcome == outcome


async def test_a_node_that_takes_it_waits_for_no_other(
    chain: Chain, proxy: NodeProxy, second: NodeProxy, anvil: Anvil
) -> None:
    over = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang(call: dict[str, Any], forward: Callable[[], bytes]) -> bytes:
        if call["method"] == "eth_sendRawTransaction":
            asyncio.run_coroutine_threadsafe(over.wait(), loop).result(10)
        return forward()

    second.hook = hang
    await chain.verify()
    assert await send(chain, payment(anvil)) is broadcast.ACCEPTED
    over.set()


async def test_bytes_that_one_lost_and_one_never_got_may_be_out(
    proxy: NodeProxy, anvil: Anvil
) -> None:
    chain = Chain(settings(NOWHERE), settings(proxy.url))
    await chain.verify()
    proxy.hook = lambda call, forward: (
        None if call["method"] == "eth_sendRawTransaction" else forward()
    )
    assert await send(chain, payment(anvil)) is broadcast.NO_ANSWER
    await chain.close()


# --- limits and secrets ----


async def test_no_more_calls_a_second_than_an_endpoint_allows(proxy: NodeProxy) -> None:
    chain = Chain(settings(proxy.url, calls_per_second=5))
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await asyncio.gather(*(chain.head() for _ in range(9)))
    # Ten with the one for the chain's id: the sixth waits for a second.
    assert 0.9 < loop.time() - begun < 3
    with pytest.raises(EndpointBusy, match="limit of 5 calls per second"):
        await asyncio.gather(*(chain.call("eth_blockNumber", []) for _ in range(20)))
    assert chain.health()["ok"], "busy is not down"
    await chain.close()


async def test_calls_beyond_the_limit_of_one_go_to_the_next(
    proxy: NodeProxy, second: NodeProxy
) -> None:
    chain = Chain(settings(proxy.url, calls_per_second=5), settings(second.url))
    await asyncio.gather(*(chain.call("eth_blockNumber", []) for _ in range(40)))
    assert asked(proxy, "eth_blockNumber") < 15
    assert asked(second, "eth_blockNumber") >= 25
    await chain.close()


@pytest.mark.parametrize(
    ("token", "header", "sent"),
    [
        ("s3cret-Token", "authorization", "Bearer s3cret-Token"),
        ("Basic czNjcmV0", "Authorization", "Basic czNjcmV0"),
        ("s3cret-Token", "x-api-key", "s3cret-Token"),
    ],
)
async def test_the_secret_goes_to_its_node_and_nowhere_else(
    proxy: NodeProxy,
    second: NodeProxy,
    caplog: pytest.LogCaptureFixture,
    token: str,
    header: str,
    sent: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    first = settings(proxy.url, token=token, token_header=header)
    chain = Chain(first, settings(second.url))
    await chain.verify()
    await chain.head()
    assert {each.get(header.lower()) for each in proxy.headers} == {sent}
    assert {each.get(header.lower()) for each in second.headers} == {None}
    proxy.hook = cut
    words = []
    for each in chain.witnesses:
        try:
            await each.head()
        except EndpointDown as down:
            words.append(str(down))
    shown = [*words, json.dumps(chain.health()), repr(first), caplog.text]
    for text in shown:
        assert token not in text
        assert token.split()[-1] not in text
    await chain.close()


# --- told ----


def _chains(*chains: Chain) -> Chains:
    made = Chains([], None)
    made._chains = {each.id: each for each in chains}
    return made


class Watching:
    """The watch over endpoints with a clock of its own."""

    def __init__(self, *urls: str) -> None:
        import time

        self.ahead = 0.0
        self.conditions = Conditions(lambda: 0)
        self.chains = Chains([settings(each) for each in urls], self.conditions)
        self.watch = EndpointWatch(
            self.chains, self.conditions, clock=lambda: time.monotonic() + self.ahead
        )

    async def codes(self, after: float = 0.0) -> list[str]:
        self.ahead += after
        await self.watch.look()
        return [each["code"] for each in self.conditions.report()]


async def test_one_that_is_down_for_a_while_is_told_until_it_is_back(
    proxy: NodeProxy, second: NodeProxy
) -> None:
    watching = Watching(proxy.url, second.url)
    assert await watching.codes() == []
    second.hook = cut
    assert await watching.codes() == [], "for a moment nobody is told"
    assert await watching.codes(after=DOWN_PATIENCE_S) == ["endpoint_down"]
    (told,) = watching.conditions.report()
    assert told["severity"] == "warning"
    assert second.url in told["text"]
    assert "others that serve it: 1" in told["text"]
    assert "config.toml" in told["next"]
    assert watching.chains.health()[0]["ok"]
    second.hook = None
    await eventually(lambda: not watching.chains.each()[0].witnesses[1].rests)
    assert await watching.codes() == []
    await watching.chains.stop()


async def test_a_chain_that_none_serves_is_not_ok(proxy: NodeProxy) -> None:
    watching = Watching(NOWHERE)
    await watching.codes()
    assert await watching.codes(after=DOWN_PATIENCE_S) == ["endpoint_down"]
    assert "nothing is paid on it" in watching.conditions.report()[0]["text"]
    assert not watching.chains.health()[0]["ok"]
    await watching.chains.stop()


async def test_one_that_stands_still_while_others_go_on_lags(
    proxy: NodeProxy, second: NodeProxy, anvil: Anvil
) -> None:
    watching = Watching(proxy.url, second.url)
    second.hook = lambda call, forward: (
        result(call, "0x0") if call["method"] == "eth_blockNumber" else forward()
    )
    anvil.call("anvil_mine", "0x9")
    assert await watching.codes() == [], "the other may have them only now"
    assert await watching.codes(after=LAG_PATIENCE_S) == ["endpoint_lags"]
    (told,) = watching.conditions.report()
    assert f"{second.url} of chain 31337 is 9 blocks behind" in told["text"]
    endpoints = watching.chains.health()[0]["endpoints"]
    assert [(each["ok"], each["head"]) for each in endpoints] == [(True, 9), (False, 0)]
    assert endpoints[1]["text"] == "lags: 9 blocks behind"
    second.hook = None
    assert await watching.codes() == []
    await watching.chains.stop()


async def test_health_keeps_its_members_for_one_endpoint(proxy: NodeProxy) -> None:
    chains = Chains([settings(proxy.url)])
    await chains.start()
    await chains.each()[0].head()
    assert chains.health() == [
        {
            "chain_id": 31337,
            "ok": True,
            "head": 0,
            "text": proxy.url,
            "endpoints": [{"name": proxy.url, "ok": True, "head": 0, "text": "ok"}],
        }
    ]
    await chains.stop()


# --- a node that hangs ---


def silent_until(over: threading.Event) -> Callable[[Any, Any], None]:
    def hook(_call: Any, _forward: Any) -> None:
        over.wait(30)

    return hook


@pytest.fixture
async def hung(second: NodeProxy) -> AsyncIterator[NodeProxy]:
    """A node that answers nothing."""
    over = threading.Event()
    second.hook = silent_until(over)
    yield second
    over.set()


async def test_whoever_waits_for_a_node_to_name_its_chain_shares_one_attempt(
    chain: Chain, hung: NodeProxy
) -> None:
    waiting = [asyncio.create_task(chain.witnesses[1].verify()) for _ in range(30)]
    waiting[0].cancel()
    async with asyncio.timeout(2 * 2):
        found = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert all(isinstance(each, EndpointDown) for each in found[1:])
    assert asked(hung, "eth_chainId") == 1


async def test_payments_do_not_wait_for_a_node_that_hangs_before_it_names_its_chain(
    tmp_path: Path, anvil: Anvil, proxy: NodeProxy, second: NodeProxy
) -> None:
    made = Guardian.make(tmp_path / "home", anvil, url=proxy.url)
    made.others = [settings(second.url)]
    await made.open()
    over = threading.Event()
    try:
        await made.chains.start()
        await made.until(made.pay(1), "confirmed")
        second.hook = silent_until(over)
        # As once a minute, and after every new connection.
        made.chains.each()[0].witnesses[1]._forget()
        rows = [made.pay(10 + number) for number in range(30)]
        async with asyncio.timeout(20):
            for each in rows:
                await made.until(each, "sent", "confirmed")
    finally:
        over.set()
        await made.close()


async def test_a_node_that_is_slow_to_name_its_chain_gets_the_bytes_when_it_did(
    chain: Chain, anvil: Anvil, proxy: NodeProxy, second: NodeProxy
) -> None:
    await chain.witnesses[0].verify()
    over = threading.Event()

    def slow(call: dict[str, Any], forward: Callable[[], bytes]) -> bytes:
        if call["method"] == "eth_chainId":
            over.wait(1.5)
        return forward()

    second.hook = slow
    found = await send(chain, payment(anvil))
    assert found.outcome == "accepted"
    assert (len(proxy.sent()), second.sent()) == (1, [])
    over.set()
    await eventually(lambda: second.sent() == proxy.sent())


async def test_bytes_that_were_replaced_do_not_leave_when_a_node_is_ready_for_them(
    chain: Chain, anvil: Anvil, second: NodeProxy
) -> None:
    await chain.witnesses[0].verify()
    over, current = threading.Event(), True

    def slow(call: dict[str, Any], forward: Callable[[], bytes]) -> bytes:
        if call["method"] == "eth_chainId":
            over.wait(1.5)
        return forward()

    second.hook = slow
    transaction = payment(anvil)
    await broadcast_one(chain, transaction, lambda: current)
    current = False
    over.set()
    await eventually(lambda: chain.witnesses[1].is_verified())
    await eventually(lambda: not chain._spread._tasks)
    assert second.sent() == []
    assert chain.witnesses[1].alarm is None, "the node is well"
