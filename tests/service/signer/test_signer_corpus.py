"""Vectors of other projects, through the signer.

The bytes it signs are the bytes of the vectors, and what is out of its ranges it does not sign at
all.

The corpus lies beside the repository; without it these tests are skipped.
"""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from holdfast.service.signer.backends.local import LocalKey
from holdfast.service.signer.order import GAS_MAX, GAS_MIN, OrderError, sign_order

REPO = Path(__file__).resolve().parents[3]
CORPUS = Path(os.environ.get("HOLDFAST_CORPUS", REPO.parent / "shared" / "corpus"))
ENCODING = CORPUS / "encoding"

pytestmark = pytest.mark.skipif(
    not ENCODING.is_dir(), reason="the corpus is not beside the repository"
)


def _vectors(name: str) -> list[dict[str, Any]]:
    with gzip.open(ENCODING / name, "rt") as file:
        vectors: list[dict[str, Any]] = json.load(file)
    return vectors


def _number(value: Any) -> int:
    return int(value, 16) if isinstance(value, str) else int(value or 0)


def _order(vector: dict[str, Any], wallet: str) -> dict[str, Any]:
    asked = vector["transaction"]
    return {
        "kind": "transaction",
        "chain_id": _number(asked.get("chainId")),
        "wallet": wallet,
        "nonce": _number(asked.get("nonce")),
        "gas": _number(asked.get("gasLimit")),
        "max_fee_per_gas": str(_number(asked.get("maxFeePerGas"))),
        "max_priority_fee_per_gas": str(_number(asked.get("maxPriorityFeePerGas"))),
        "to": asked.get("to") or None,
        "value": str(_number(asked.get("value"))),
        "data": asked.get("data") or "0x",
    }


def test_transactions_in_range_are_signed_to_the_bytes_of_the_vectors_and_others_are_not() -> None:
    signed = refused = 0
    for vector in _vectors("transactions.json.gz"):
        account = Account.from_key(vector["privateKey"])
        asked = vector["transaction"]
        if asked.get("accessList"):
            continue  # the guardian signs no access lists
        order = _order(vector, account.address)
        try:
            found = sign_order(order, {account.address: LocalKey(bytes(account.key))})
        except OrderError:
            in_range = GAS_MIN <= order["gas"] <= GAS_MAX and order["chain_id"] > 0
            assert not in_range or (order["to"] is None and order["data"] == "0x"), vector["name"]
            refused += 1
            continue
        assert found["raw"] == vector["signedLondon"], vector["name"]
        raw = bytes.fromhex(vector["signedLondon"][2:])
        assert found["hash"] == "0x" + keccak(raw).hex()
        signed += 1
    assert signed >= 50, f"only {signed} were signed, {refused} refused"


def test_typed_data_is_signed_over_the_digest_of_the_vectors() -> None:
    account = Account.from_key("0x" + "42" * 32)
    signed = 0
    for vector in _vectors("typed-data.json.gz"):
        document = {
            "types": vector["types"],
            "primaryType": vector["primaryType"],
            "domain": vector["domain"],
            "message": vector["data"],
        }
        order = {
            "kind": "typed-data",
            "chain_id": 1,
            "wallet": account.address,
            "json": canonical(document),
            "digest": vector["digest"],
        }
        found = sign_order(order, {account.address: LocalKey(bytes(account.key))})
        assert found["hash"] == vector["digest"], vector["name"]
        signature = bytes.fromhex(found["signature"][2:])
        recovered = Account._recover_hash(vector["digest"], signature=signature)
        assert recovered == account.address
        signed += 1
    assert signed == 60


def canonical(document: dict[str, Any]) -> str:
    """The document with the type of its domain, which the vectors leave out."""
    kinds = {
        "name": "string",
        "version": "string",
        "chainId": "uint256",
        "verifyingContract": "address",
        "salt": "bytes32",
    }
    domain = [{"name": key, "type": kinds[key]} for key in kinds if key in document["domain"]]
    return json.dumps(document | {"types": {"EIP712Domain": domain, **document["types"]}})
