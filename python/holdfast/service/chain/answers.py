"""What a node's JSON-RPC answers are read into; whatever is not exactly that is no answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from holdfast.service.chain.endpoint import EndpointDown

# What a record can carry. EIP-2681 allows nonces beyond it, which no account will ever reach.
COUNT_MAX = (1 << 53) - 1
# Beyond it nothing is counted: no limit and no price of gas is as much.
WEI_MAX = (1 << 120) - 1


@dataclass(frozen=True)
class Fees:
    """wei per gas."""

    base: int
    tip: int


@dataclass(frozen=True)
class Receipt:
    """A mined transaction: where, and what it cost in wei."""

    succeeded: bool
    block_number: int
    block_hash: str
    gas_used: int
    fee_wei: int


@dataclass(frozen=True)
class Block:
    """A block's hash and the hashes of its transactions, lower case."""

    hash: str
    transactions: frozenset[str]


def integer(value: Any, what: str) -> int:
    """A JSON-RPC quantity: 0x hex without sign, at most 256 bits. Raises EndpointDown."""
    number = -1
    if isinstance(value, str) and value.startswith("0x") and 2 < len(value) <= 66:
        try:
            number = int(value, 16)
        except ValueError:
            number = -1
    if number < 0 or "_" in value:
        raise EndpointDown(f"the node's answer has no number for the {what}")
    return number


def count(value: Any, what: str) -> int:
    """A nonce, a block's number or gas: at most `COUNT_MAX`. Raises EndpointDown."""
    return _at_most(COUNT_MAX, integer(value, what), what)


def wei(value: Any, what: str) -> int:
    """A price or a fee: at most `WEI_MAX`. Raises EndpointDown."""
    return _at_most(WEI_MAX, integer(value, what), what)


def _at_most(most: int, number: int, what: str) -> int:
    if number > most:
        raise EndpointDown(f"the node's answer has an impossible {what}")
    return number


def receipt_of(found: Any, tx_hash: str) -> Receipt | None:
    """The receipt of that very transaction; None while it is not mined. Raises EndpointDown."""
    if found is None:
        return None
    if not isinstance(found, dict) or str(found.get("transactionHash")).lower() != tx_hash.lower():
        raise EndpointDown("the node answered with another receipt")
    gas_used = count(found.get("gasUsed"), "gas used")
    # Rollups of the OP Stack say apart what the data cost on Ethereum.
    data_fee = wei(found.get("l1Fee") or "0x0", "fee for data")
    status = _at_most(1, integer(found.get("status"), "status"), "status")
    return Receipt(
        succeeded=status == 1,
        block_number=count(found.get("blockNumber"), "block number"),
        block_hash=_hash(found.get("blockHash")),
        gas_used=gas_used,
        fee_wei=gas_used * wei(found.get("effectiveGasPrice"), "gas price") + data_fee,
    )


def time_of(found: Any) -> int:
    """When a block was made, ms since the epoch. Raises EndpointDown."""
    if not isinstance(found, dict):
        raise EndpointDown("the node has no newest block")
    return count(found.get("timestamp"), "time of a block") * 1000


def block_of(found: Any) -> Block | None:
    """A block of the canonical chain; None when there is none. Raises EndpointDown."""
    if not isinstance(found, dict):
        return None
    return Block(_hash(found.get("hash")), frozenset(_hashes(found.get("transactions"))))


def fees_of(block: Any, tip: Any) -> Fees:
    """From the newest block and the suggested tip. Raises EndpointDown."""
    if not isinstance(block, dict):
        raise EndpointDown("the node has no newest block")
    return Fees(integer(block.get("baseFeePerGas"), "base fee"), integer(tip, "tip"))


def _hash(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 66 or not value.startswith("0x"):
        raise EndpointDown("the node answered with no hash")
    return value.lower()


def _hashes(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise EndpointDown("the node answered with a block without transactions")
    return [_hash(each) for each in value]
