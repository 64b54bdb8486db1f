"""What the data of a transaction costs on Ethereum, besides its gas, on rollups of the OP Stack.

The chain's GasPriceOracle says it; the core compares it with the policy's `l1_fee_max`. A chain
that does not say it stops nothing: the whole maximum is set aside for the request.
Source: https://docs.optimism.io/stack/transactions/fees, and `GasPriceOracle.sol`.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from holdfast.service.chain.answers import wei
from holdfast.service.chain.contract_code import WORD, At

if TYPE_CHECKING:
    from holdfast.service.chain.node import Node

ORACLE = "0x420000000000000000000000000000000000000F"
GET_L1_FEE = bytes.fromhex("49948e0e")  # getL1Fee(bytes)
NONCE_LIKE = (1 << 32) - 1
DYNAMIC_FEE = b"\x02"


def l1_fee_max(view: Mapping[str, Any]) -> int:
    """Wei of the view's fee that are for data on Ethereum: what is more than gas."""
    fees = [each for each in view.get("effects") or () if each["effect"] == "fee"]
    gas = int(view["gas_max"]) * int(view["fee_per_gas_max"])
    return max(0, sum(int(each["amount"]) for each in fees) - gas)


async def l1_fee(node: Node, view: Mapping[str, Any]) -> int | None:
    """Wei the data of a request with an `l1_fee_max` costs now; None where the chain does not say.
    Raises EndpointDown, also for a number that cannot be.
    """
    # The imports take a moment: not on the loop.
    abi = await asyncio.to_thread(importlib.import_module, "eth_abi")
    rlp = await asyncio.to_thread(importlib.import_module, "rlp")
    call = GET_L1_FEE + abi.encode(["bytes"], [_unsigned(view, rlp)])
    found = await At(node, ORACLE, "latest").call("0x" + call.hex())
    return wei("0x" + found.hex(), "fee for data") if found and len(found) == WORD else None


def _unsigned(view: Mapping[str, Any], rlp: Any) -> bytes:
    """The transaction as it will be, at its longest, without a signature (EIP-2718, EIP-1559)."""
    request = view["request"]
    numbers = [
        int(view["chain_id"]),
        NONCE_LIKE,
        int(view["priority_fee_per_gas_max"]),
        int(view["fee_per_gas_max"]),
        int(view["gas_max"]),
    ]
    to = b"" if request["to"] is None else bytes.fromhex(request["to"][2:])
    data = bytes.fromhex(request["data"][2:])
    parts = [*map(_bare, numbers), to, _bare(int(request["value"])), data, []]
    return DYNAMIC_FEE + bytes(rlp.encode(parts))


def _bare(number: int) -> bytes:
    """Big endian without leading zeros, as RLP has integers."""
    return number.to_bytes((number.bit_length() + 7) // 8)
