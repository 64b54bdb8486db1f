"""From a journalled order to signed bytes.

Every range is checked here again, because what was signed cannot be taken back.

The ranges stand for themselves: nothing in this file asks the policy, and nothing of it is
configurable.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any

import orjson
from eth_utils.crypto import keccak

from holdfast._core import (
    HoldfastError,
    UnsignedTransaction,
    canonical_json,
    checksum_address,
    typed_data_digest,
)
from holdfast.service.signer.backends import Backend

CHAIN_ID_MAX = (1 << 53) - 1
NONCE_MAX = (1 << 64) - 2  # EIP-2681
GAS_MIN = 21_000
GAS_MAX = 30_000_000
FEE_MAX = (1 << 96) - 1
VALUE_MAX = (1 << 256) - 1
DATA_BYTES_MAX = 128 * 1024
MESSAGE_BYTES_MAX = 128 * 1024

TRANSACTION_MEMBERS = {
    "kind", "chain_id", "wallet", "nonce", "gas", "max_fee_per_gas", "max_priority_fee_per_gas",
    "to", "value", "data",
}  # fmt: skip
TYPED_DATA_MEMBERS = {"kind", "chain_id", "wallet", "json", "digest"}
MESSAGE_MEMBERS = {"kind", "chain_id", "wallet", "message", "digest"}

# What an approval's digest is over (docs/architecture.md, 1).
DIGEST_MEMBERS = (
    "agent", "chain_id", "effects", "fee_per_gas_max", "gas_max", "id", "kind", "method",
    "priority_fee_per_gas_max", "request", "wallet",
)  # fmt: skip

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,77}")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_HEX = re.compile(r"0x(?:[0-9a-fA-F]{2})*")

Order = Mapping[str, Any]
Backends = Mapping[str, Backend]


class OrderError(ValueError):
    """An order that must not be signed; the text names the member and never holds a key."""


def sign_order(order: Order, backends: Backends) -> dict[str, str]:
    """`{"raw", "hash"}` of a transaction, `{"signature", "hash"}` of typed data or a message.

    All 0x hex. `backends` are by checksummed address. Raises OrderError, and what the backend
    raises.
    """
    kind = order.get("kind")
    chain_id = _integer(order, "chain_id", 1, CHAIN_ID_MAX)
    backend = backends.get(_address(order, "wallet"))
    if backend is None:
        raise OrderError("`wallet` is not a wallet of this home")
    if kind == "transaction":
        return _sign_transaction(order, chain_id, backend)
    if kind == "typed-data":
        return _sign_digest(order, _typed_data_digest(order), backend)
    if kind == "message":
        return _sign_digest(order, _message_digest(order), backend)
    raise OrderError("`kind` must be transaction, typed-data or message")


def check_decided(ordered: Mapping[str, Any], decided: Mapping[str, Any]) -> None:
    """Raises OrderError unless the order is what was decided.

    The decision's content has the digest that the order names, and the order has its content and
    keeps its caps. What takes the place of a signed transaction may move nothing instead, and cost
    what the record of it sets aside.

    `ordered` is the data of a `request.authorised` or `request.replaced`, `decided` that of the
    `request.decided`.
    """
    order, digest = ordered["order"], ordered.get("digest")
    try:
        content = {name: decided.get(name) for name in DIGEST_MEMBERS}
        found = "0x" + hashlib.sha256(canonical_json(orjson.dumps(content))).hexdigest()
    except HoldfastError:
        found = ""
    if not isinstance(digest, str) or not hmac.compare_digest(digest, found):
        raise OrderError("the decision it names is not the one that was authorised")
    request = decided["request"]
    pairs = [(name, order.get(name), decided[name]) for name in ("chain_id", "kind", "wallet")]
    if decided["kind"] == "transaction":
        if not ("why" in ordered and moves_nothing(order)):
            pairs += [(name, order.get(name), request[name]) for name in ("to", "value", "data")]
        _check_caps(ordered, order, decided)
    elif decided["kind"] == "typed-data":
        pairs += [("json", order.get("json"), request["json"])]
        pairs += [("digest", order.get("digest"), request["typed_data_digest"])]
    elif decided["kind"] == "message":
        pairs += [("message", order.get("message"), request["message"])]
    else:
        raise OrderError("`kind` must be transaction, typed-data or message")
    for name, ordered_value, wanted in pairs:
        if ordered_value != wanted:
            raise OrderError(f"`{name}` is not what was decided")


def moves_nothing(order: Order) -> bool:
    """Whether it is a transfer of nothing from the wallet to itself."""
    return (order.get("to"), order.get("value"), order.get("data")) == (order["wallet"], "0", "0x")


def _check_caps(ordered: Mapping[str, Any], order: Order, decided: Mapping[str, Any]) -> None:
    if ordered.get("fee_wei_max") is not None:
        gas = _integer(order, "gas", 0, FEE_MAX)
        fee = gas * _integer(order, "max_fee_per_gas", 0, FEE_MAX)
        if fee > _integer(ordered, "fee_wei_max", 0, VALUE_MAX):
            raise OrderError("the fee is above what was reserved")
        # Beyond what was decided only an operator goes, and an agent where no person was asked.
        if ordered.get("by") != "guardian":
            return
    caps = (
        ("gas", "gas_max"),
        ("max_fee_per_gas", "fee_per_gas_max"),
        ("max_priority_fee_per_gas", "priority_fee_per_gas_max"),
    )
    for name, cap in caps:
        if _integer(order, name, 0, FEE_MAX) > _integer(decided, cap, 0, FEE_MAX):
            raise OrderError(f"`{name}` is above what was decided")


def _sign_transaction(order: Order, chain_id: int, backend: Backend) -> dict[str, str]:
    _members(order, TRANSACTION_MEMBERS)
    max_fee = _integer(order, "max_fee_per_gas", 0, FEE_MAX)
    given = {
        "kind": "transaction",
        "chain_id": chain_id,
        "wallet": order["wallet"],
        "nonce": _integer(order, "nonce", 0, NONCE_MAX),
        "gas": _integer(order, "gas", GAS_MIN, GAS_MAX),
        "max_fee_per_gas": str(max_fee),
        "max_priority_fee_per_gas": str(_integer(order, "max_priority_fee_per_gas", 0, max_fee)),
        "value": str(_integer(order, "value", 0, VALUE_MAX)),
        "data": _hex(_bytes(order, "data", DATA_BYTES_MAX)),
        "to": None if order["to"] is None else _address(order, "to"),
    }
    if given["to"] is None and given["data"] == "0x":
        raise OrderError("`to` is null, which deploys a contract, but there is no `data` to deploy")
    try:
        unsigned = UnsignedTransaction(orjson.dumps(given))
    except HoldfastError as error:
        raise OrderError(str(error.args[1])) from None
    raw, digest = unsigned.signed(backend.sign_digest(unsigned.digest))
    return {"raw": _hex(raw), "hash": _hex(digest)}


def _typed_data_digest(order: Order) -> bytes:
    _members(order, TYPED_DATA_MEMBERS)
    text = order["json"]
    if not isinstance(text, str) or len(text) > DATA_BYTES_MAX:
        raise OrderError("`json` is not text of at most 128 KiB")
    try:
        return typed_data_digest(text)
    except HoldfastError as error:
        raise OrderError(f"`json` is not EIP-712: {error.args[1]}") from None


def _message_digest(order: Order) -> bytes:
    """EIP-191, version 0x45."""
    _members(order, MESSAGE_MEMBERS)
    message = _bytes(order, "message", MESSAGE_BYTES_MAX)
    return bytes(keccak(b"\x19Ethereum Signed Message:\n%d%b" % (len(message), message)))


def _sign_digest(order: Order, digest: bytes, backend: Backend) -> dict[str, str]:
    """Signs `digest`, computed here from the content, only when the order names the same one."""
    named = _bytes(order, "digest", 32)
    if len(named) != 32 or not hmac.compare_digest(named, digest):
        raise OrderError(
            "`digest` is not that of the content: what was decided is not what would be signed"
        )
    return {"signature": _hex(backend.sign_digest(digest)), "hash": _hex(digest)}


def _members(order: Order, expected: set[str]) -> None:
    if set(order) != expected:
        odd = min(set(order) ^ expected)
        raise OrderError(f"`{odd[:40]}` is missing or not a member of such an order")


def _integer(order: Order, name: str, low: int, high: int) -> int:
    """A JSON integer or a decimal string, the journal's form for amounts."""
    value = order.get(name)
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise OrderError(f"`{name}` is not a whole number")
    if not low <= value <= high:
        raise OrderError(f"`{name}` is outside {low} to {high}")
    return value


def _address(order: Order, name: str) -> str:
    """A checksummed address; a wrong checksum is refused, not repaired."""
    value = order.get(name)
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
        raise OrderError(f"`{name}` is not an address")
    if value != checksum_address(value):
        raise OrderError(f"`{name}` does not carry its checksum")
    return value


def _bytes(order: Order, name: str, size_max: int) -> bytes:
    value = order.get(name)
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise OrderError(f"`{name}` is not 0x hex")
    data = bytes.fromhex(value[2:])
    if len(data) > size_max:
        raise OrderError(f"`{name}` is longer than {size_max} bytes")
    return data


def _hex(data: bytes) -> str:
    return "0x" + bytes(data).hex()
