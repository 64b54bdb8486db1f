"""What is asked of a node at the same time goes to it in one post.

Where it takes batches; it is answered all the same where it does not.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.anvil import Anvil
from tests.support.guardian import Guardian
from tests.support.proxy import NodeProxy, error

from holdfast.service.chain.endpoint import EndpointDown, EndpointSettings
from holdfast.service.chain.rpc_batch import BATCH_CALLS_MAX
from holdfast.service.chain.witness import Witness

WALLETS = [f"0x{number:040x}" for number in range(1, 21)]
HUNDRED = [f"0x{number:040x}" for number in range(1, 101)]


@pytest.fixture
async def witness(proxy: NodeProxy) -> AsyncIterator[Witness]:
    node = Witness(EndpointSettings(31337, proxy.url, timeout_ms=2000))
    await node.verify()
    proxy.calls.clear()
    proxy.posts = 0
    yield node
    await node.close()


@pytest.fixture
async def guardian(tmp_path: Path, anvil: Anvil, proxy: NodeProxy) -> AsyncIterator[Guardian]:
    made = Guardian.make(tmp_path / "home", anvil, wallets=1, url=proxy.url)
    await made.open()
    yield made
    await made.close()


async def balances(witness: Witness, wallets: list[str]) -> list[Any]:
    return await asyncio.gather(
        *(witness.balance(each) for each in wallets), return_exceptions=True
    )


async def test_twenty_questions_at_once_are_one_post_and_each_gets_its_answer(
    witness: Witness, proxy: NodeProxy, anvil: Anvil
) -> None:
    for number, wallet in enumerate(WALLETS):
        anvil.fund(wallet, number)
    assert await balances(witness, WALLETS) == list(range(20))
    assert (proxy.posts, len(proxy.calls)) == (1, 20)


async def test_a_hundred_questions_are_as_many_posts_as_they_need(
    witness: Witness, proxy: NodeProxy
) -> None:
    assert await balances(witness, HUNDRED) == [0] * 100
    assert proxy.posts == -(-100 // BATCH_CALLS_MAX)


def nothing(asked: list[dict[str, Any]], answers: list[bytes]) -> bytes | None:
    return b"{}"


def refused(asked: list[dict[str, Any]], answers: list[bytes]) -> bytes | None:
    return json.dumps(
        {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no batches"}}
    ).encode()


def lost(asked: list[dict[str, Any]], answers: list[bytes]) -> bytes | None:
    return None


def garbled(asked: list[dict[str, Any]], answers: list[bytes]) -> bytes | None:
    return b"<html>"


def one_id_for_all(asked: list[dict[str, Any]], answers: list[bytes]) -> bytes | None:
    first = asked[0]["id"]
    return json.dumps([{**json.loads(each), "id": first} for each in answers]).encode()


def too_many(asked: list[dict[str, Any]], answers: list[bytes]) -> bytes | None:
    return b"[" + b",".join([*answers, answers[0]]) + b"]"


@pytest.mark.parametrize("way", [nothing, refused, lost, garbled, one_id_for_all, too_many])
async def test_a_node_that_takes_no_batches_answers_each_question_alone_from_then_on(
    witness: Witness,
    proxy: NodeProxy,
    anvil: Anvil,
    way: Callable[[list[dict[str, Any]], list[bytes]], bytes | None],
) -> None:
    proxy.batch_hook = way
    for number, wallet in enumerate(WALLETS):
        anvil.fund(wallet, number)
    # All of them are asked twice, once in the batch; later only once.
    for asked in (40, 60):
        assert await balances(witness, WALLETS) == list(range(20))
        assert sum(call["method"] == "eth_getBalance" for call in proxy.calls) == asked


async def test_answers_in_another_order_go_to_their_questions(
    witness: Witness, proxy: NodeProxy, anvil: Anvil
) -> None:
    proxy.batch_hook = lambda asked, answers: b"[" + b",".join(reversed(answers)) + b"]"
    for number, wallet in enumerate(WALLETS):
        anvil.fund(wallet, number)
    assert await balances(witness, WALLETS) == list(range(20))
    assert proxy.posts == 1


async def test_an_error_or_a_missing_answer_in_a_batch_is_that_of_one_question(
    witness: Witness, proxy: NodeProxy
) -> None:
    def third_fails(call: dict[str, Any], forward: Callable[[], bytes]) -> bytes | None:
        third = call["params"][0] == WALLETS[2]
        return error(call, -32603, "internal error") if third else forward()

    proxy.hook = third_fails
    proxy.batch_hook = lambda asked, answers: b"[" + b",".join(answers[:-1]) + b"]"
    found = await balances(witness, WALLETS)
    assert [number for number, each in enumerate(found) if each != 0] == [2, 19]
    assert isinstance(found[2], EndpointDown)
    assert "with error -32603" in found[2].text
    assert isinstance(found[19], EndpointDown)
    assert "left a call of a batch out" in found[19].text


async def test_a_node_that_is_gone_is_not_asked_again_for_each_question(
    witness: Witness, proxy: NodeProxy
) -> None:
    proxy.stop()
    await witness.endpoint.close()
    found = await balances(witness, WALLETS)
    assert {str(each) for each in found} == {
        f"{proxy.url} cannot be reached (ConnectionRefusedError)"
    }


async def test_where_calls_are_limited_each_goes_alone(proxy: NodeProxy) -> None:
    node = Witness(EndpointSettings(31337, proxy.url, timeout_ms=2000, calls_per_second=1000))
    try:
        assert await balances(node, WALLETS) == [0] * 20
        assert proxy.posts == len(proxy.calls)
    finally:
        await node.close()


async def test_a_payment_whose_receipt_breaks_its_batch_keeps_no_other_from_settling(
    guardian: Guardian, proxy: NodeProxy, anvil: Anvil
) -> None:
    poison = guardian.pay()
    bad = (await guardian.until(poison, "sent", "confirmed"))["hash"]

    def breaks(call: dict[str, Any], forward: Callable[[], bytes]) -> bytes | None:
        about = call["method"] == "eth_getTransactionReceipt" and call["params"][0] == bad
        return None if about else forward()

    proxy.hook = breaks
    others = [guardian.pay() for _ in range(20)]
    for each in others:
        await guardian.until(each, "confirmed")
    proxy.hook = None
    await guardian.until(poison, "confirmed")
