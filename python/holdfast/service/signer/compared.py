"""What eth-account makes of an order.

Another implementation, to compare ours with where `compare_signatures` of config.toml asks for
that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from holdfast.secrets.keystore import check_fast_backend
from holdfast.service.signer.backends import Backend
from holdfast.service.signer.backends.local import LocalKey

Order = Mapping[str, Any]


def accounts_of(backends: Iterable[Backend]) -> dict[str, LocalAccount]:
    """eth-account's own objects by address, for the keys that are in this process.

    Raises `keystore.KeystoreError` if eth-account does not sign with libsecp256k1.
    """
    check_fast_backend()
    return {each.address: each.account() for each in backends if isinstance(each, LocalKey)}


def compared(order: Order, wallet: LocalAccount) -> dict[str, str]:
    """As `order.sign_order`, for an order of this wallet that it signed.

    Raises whatever eth-account raises.
    """
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
