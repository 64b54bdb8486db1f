"""The price a feed contract tells: Chainlink's `AggregatorV3Interface`, by the chain's own node.

What the node says may be a lie or late. It is one source like any other: its time is the feed's
own, which the core judges by the policy's `price_max_age`.
"""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING

from holdfast.service.chain.contract_code import WORD, At, newest_block
from holdfast.service.facts.prices.number import DECIMALS, NoPrice, checked

if TYPE_CHECKING:
    from holdfast.service.chain.node import Node

LATEST_ROUND = "0xfeaf968c"
DECIMALS_OF = "0x313ce567"
ROUND = ("uint80", "int256", "uint256", "uint256", "uint80")
# As the core takes prices from the future.
FUTURE_SECONDS_MAX = 60


async def read_feed(node: Node, feed: str, now_ms: int) -> tuple[int, int]:
    """Price in 1e-18 USD, and when the feed was updated, in ms, `now_ms` at the latest.

    Raises EndpointDown or NoPrice.
    """
    # The import takes a moment: not on the loop.
    abi = await asyncio.to_thread(importlib.import_module, "eth_abi")
    # Both at one block, or an upgrade of the feed between them could shift the point.
    at = At(node, feed, await newest_block(node))
    round_data, places = await at.call(LATEST_ROUND), await at.call(DECIMALS_OF)
    if round_data is None or len(round_data) != WORD * len(ROUND):
        raise NoPrice("the contract does not respond like a price feed")
    if places is None or len(places) != WORD or int.from_bytes(places) > DECIMALS:
        raise NoPrice(f"the feed does not report at most {DECIMALS} decimals")
    try:
        round_id, answer, _, updated, answered_in = abi.decode(ROUND, round_data)
    except abi.exceptions.DecodingError:
        raise NoPrice("the contract does not respond like a price feed") from None
    if round_id == 0 or answered_in < round_id or updated == 0:
        raise NoPrice("the feed's round is not complete")
    if updated * 1000 > now_ms + FUTURE_SECONDS_MAX * 1000:
        raise NoPrice("the feed's price is from the future")
    if answer <= 0:
        raise NoPrice("the feed's price is not above zero")
    atto = checked(answer * 10 ** (DECIMALS - int.from_bytes(places)))
    return atto, min(updated * 1000, now_ms)
