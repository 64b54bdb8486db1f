"""What others may take of a wallet counts until the chain proves that it is over."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_abi import encode
from eth_account import Account
from tests.support.anvil import Anvil
from tests.support.guardian import VENDOR, Guardian, eventually
from tests.support.proxy import NodeProxy, result
from tests.support.token import deploy_token

GWEI = 10**9
UNIT = 10**6
FEES = {"max_fee_per_gas": str(60 * GWEI), "max_priority_fee_per_gas": str(4 * GWEI)}
MORE = """
[[asset]]
id = "usdc"
chain = 31337
address = "{token}"
decimals = 6
symbol = "USDC"
price_usd = "1"
[[rule]]
id = "allowances"
effects = ["allowance", "revoke"]
assets = ["usdc"]
tier = "instant"
[[limit]]
id = "stands"
per = "agent"
measure = "amount"
effects = ["allowance"]
assets = ["usdc"]
max = "100"
window = "standing"
on_exceed = "deny"
"""


class Allowing:
    """A guardian whose agent lets others take a token, up to 100 of it in all."""

    def __init__(self, guardian: Guardian, anvil: Anvil) -> None:
        self.guardian = guardian
        self.anvil = anvil
        self.owner = guardian.wallets[0]
        self.token = deploy_token(anvil, self.owner)
        guardian.more = MORE.format(token=self.token)
        guardian.settings = replace(guardian.settings, simulate="off")

    async def start(self) -> None:
        await self.guardian.open()
        await self.guardian.chains.start()
        await self.guardian.until(self.guardian.pay(1), "confirmed")

    def allow(self, spender: str, tokens: int) -> str | None:
        """The request; None when it is denied."""
        data = "0x095ea7b3" + encode(["address", "uint256"], [spender, tokens * UNIT]).hex()
        params = [{"from": self.owner, "to": self.token, "data": data, "value": "0x0"}]
        facts = self.guardian.facts.of_agent("shopper")
        call = json.dumps(params).encode()
        applied = self.guardian.core.submit("shopper", "eth_sendTransaction", call, facts)
        return applied.request_id if applied.status == "go" else None

    def stands(self, spender: str) -> int:
        data = "0xdd62ed3e" + encode(["address", "address"], [self.owner, spender]).hex()
        answer = self.anvil.call("eth_call", {"to": self.token, "data": data}, "latest")
        return int(answer, 16) // UNIT

    def left(self) -> int:
        limits = self.guardian.core.guard.limits("shopper", self.guardian.clock.now_ms())
        (limit,) = (each for each in json.loads(limits) if each["limit"] == "stands")
        return int(limit["left"]) // UNIT


@pytest.fixture
async def alone(tmp_path: Path, anvil: Anvil, proxy: NodeProxy) -> AsyncIterator[Allowing]:
    made = Allowing(Guardian.make(tmp_path / "home", anvil, url=proxy.url), anvil)
    await made.start()
    yield made
    await made.guardian.close()


@pytest.fixture
async def pair(
    tmp_path: Path, anvil: Anvil, proxy: NodeProxy, second: NodeProxy
) -> AsyncIterator[Allowing]:
    guardian = Guardian.make(tmp_path / "home", anvil, url=proxy.url)
    guardian.others = [replace(guardian.settings, rpc_url=second.url)]
    made = Allowing(guardian, anvil)
    await made.start()
    yield made
    await guardian.close()


async def allowed(made: Allowing, spender: str, tokens: int) -> str:
    request = made.allow(spender, tokens)
    assert request is not None
    await made.guardian.until(request, "confirmed")
    return request


async def test_whatever_order_nonces_have_no_more_stands_than_the_limit(
    pair: Allowing, anvil: Anvil
) -> None:
    """An allowance and its revoke are asked for at once: which is mined first is chance."""
    spenders = [Account.create().address for _ in range(6)]
    anvil.call("evm_setAutomine", False)
    for spender in spenders:
        requests = [pair.allow(spender, 100), pair.allow(spender, 0)]
        for request in filter(None, requests):
            await pair.guardian.until(request, "sent")
        anvil.call("evm_mine")
        for request in filter(None, requests):
            await pair.guardian.until(request, "confirmed", "reverted")
        assert sum(map(pair.stands, spenders)) <= 100 - pair.left()


async def test_a_revoke_that_two_nodes_prove_makes_room(pair: Allowing) -> None:
    await allowed(pair, VENDOR, 100)
    assert pair.allow(Account.create().address, 1) is None
    await allowed(pair, VENDOR, 0)
    assert (pair.stands(VENDOR), pair.left()) == (0, 100)


async def test_a_revoke_that_its_contract_undid_frees_nothing(
    alone: Allowing, anvil: Anvil
) -> None:
    await allowed(alone, VENDOR, 100)
    anvil.call("evm_setAutomine", False)
    revoke = alone.allow(VENDOR, 0)
    assert revoke is not None
    await alone.guardian.until(revoke, "sent")
    code = anvil.call("eth_getCode", alone.token, "latest")
    anvil.call("anvil_setCode", alone.token, "0x60006000fd")  # as a token that is paused
    anvil.call("evm_mine")
    anvil.call("anvil_setCode", alone.token, code)
    await alone.guardian.until(revoke, "reverted")
    assert (alone.stands(VENDOR), alone.left()) == (100, 0)


async def test_a_revoke_that_was_taken_back_frees_nothing(alone: Allowing, anvil: Anvil) -> None:
    await allowed(alone, VENDOR, 100)
    anvil.call("evm_setAutomine", False)
    guardian = alone.guardian
    revoke = alone.allow(VENDOR, 0)
    assert revoke is not None
    await guardian.until(revoke, "sent")
    digest = guardian.view(revoke)["digest"]
    guardian.command("cancel", request=revoke, digest=digest, **FEES)
    await eventually(lambda: len(guardian.events("request.sent", revoke)) > 1)
    anvil.call("evm_mine")
    await guardian.until(revoke, "cancelled")
    assert (alone.stands(VENDOR), alone.left()) == (100, 0)


async def test_a_revoke_of_which_one_node_says_that_it_happened_frees_nothing(
    alone: Allowing, anvil: Anvil, proxy: NodeProxy
) -> None:
    await allowed(alone, VENDOR, 100)
    anvil.call("evm_setAutomine", False)
    revoke = alone.allow(VENDOR, 0)
    assert revoke is not None
    view = await alone.guardian.until(revoke, "sent")
    anvil.call("anvil_dropAllTransactions")
    block = {"hash": "0x" + "ab" * 32, "transactions": [view["hash"].lower()]}
    receipt = {
        "transactionHash": view["hash"],
        "status": "0x1",
        "blockNumber": "0x1",
        "blockHash": block["hash"],
        "gasUsed": "0x5208",
        "effectiveGasPrice": "0x1",
    }
    told: dict[str, Any] = {
        "eth_getTransactionReceipt": receipt,
        "eth_getBlockByNumber": block,
        "eth_getTransactionCount": hex(view["nonce"] + 1),
    }
    proxy.hook = lambda call, forward: (
        result(call, told[call["method"]]) if call["method"] in told else forward()
    )
    await alone.guardian.until(revoke, "confirmed")
    assert (alone.stands(VENDOR), alone.left()) == (100, 0)


async def test_an_agent_alone_makes_no_room_with_one_honest_node(
    alone: Allowing, anvil: Anvil
) -> None:
    """Its revokes run out of gas by its own choice, or come before what they seem to take back."""
    spenders = [Account.create().address for _ in range(3)]
    anvil.call("evm_setAutomine", False)
    for spender in spenders:
        requests = [each for each in (alone.allow(spender, 100), alone.allow(spender, 0)) if each]
        await asyncio.gather(*(alone.guardian.until(each, "sent", "failed") for each in requests))
        anvil.call("evm_mine")
        for request in requests:
            await alone.guardian.until(request, "confirmed", "reverted", "failed")
    assert sum(map(alone.stands, spenders)) <= 100
