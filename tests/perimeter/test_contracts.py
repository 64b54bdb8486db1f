"""A contract is what its code is, where that code was seen.

Known contracts on a real chain that may or may not have them, through the guardian's sockets.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from tests.service.facts.test_pinned_code import MINUTE, Hands, alarms, chain_at, hash_of
from tests.service.in_process import VENDOR, Line, make_home, put_policy, serving
from tests.support.anvil import Anvil
from tests.support.facts import NO_FACTS
from tests.support.proxy import NodeProxy
from tests.support.stub_contract import place_contract, runtime, word

from holdfast._core import checksum_address
from holdfast.service.home.folder import Home

Json = dict[str, Any]
MULTICALL = "0xcA11bde05977b3631167028862bE2a173976CA11"
SENDER = checksum_address("0xc0de00000000000000000000000000000000d15e")
CODE = [runtime({"18160ddd": word(number)}) for number in range(2)]
LOOK = 20 * MINUTE
HALF = 5 * 10**17


def call(signature: str, types: list[str], values: list[Any], to: str, value: int) -> Json:
    data = keccak(text=signature)[:4] + encode(types, values)
    return {"to": to, "value": hex(value), "data": "0x" + data.hex()}


def through_multicall(payee: str = VENDOR) -> Json:
    """Half an ether to the vendor by `aggregate3Value`."""
    kind = "(address,bool,uint256,bytes)[]"
    calls = [(payee, False, HALF, b"")]
    return call(f"aggregate3Value({kind})", [kind], [calls], MULTICALL, HALF)


def dispersed(value: int = HALF) -> Json:
    """The same by a contract of the policy that sends to many."""
    types = ["address[]", "uint256[]"]
    values = [[VENDOR], [value]]
    return call("disperseEther(address[],uint256[])", types, values, SENDER, value)


SENDERS = f"""
[[contract]]
id = "sender"
chain = 31337
address = "{SENDER}"
protocol = "disperse"
"""
BY_HAND = """
[[rule]]
id = "by-hand"
effects = ["call", "transfer"]
not_to = ["0x70997970C51812dc3A010C7d01b50e0d17dc79C8"]
tier = "approval"
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path)


def add(home: Home, text: str) -> None:
    put_policy(home, home.policy_path.read_text() + text)


async def verdict(line: Line, transaction: Json) -> tuple[str, list[str], list[Any]]:
    """The verdict, the codes of its reasons, and who gets what by the effects."""
    asked = {"method": "eth_sendTransaction", "params": [transaction]}
    told = (await line.call("holdfast_check", [asked]))["result"]
    codes = [each["code"] for each in told["reasons"]]
    effects = [(each["effect"], each["to"]) for each in told.get("effects", [])]
    return told["verdict"], codes, effects


async def becomes(line: Line, transaction: Json, wants: str) -> tuple[str, list[str], list[Any]]:
    """The same once `wants` is the verdict or one of its codes."""
    async with asyncio.timeout(30):
        while True:
            told = await verdict(line, transaction)
            if wants == told[0] or wants in told[1]:
                return told
            await asyncio.sleep(0.02)


async def observed(line: Line, transaction: Json, words: str) -> None:
    """Returns once one of the reasons says so."""
    asked = {"method": "eth_sendTransaction", "params": [transaction]}
    async with asyncio.timeout(30):
        while True:
            told = (await line.call("holdfast_check", [asked]))["result"]
            if any(words in each.get("observed", "") for each in told["reasons"]):
                return
            await asyncio.sleep(0.02)


async def looked(proxy: NodeProxy, address: str) -> None:
    """Returns once the node was asked for the code at an address."""
    async with asyncio.timeout(30):
        while not any(  # noqa: ASYNC110 - nothing tells of it
            each["method"] == "eth_getCode" and each["params"][0].lower() == address.lower()
            for each in proxy.calls
        ):
            await asyncio.sleep(0.02)


async def test_a_payment_through_multicall3_where_it_is_not_deployed_is_never_instant(
    home: Home, proxy: NodeProxy
) -> None:
    """It went to the contract, for whoever deploys it, while the vendor got nothing."""
    async with chain_at(proxy.url) as chain, serving(home, node=chain, hold_ms=50) as guardian:
        line = await guardian.agent()
        await looked(proxy, MULTICALL)
        told, codes, effects = await verdict(line, through_multicall())
        assert told == "deny"
        assert {"unknown_contract", "no_grant"} <= set(codes)
        assert ("transfer", MULTICALL) in effects
        assert ("call", MULTICALL) in effects
        answer = await line.call("eth_sendTransaction", [through_multicall()])
        assert answer["error"]["data"]["status"] == "denied"


async def test_where_calls_are_granted_a_person_decides_about_a_contract_that_is_not_there(
    home: Home, proxy: NodeProxy
) -> None:
    add(home, BY_HAND)
    async with chain_at(proxy.url) as chain, serving(home, node=chain, hold_ms=50) as guardian:
        line = await guardian.agent()
        await observed(line, through_multicall(), "there is no code at this address")
        answer = await line.call("eth_sendTransaction", [through_multicall()])
        assert answer["error"]["data"]["status"] == "pending"
        (view,) = await guardian.until_open("waiting-approval")
        assert "unknown_contract" in [each["code"] for each in view["reasons"]]
        (warning,) = [each for each in view["warnings"] if each["code"] == "unknown_contract"]
        assert MULTICALL in warning["text"]
        assert "there is no code at this address" in warning["text"]
        # What the call would do is still shown.
        assert any(VENDOR in each["value"] for each in view["display"])


async def test_the_code_of_multicall3_is_known_and_no_other_code_is_it(
    home: Home, anvil: Anvil
) -> None:
    place_contract(anvil, MULTICALL, CODE[0])
    async with chain_at(anvil.url) as chain, serving(home, node=chain) as guardian:
        (alarm,) = await alarms(guardian, 1)
        assert (alarm["address"], alarm["code"]) == (MULTICALL, "code_changed")
        told, codes, _ = await verdict(await guardian.agent(), through_multicall())
        assert (told, "unknown_contract" in codes) == ("deny", True)


async def test_a_contract_with_the_right_code_is_understood_until_the_code_is_gone(
    home: Home, anvil: Anvil
) -> None:
    """The operator says which code it must be."""
    pinned = SENDERS.replace(SENDER, MULTICALL).replace("disperse", "multicall")
    add(home, f'{pinned}code_hash = "{hash_of(CODE[0])}"\n')
    place_contract(anvil, MULTICALL, CODE[0])
    hands = Hands()
    async with (
        chain_at(anvil.url) as chain,
        serving(home, node=chain, clock=hands) as guardian,
    ):
        line = await guardian.agent()
        assert (await becomes(line, through_multicall(), "instant"))[2] == [("transfer", VENDOR)]
        for code in (CODE[1], "0x"):
            anvil.call("anvil_setCode", MULTICALL, code)
            hands.added += MINUTE
            told, _, effects = await becomes(line, through_multicall(), "unknown_contract")
            assert told == "deny"
            assert ("transfer", MULTICALL) in effects
            anvil.call("anvil_setCode", MULTICALL, CODE[0])
            hands.added += MINUTE
            await becomes(line, through_multicall(), "instant")


async def test_a_contract_of_the_policy_counts_from_its_first_sight_on(
    home: Home, anvil: Anvil, proxy: NodeProxy
) -> None:
    add(home, SENDERS)
    hands = Hands()
    async with (
        chain_at(proxy.url) as chain,
        serving(home, node=chain, clock=hands, hold_ms=50) as guardian,
    ):
        line = await guardian.agent()
        (alarm,) = await alarms(guardian, 1)
        assert (alarm["address"], alarm["code"]) == (SENDER, "code_absent")
        await observed(line, dispersed(), "there is no code at this address")
        assert (await verdict(line, dispersed()))[0] == "deny"
        place_contract(anvil, SENDER, CODE[0])
        hands.added += LOOK
        assert (await becomes(line, dispersed(), "instant"))[2] == [("transfer", VENDOR)]
        assert await alarms(guardian, 0) == []
        await line.call("eth_sendTransaction", [dispersed()])
        (view,) = await guardian.until_open("authorising")
        assert view["facts"]["code"][SENDER]["hash"] == hash_of(CODE[0])
        await guardian.carry_out(view["id"])
    # A restart knows what it was before anybody looked, and that something else is there now.
    async with (
        chain_at(proxy.url) as chain,
        serving(home, node=chain, clock=hands) as guardian,
    ):
        line = await guardian.agent()
        assert (await becomes(line, dispersed(1), "instant"))[0] == "instant"
        place_contract(anvil, SENDER, CODE[1])
        hands.added += LOOK
        assert (await becomes(line, dispersed(1), "unknown_contract"))[0] == "deny"
        (alarm,) = await alarms(guardian, 1)
        assert (alarm["address"], alarm["code"]) == (SENDER, "code_changed")
        assert hash_of(CODE[1]) in alarm["text"]
        # Nothing is granted for want of a node either.
        place_contract(anvil, SENDER, CODE[0])
        hands.added += LOOK
        await becomes(line, dispersed(1), "instant")
        proxy.hook = lambda _call, _forward: None
        hands.added += 59 * MINUTE
        assert (await verdict(line, dispersed(1)))[0] == "instant"
        hands.added += 2 * MINUTE
        assert "unknown_contract" in (await verdict(line, dispersed(1)))[1]


async def test_what_a_request_relies_on_is_looked_at_again_before_its_order(
    home: Home, anvil: Anvil
) -> None:
    add(home, SENDERS)
    place_contract(anvil, SENDER, CODE[0])
    hands = Hands()
    async with (
        chain_at(anvil.url) as chain,
        serving(home, node=chain, clock=hands, hold_ms=50) as guardian,
    ):
        line = await guardian.agent()
        await becomes(line, dispersed(), "instant")
        await line.call("eth_sendTransaction", [dispersed()])
        (view,) = await guardian.until_open("authorising")
        place_contract(anvil, SENDER, "0x")
        # Longer than a look counts as one of this moment, and less than the next one is away.
        hands.added += 6 * MINUTE
        facts = await guardian.inside.facts.of_request(view["id"], guardian.asked(view))
        assert json.loads(str(facts))["code"][SENDER]["hash"] == hash_of("0x")


async def test_payments_and_tokens_ask_the_node_nothing(home: Home, proxy: NodeProxy) -> None:
    async with chain_at(proxy.url) as chain, serving(home, node=chain) as guardian:
        line = await guardian.agent()
        await looked(proxy, MULTICALL)
        proxy.hook = lambda _call, _forward: None
        plain = {"to": VENDOR, "value": hex(5)}
        assert (await verdict(line, plain))[0] == "instant"
        assert guardian.inside.facts.of_agent("agent") == NO_FACTS
