"""What a node says makes no verdict milder than it is without the node.

Of code, prices and simulations: a node that lies, in front of an honest chain.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.perimeter.test_contracts import (
    BY_HAND,
    MULTICALL,
    SENDER,
    SENDERS,
    add,
    becomes,
    dispersed,
    looked,
    through_multicall,
    verdict,
)
from tests.service.facts.test_pinned_code import MINUTE, chain_at
from tests.service.facts.test_prices import FEED, Hands, feed_code
from tests.service.in_process import make_home, put_policy, serving
from tests.support.anvil import Anvil
from tests.support.proxy import NodeProxy, result
from tests.support.stub_contract import place_contract, runtime, word

from holdfast._core import checksum_address
from holdfast.service.facts.prices.settings import PriceSettings
from holdfast.service.home.folder import Home

Json = dict[str, Any]
CHAIN = 31337
SECOND_FEED = checksum_address(f"0xfeed{2:036x}")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path)


def saying(method: str, value: Any) -> Callable[[Json, Callable[[], bytes]], bytes | None]:
    """A node that answers one method with the same value always."""

    def hook(call: Json, forward: Callable[[], bytes]) -> bytes | None:
        return result(call, value) if call["method"] == method else forward()

    return hook


NEVER = """
[[forbid]]
id = "never"
effects = ["transfer"]
to = ["0x70997970C51812dc3A010C7d01b50e0d17dc79C8"]
"""
STRICT = {"instant": 0, "notify": 1, "delay": 2, "approval": 3, "deny": 4}
LIES = [None, 7, "0x", "0xzz", {}, "0x00", "0xfe", "0xef0100" + "11" * 20, "0x" + "60" * 3808]


@pytest.mark.parametrize("lie", LIES, ids=str)
async def test_no_word_about_code_makes_a_request_milder_than_an_honest_silence(
    home: Home, proxy: NodeProxy, lie: Any
) -> None:
    """A contract whose code is known cannot be made up, and nothing can be made of no contract."""
    add(home, BY_HAND)
    async with serving(home) as guardian:
        silent = await verdict(await guardian.agent(), through_multicall())
    proxy.hook = saying("eth_getCode", lie)
    async with chain_at(proxy.url) as chain, serving(home, node=chain) as guardian:
        line = await guardian.agent()
        await looked(proxy, MULTICALL)
        told = await verdict(line, through_multicall())
        assert STRICT[told[0]] >= STRICT[silent[0]] == STRICT["approval"]
        assert "unknown_contract" in told[1]


async def test_a_node_that_denies_a_contract_denies_no_denial(
    home: Home, anvil: Anvil, proxy: NodeProxy
) -> None:
    """What is forbidden inside of a contract stays so when the node says there is none."""
    add(home, SENDERS + BY_HAND + NEVER)
    place_contract(anvil, SENDER, runtime({"18160ddd": word(1)}))
    for lie in (None, "0x"):
        proxy.hook = saying("eth_getCode", lie) if lie is not None else None
        proxy.calls.clear()
        async with chain_at(proxy.url) as chain, serving(home, node=chain) as guardian:
            line = await guardian.agent()
            await looked(proxy, SENDER)
            told, codes, _ = await verdict(line, dispersed())
            assert told == "deny"
            assert "forbidden" in codes


async def test_two_feeds_of_one_node_are_one_source(
    home: Home, anvil: Anvil, proxy: NodeProxy
) -> None:
    """One node can lie about both, so they do not confirm each other."""
    text = home.policy_path.read_text()
    asked = 'price_max_age = "10m"\nprice_sources_min = 2'
    text = text.replace('price_usd = "3000"', asked)
    text = text.replace('tier = "instant"', 'usd_max = "10"\ntier = "instant"', 1)
    put_policy(home, text)
    hands = Hands()
    for feed in (FEED, SECOND_FEED):
        place_contract(anvil, feed, feed_code(10**6, hands.seconds()))
    feeds = tuple(PriceSettings("eth", chain=CHAIN, feed=feed) for feed in (FEED, SECOND_FEED))
    payment = {"to": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "value": hex(10**18)}
    async with (
        chain_at(proxy.url) as chain,
        serving(home, node=chain, prices=feeds, clock=hands) as guardian,
    ):
        operator = await guardian.operator()
        async with asyncio.timeout(30):
            while True:
                (told,) = await operator.operate("prices")
                if all(each["usd"] for each in told["sources"]):
                    break
                await asyncio.sleep(0.02)
        assert told["price_usd"] is None
        # At a cent for an ether, as this node says, it would be ten dollars at most.
        assert (await becomes(await guardian.agent(), payment, "price_unknown"))[0] == "approval"


async def test_a_price_that_jumps_is_not_confirmed_by_another_feed_of_the_same_node(
    home: Home, anvil: Anvil
) -> None:
    text = home.policy_path.read_text()
    text = text.replace('price_usd = "3000"', 'price_max_age = "10m"')
    text = text.replace('tier = "instant"', 'usd_max = "10"\ntier = "instant"', 1)
    put_policy(home, text)
    hands = Hands()
    feeds = tuple(PriceSettings("eth", chain=CHAIN, feed=feed) for feed in (FEED, SECOND_FEED))
    payment = {"to": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "value": hex(10**18)}
    for feed in (FEED, SECOND_FEED):
        place_contract(anvil, feed, feed_code(3000 * 10**8, hands.seconds()))
    async with (
        chain_at(anvil.url) as chain,
        serving(home, node=chain, prices=feeds, clock=hands) as guardian,
    ):
        line = await guardian.agent()
        await becomes(line, payment, "no_grant")
        for feed in (FEED, SECOND_FEED):
            place_contract(anvil, feed, feed_code(10**6, hands.seconds()))
        hands.added += MINUTE
        told = await becomes(line, payment, "price_unknown")
        assert told[0] == "approval"
