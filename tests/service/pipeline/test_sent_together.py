"""Transactions of one wallet that are ready at the same time go to a node in one post.

In the order of their nonces, and each with an outcome of its own.
"""

import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.typed_transactions import TypedTransaction
from hexbytes import HexBytes
from tests.support.anvil import Anvil
from tests.support.guardian import VENDOR, Guardian, eventually
from tests.support.proxy import NodeProxy, error

from holdfast.service.chain.broadcast import ACCEPTED, KNOWN, NO_ANSWER
from holdfast.service.chain.chain import Chain
from holdfast.service.chain.endpoint import EndpointSettings, Stopped
from holdfast.service.chain.witness import Sending

PAYMENTS = 12


@pytest.fixture
async def guardian(
    tmp_path: Path, anvil: Anvil, proxy: NodeProxy, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Guardian]:
    monkeypatch.setattr("holdfast.service.pipeline.nonce_order.PATIENCE_SECONDS", 20)
    # Anvil sometimes keeps for good what arrives while it mines the nonce before: it mines after.
    anvil.call("evm_setAutomine", False)
    made = Guardian.make(tmp_path / "home", anvil, wallets=1, url=proxy.url)
    await made.open()
    yield made
    await made.close()


class Busy:
    """A node that answers the first transaction only when the others wait."""

    def __init__(self, proxy: NodeProxy) -> None:
        self._others = threading.Event()
        self._proxy = proxy
        proxy.hook = self._answer

    def _answer(self, call: dict[str, Any], forward: Any) -> bytes:
        if call["method"] == "eth_sendRawTransaction" and len(self._proxy.sent()) == 1:
            assert self._others.wait(20)
        return bytes(forward())

    def go_on(self) -> None:
        self._others.set()


def nonces(proxy: NodeProxy) -> list[int]:
    return [
        int(TypedTransaction.from_bytes(HexBytes(raw)).as_dict()["nonce"]) for raw in proxy.sent()
    ]


async def pay_together(guardian: Guardian, proxy: NodeProxy) -> list[str]:
    """The payments, when all of them are sent."""
    busy = Busy(proxy)
    requests = [guardian.pay(1 + number) for number in range(PAYMENTS)]
    await eventually(lambda: len(guardian.events("request.signed")) == PAYMENTS)
    busy.go_on()
    for request in requests:
        await guardian.until(request, "sent", "confirmed")
    return requests


async def test_what_waited_for_the_first_goes_in_one_post_in_the_order_of_nonces(
    guardian: Guardian, proxy: NodeProxy
) -> None:
    posts: list[int] = []

    def count(calls: list[dict[str, Any]], answers: list[bytes]) -> bytes:
        sent = [each for each in calls if each["method"] == "eth_sendRawTransaction"]
        posts.extend([len(sent)] if sent else [])
        return b"[" + b",".join(answers) + b"]"

    proxy.batch_hook = count
    requests = await pay_together(guardian, proxy)
    assert len(posts) <= 2, "all others were ready when the first were answered"
    assert sum(posts) >= PAYMENTS - 1
    assert nonces(proxy) == list(range(PAYMENTS))
    guardian.anvil.call("evm_mine")
    for request in requests:
        await guardian.until(request, "confirmed")
    assert guardian.received() == sum(range(1, PAYMENTS + 1))


async def test_what_a_freeze_met_in_line_is_no_post_at_all(
    guardian: Guardian, proxy: NodeProxy
) -> None:
    empty: list[Any] = []

    def look(calls: list[dict[str, Any]], answers: list[bytes]) -> bytes:
        empty.extend([] if calls else ["a post without a call"])
        return b"[" + b",".join(answers) + b"]"

    proxy.batch_hook = look
    busy = Busy(proxy)
    requests = [guardian.pay(1)]
    await eventually(lambda: bool(proxy.sent()))
    requests += [guardian.pay(1 + number) for number in range(1, PAYMENTS)]
    await eventually(lambda: len(guardian.events("request.signed")) == PAYMENTS)
    guardian.core.freeze(b'{"kind":"everything"}', "test", "test")
    await guardian.core.durable()
    busy.go_on()
    for request in requests:
        assert guardian.sender is not None
        await eventually(lambda request=request: not guardian.sender._is_busy(request))
    assert empty == []
    assert nonces(proxy) == [0], "nothing leaves after a freeze"


async def test_a_node_that_takes_no_batches_gets_each_in_a_post_of_its_own(
    guardian: Guardian, proxy: NodeProxy
) -> None:
    refusal = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no batches"}}
    proxy.batch_hook = lambda _calls, _answers: json.dumps(refusal).encode()
    requests = await pay_together(guardian, proxy)
    guardian.anvil.call("evm_mine")
    for request in requests:
        await guardian.until(request, "confirmed")
    assert guardian.received() == sum(range(1, PAYMENTS + 1))
    assert guardian.anvil.nonce(guardian.wallets[0]) == PAYMENTS


async def test_one_that_the_node_refuses_keeps_no_other_of_its_post_from_its_outcome(
    guardian: Guardian, proxy: NodeProxy
) -> None:
    refused: list[dict[str, Any]] = []

    def refuse(calls: list[dict[str, Any]], answers: list[bytes]) -> bytes:
        sent = [n for n, each in enumerate(calls) if each["method"] == "eth_sendRawTransaction"]
        if len(sent) > 1 and not refused:
            refused.append(calls[sent[-1]])
            answers[sent[-1]] = error(calls[sent[-1]], -32000, "transaction underpriced")
        return b"[" + b",".join(answers) + b"]"

    proxy.batch_hook = refuse
    await pay_together(guardian, proxy)
    told = guardian.events("request.sent")
    (late,) = [each["id"] for each in told if each["outcome"] == "rejected"]
    # The refused one is sent again by and by, and the node has it.
    assert {each["id"] for each in told if each["outcome"] == "accepted"} >= {
        each["id"] for each in told if each["id"] != late
    }


@pytest.fixture
async def chain(proxy: NodeProxy) -> AsyncIterator[Chain]:
    made = Chain(EndpointSettings(31337, proxy.url))
    await made.ready()
    yield made
    await made.close()


def three(anvil: Anvil, *may: bool) -> list[Sending]:
    """Transactions of a new wallet with the nonces 0 to 2, and whether each may leave."""
    account = Account.create()
    anvil.fund(account.address)
    signed = [
        account.sign_transaction(
            {
                "to": VENDOR,
                "value": 1,
                "gas": 21_000,
                "maxFeePerGas": 10**10,
                "maxPriorityFeePerGas": 10**9,
                "nonce": nonce,
                "chainId": 31337,
            }
        )
        for nonce in range(3)
    ]
    return [
        Sending(bytes(each.raw_transaction), "0x" + each.hash.hex(), lambda it=it: it)
        for each, it in zip(signed, may, strict=True)
    ]


async def test_what_may_leave_no_more_stays_and_the_others_of_its_post_go(
    anvil: Anvil, proxy: NodeProxy, chain: Chain
) -> None:
    first, second, third = await chain.broadcast(three(anvil, True, True, False))
    assert (first, second) == (ACCEPTED, ACCEPTED)
    assert isinstance(third, Stopped)
    assert nonces(proxy) == [0, 1]
    assert chain.witnesses[0].alarm is None, "the node is well"


@pytest.mark.parametrize("status", [400, 405, 413])
async def test_a_post_that_is_refused_goes_one_by_one_at_once(
    anvil: Anvil, proxy: NodeProxy, chain: Chain, status: int
) -> None:
    proxy.batch_status = status
    proxy.batch_hook = lambda _calls, _answers: b""
    assert set(await chain.broadcast(three(anvil, True, True, True))) <= {ACCEPTED, KNOWN}
    assert chain.witnesses[0].alarm is None, "the node is well"


@pytest.mark.parametrize("status", [429, 503])
async def test_an_overloaded_node_does_not_get_the_same_again_one_by_one(
    anvil: Anvil, proxy: NodeProxy, chain: Chain, status: int
) -> None:
    proxy.batch_status = status
    proxy.batch_hook = lambda _calls, _answers: b""
    posts = proxy.posts
    assert await chain.broadcast(three(anvil, True, True, True)) == [NO_ANSWER] * 3
    assert proxy.posts == posts + 1
