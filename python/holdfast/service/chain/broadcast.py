"""What a node's answer to a sent transaction means.

Error codes differ from node to node, so the words decide, by a fixed table; what is not in it is
unknown, and unknown is treated as if it may have been taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from holdfast.codes import Code

Outcome = Literal["accepted", "known", "rejected", "unknown"]


@dataclass(frozen=True)
class Broadcast:
    """The outcome of one sending and words of ours for it; never the node's."""

    outcome: Outcome
    text: str


ACCEPTED = Broadcast("accepted", "the node accepted it")
KNOWN = Broadcast("known", "the node already has it")
NO_ANSWER = Broadcast("unknown", "the node's answer was lost")
OTHER_HASH = Broadcast("unknown", "the node answered with another hash")
ODD_ERROR = Broadcast("unknown", "the node answered with an unknown error")
NONCE_USED = Broadcast("rejected", "the node says the nonce was already used")

_KNOWN = (
    "already known",
    "already imported",
    "known transaction",
    "alreadyknown",
    "already in mempool",
    "already exists in mempool",
)
_NONCE_USED = ("nonce too low", "nonce is too low", "oldnonce", "invalid nonce; got")
_REJECTED = (
    ("insufficient funds", "insufficient funds for amount plus fee"),
    ("insufficient balance", "insufficient funds for amount plus fee"),
    ("intrinsic gas", "the gas is too low for such a transaction"),
    ("exceeds block gas limit", "the gas is more than a block takes"),
    ("replacement transaction underpriced", "another transaction with this nonce is waiting there"),
    ("replacement not allowed", "another transaction with this nonce is waiting there"),
    ("less than block base fee", "the fee is below the chain's base fee now"),
    ("fee cap less than block", "the fee is below the chain's base fee now"),
    ("underpriced", "the fee is lower than the node accepts now"),
    ("nonce too high", "an earlier nonce of the wallet is missing there"),
    ("nonce gap", "an earlier nonce of the wallet is missing there"),
    ("txpool is full", "the node's pool is full"),
    ("mempool is full", "the node's pool is full"),
    ("invalid chain id", "the node serves another chain"),
    ("invalid sender", "the node does not accept the signature"),
    ("type not supported", "the chain does not accept this kind of transaction"),
    ("oversized data", "the data is longer than the node accepts"),
    ("initcode size", "the code is longer than the chain accepts"),
)


# Our words for a fee that has to be higher before a node takes the bytes.
TOO_LOW = frozenset(
    {
        "the fee is below the chain's base fee now",
        "the fee is lower than the node accepts now",
    }
)


def classify(text: str) -> Broadcast:
    """From the words of a node's error."""
    words = text.lower()
    if any(each in words for each in _KNOWN):
        return KNOWN
    if any(each in words for each in _NONCE_USED):
        return NONCE_USED
    for each, ours in _REJECTED:
        if each in words:
            return Broadcast("rejected", ours)
    return ODD_ERROR


class WouldFail(Exception):
    """The transaction would fail on the chain.

    `code` from docs/policy/codes.md, `text` in our own words.
    """

    def __init__(self, text: str, code: str = Code.WOULD_FAIL) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


_WOULD_FAIL = (
    ("insufficient funds", "insufficient funds for the amount"),
    ("insufficient balance", "insufficient funds for the amount"),
    ("outoffunds", "insufficient funds for the amount"),
    ("exceeds allowance", "it needs more gas than allowed"),
    ("out of gas", "it needs more gas than allowed"),
    ("gas limit", "it needs more gas than allowed"),
    ("gas too low", "it needs more gas than allowed"),
    ("revert", "the contract reverts"),
    ("invalid opcode", "the contract reverts"),
    ("invalid jump", "the contract reverts"),
    ("bad instruction", "the contract reverts"),
    ("stack underflow", "the contract reverts"),
    ("stack overflow", "the contract reverts"),
)
EXECUTION_REVERTED = 3  # geth's code for a revert


def why_it_would_fail(code: int, text: str) -> str | None:
    """Words of ours when an estimate's error says the transaction would fail.

    None when it only says the node is unwell.
    """
    words = text.lower()
    for each, ours in _WOULD_FAIL:
        if each in words:
            return ours
    return "the contract reverts" if code == EXECUTION_REVERTED else None
