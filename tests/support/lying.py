"""Lies of a node about payments that the honest chain behind it has: hooks of `NodeProxy`."""

import json
from collections.abc import Callable
from typing import Any

from tests.support.proxy import Hook, result

Forward = Callable[[], bytes]


def with_receipts(change: Callable[[dict[str, Any]], None]) -> Hook:
    """Every receipt with this change."""

    def hook(call: dict[str, Any], forward: Forward) -> bytes:
        answer = json.loads(forward())
        if call["method"] == "eth_getTransactionReceipt" and answer.get("result"):
            change(answer["result"])
        return json.dumps(answer).encode()

    return hook


reverted: Hook = with_receipts(lambda receipt: receipt.update(status="0x0"))


def dropped(call: dict[str, Any], forward: Forward) -> bytes:
    """Receipts are hidden, and blocks come without transactions."""
    answer = json.loads(forward())
    if call["method"] == "eth_getTransactionReceipt":
        answer["result"] = None
    if call["method"] == "eth_getBlockByNumber" and answer.get("result"):
        answer["result"]["transactions"] = []
    return json.dumps(answer).encode()


def nonce(number: int) -> Hook:
    """Every wallet has this many transactions."""
    return lambda call, forward: (
        result(call, hex(number)) if call["method"] == "eth_getTransactionCount" else forward()
    )
