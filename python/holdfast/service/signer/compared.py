"""What eth-account makes of an order.

Another implementation, to compare ours with where `compare_signatures` of config.toml asks for
that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

Order = Mapping[str, Any]


def compared(order: Order, wallets: Mapping[str, LocalAccount]) -> dict[str, str]:
    """As `order.sign_order`, for an order that it signed. Raises whatever eth-account raises."""
    wallet = wallets[order["wallet"]]
    if order["kind"] == "transaction":
        transaction = {
            "type": 2,
            "chainId": order["chain_id"],
            "nonce": order["nonce"],
            "gas": order["gas"],
            "maxFeePerGas": int(order["max_fee_per_gas"]),
            "maxPriorityFeePerGas": int(order["max_priority_fee_per_gas"]),
            "value": int(order["value"]),
            "data": order["data"],
        }
        if order["to"] is not None:
            transaction["to"] = order["to"]
        signed = wallet.sign_transaction(transaction)
        return {"raw": _hex(signed.raw_transaction), "hash": _hex(signed.hash)}
    if order["kind"] == "typed-data":
        message = encode_typed_data(full_message=json.loads(order["json"]))
    else:
        message = encode_defunct(primitive=bytes.fromhex(order["message"][2:]))
    digest = keccak(b"\x19" + message.version + message.header + message.body)
    signed_hash = Account.unsafe_sign_hash(digest, wallet.key)
    return {"signature": _hex(signed_hash.signature), "hash": _hex(digest)}


def _hex(data: bytes) -> str:
    return "0x" + bytes(data).hex()
