"""One transaction on its way to the nodes of a chain."""

from collections.abc import Callable
from typing import Any

from holdfast.service.chain.broadcast import Broadcast
from holdfast.service.chain.chain import Chain
from holdfast.service.chain.endpoint import EndpointDown
from holdfast.service.chain.witness import Sending


async def broadcast_one(
    chain: Chain,
    transaction: Any,
    still: Callable[[], bool] = lambda: True,
    *,
    private: bool = False,
) -> Broadcast:
    """The outcome for a signed transaction of eth-account. Raises EndpointDown."""
    raw, tx_hash = bytes(transaction.raw_transaction), "0x" + transaction.hash.hex()
    (found,) = await chain.broadcast([Sending(raw, tx_hash, still)], private=private)
    if isinstance(found, EndpointDown):
        raise found
    return found
