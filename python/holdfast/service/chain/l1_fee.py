"""What the data of a transaction costs on Ethereum, besides its gas, on rollups of the OP Stack.

The chain's GasPriceOracle says it; the core compares it with the policy's `l1_fee_max`. A chain
that does not say it stops nothing: the whole maximum is set aside for the request.
Source: https://docs.optimism.io/stack/transactions/fees, and `GasPriceOracle.sol`.
"""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING, Any

from holdfast.service.chain.answers import wei
from holdfast.service.chain.contract_code import WORD, At

if TYPE_CHECKING:
    from holdfast.service.chain.inputs import TransactionInputs
    from holdfast.service.chain.node import Node

ORACLE = "0x420000000000000000000000000000000000000F"
GET_L1_FEE = bytes.fromhex("49948e0e")  # getL1Fee(bytes)
NONCE_LIKE = (1 << 32) - 1
DYNAMIC_FEE = b"\x02"


async def l1_fee(node: Node, asked: TransactionInputs) -> int | None:
    """Wei the data of a request with an `l1_fee_max` costs now; None where the chain does not say.

    Raises EndpointDown, also for a number that cannot be.
    """
    # The imports take a moment: not on the loop.
    abi = await asyncio.to_thread(importlib.import_module, "eth_abi")
    rlp = await asyncio.to_thread(importlib.import_module, "rlp")
    call = GET_L1_FEE + abi.encode(["bytes"], [_unsigned(asked, rlp)])
    found = await At(node, ORACLE, "latest").call("0x" + call.hex())
    return wei("0x" + found.hex(), "fee for data") if found and len(found) == WORD else None


def _unsigned(asked: TransactionInputs, rlp: Any) -> bytes:
    """The transaction as it will be, at its longest, without a signature (EIP-2718, EIP-1559)."""
    numbers = [
        asked.chain_id,
        NONCE_LIKE,
        asked.priority_fee_per_gas_max,
        asked.fee_per_gas_max,
        asked.gas_max,
    ]
    to = b"" if asked.to is None else bytes.fromhex(asked.to[2:])
    data = bytes.fromhex(asked.data[2:])
    parts = [*map(_bare, numbers), to, _bare(asked.value), data, []]
    return DYNAMIC_FEE + bytes(rlp.encode(parts))


def _bare(number: int) -> bytes:
    """Big endian without leading zeros, as RLP has integers."""
    return number.to_bytes((number.bit_length() + 7) // 8)
