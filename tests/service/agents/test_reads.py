"""Reads pass through to a real node, within limits; its errors never reach an agent raw."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.service.in_process import VENDOR, frame, serving
from tests.support.anvil import Anvil

from holdfast.service.agents.errors import from_node
from holdfast.service.chain.endpoint import Endpoint, EndpointSettings
from holdfast.service.home.folder import Home

REVERTS = "0x60006000fd"


@pytest.fixture
async def node(anvil: Anvil) -> AsyncIterator[Endpoint]:
    endpoint = Endpoint(EndpointSettings(31337, anvil.url))
    yield endpoint
    await endpoint.close()


async def test_a_read_is_answered_by_the_node(home: Home, node: Endpoint) -> None:
    async with serving(home, node=node) as guardian:
        line = await guardian.agent()
        assert (await line.call("eth_blockNumber"))["result"] == "0x0"
        block = (await line.call("eth_getBlockByNumber", ["latest", False]))["result"]
        assert block["number"] == "0x0"
        balance = (await line.call("eth_getBalance", [VENDOR, "latest"]))["result"]
        assert int(balance, 16) == 10_000 * 10**18


async def test_a_revert_keeps_its_data_and_nothing_else_of_the_nodes_words(
    home: Home, node: Endpoint
) -> None:
    async with serving(home, node=node) as guardian:
        line = await guardian.agent()
        error = (await line.call("eth_call", [{"data": REVERTS}, "latest"]))["error"]
        assert error["code"] == 3
        assert error["message"] == "execution reverted"


async def test_a_node_that_is_not_there_is_said_in_our_words(home: Home) -> None:
    node = Endpoint(EndpointSettings(31337, "http://127.0.0.1:1"))
    async with serving(home, node=node) as guardian:
        error = (await (await guardian.agent()).call("eth_blockNumber"))["error"]
        assert (error["code"], error["message"]) == (-32002, "the node cannot be reached")
    await node.close()


@pytest.mark.parametrize(
    ("code", "message", "data", "expected"),
    [
        (-32003, "nonce too low", None, (-32002, "the nonce was already used")),
        (-32000, "insufficient funds for gas", None, (-32002, "insufficient funds")),
        (-32005, "limit exceeded", None, (-32002, "the node refused the call")),
        (4001, "{{{ \x1b[31m", None, (-32002, "the node refused the call")),
        (3, "execution reverted: secret", "0x08c379a0", (3, "execution reverted")),
        (-32000, "execution reverted", {"data": "0x12"}, (3, "execution reverted")),
        (3, "execution reverted", "not hex {{", (3, "execution reverted")),
        (-32602, "oops", None, (-32602, "the node does not accept")),
        ("x", None, None, (-32002, "the node refused the call")),
    ],
)
def test_a_nodes_error_becomes_one_of_our_table(
    code: object, message: object, data: Any, expected: tuple[int, str]
) -> None:
    told = from_node(code, message, data)
    assert told.code == expected[0]
    assert told.message.startswith(expected[1])
    assert told.code not in (-32000, -32003, -32005, 4001)
    assert told.data is None or told.data in (
        b'"0x08c379a0"',
        b'"0x12"',
        b'{"status":"unavailable"}',
    )


class SlowNode:
    """Answers nothing until it is let go."""

    def __init__(self) -> None:
        self.asked = 0
        self.most = 0
        self.go = asyncio.Event()

    async def call(self, method: str, params: list[Any]) -> Any:
        if method != "eth_gasPrice":  # what the guardian asks for itself is none of the agent's
            await self.go.wait()
            return "0x"
        self.asked += 1
        self.most = max(self.most, self.asked)
        await self.go.wait()
        self.asked -= 1
        return "0x1"


async def test_an_agent_has_only_so_many_reads_under_way(home: Home) -> None:
    node = SlowNode()
    async with serving(home, node=node) as guardian:
        line = await guardian.agent()
        await line.send(frame("eth_gasPrice") * 200)
        assert (await (await guardian.agent("other")).call("eth_chainId"))["result"] == "0x7a69"
        node.go.set()
        results = [(await line.json())["result"] for _ in range(200)]
        assert results == ["0x1"] * 200
        assert node.most == 16


async def test_the_next_nonce_counts_what_is_signed_and_not_mined(
    home: Home, node: Endpoint
) -> None:
    async with serving(home, node=node) as guardian:
        line = await guardian.agent()
        wallet = (await line.call("eth_accounts"))["result"][0]
        count = ("eth_getTransactionCount", [wallet.lower(), "pending"])
        assert (await line.call(*count))["result"] == "0x0"
        paying = asyncio.create_task((await guardian.agent()).pay(VENDOR))
        (view,) = await guardian.until_open("authorising")
        await guardian.carry_out(view["id"])
        await paying
        assert (await line.call(*count))["result"] == "0x1"
        latest = await line.call("eth_getTransactionCount", [wallet, "latest"])
        assert latest["result"] == "0x0"


async def test_new_heads_go_to_those_who_subscribed_and_nobody_else(
    home: Home, node: Endpoint
) -> None:
    async with serving(home, node=node) as guardian:
        line, silent = await guardian.agent(), await guardian.agent()
        refused = await line.call("eth_subscribe", ["logs", {}])
        assert refused["error"]["code"] == -32601
        subscription = (await line.call("eth_subscribe", ["newHeads"]))["result"]
        pushed = asyncio.create_task(line.json())
        while not pushed.done():
            await node.call("anvil_mine", ["0x1"])
            await asyncio.wait({pushed}, timeout=0.2)
        push = await pushed
        assert push["method"] == "eth_subscription"
        assert push["params"]["subscription"] == subscription
        assert int(push["params"]["result"]["number"], 16) > 0
        assert (await silent.call("eth_unsubscribe", [subscription]))["result"] is False


async def test_a_read_waits_for_a_node_that_is_still_being_connected(
    home: Home, node: Endpoint
) -> None:
    async with serving(home, node=node) as guardian:
        guardian.inside._reads.wait_for_nodes()
        line = await guardian.agent()
        await line.send(frame("eth_blockNumber"))
        await line.send(frame("eth_chainId", ident=2))
        assert (await line.json())["id"] == 2
        guardian.inside.nodes_ready()
        assert (await line.json())["result"] == "0x0"
