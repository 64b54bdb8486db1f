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


ACCEPTED = Broadcast("accepted", "the node took it")
KNOWN = Broadcast("known", "the node has it already")
NO_ANSWER = Broadcast("unknown", "the node's answer was lost")
OTHER_HASH = Broadcast("unknown", "the node answered with another hash")
ODD_ERROR = Broadcast("unknown", "the node answered with an error that is not in our table")
NONCE_USED = Broadcast("rejected", "the node says the nonce was used already")

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
    ("insufficient funds", "the wallet cannot pay amount and fee"),
    ("insufficient balance", "the wallet cannot pay amount and fee"),
    ("intrinsic gas", "the gas is too low for such a transaction"),
    ("exceeds block gas limit", "the gas is more than a block takes"),
    ("replacement transaction underpriced", "another transaction with this nonce is waiting there"),
    ("replacement not allowed", "another transaction with this nonce is waiting there"),
    ("less than block base fee", "the fee is below the chain's base fee now"),
    ("fee cap less than block", "the fee is below the chain's base fee now"),
    ("underpriced", "the fee is lower than the node takes now"),
    ("nonce too high", "an earlier nonce of the wallet is missing there"),
    ("nonce gap", "an earlier nonce of the wallet is missing there"),
    ("txpool is full", "the node's pool is full"),
    ("mempool is full", "the node's pool is full"),
    ("invalid chain id", "the node is of another chain"),
    ("invalid sender", "the node does not take the signature"),
    ("type not supported", "the chain does not take this kind of transaction"),
    ("oversized data", "the data is longer than the node takes"),
    ("initcode size", "the code is longer than the chain takes"),
)


# Our words for a fee that has to be higher before a node takes the bytes.
TOO_LOW = frozenset(
    {
        "the fee is below the chain's base fee now",
        "the fee is lower than the node takes now",
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
    """The transaction would fail on the chain; `code` from docs/policy.md, `text` in our own
    words.
    """

    def __init__(self, text: str, code: str = Code.WOULD_FAIL) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


_WOULD_FAIL = (
    ("insufficient funds", "the wallet cannot pay the amount"),
    ("insufficient balance", "the wallet cannot pay the amount"),
    ("outoffunds", "the wallet cannot pay the amount"),
    ("exceeds allowance", "it needs more gas than allowed"),
    ("out of gas", "it needs more gas than allowed"),
    ("gas limit", "it needs more gas than allowed"),
    ("gas too low", "it needs more gas than allowed"),
    ("revert", "the contract refuses it"),
    ("invalid opcode", "the contract refuses it"),
    ("invalid jump", "the contract refuses it"),
    ("bad instruction", "the contract refuses it"),
    ("stack underflow", "the contract refuses it"),
    ("stack overflow", "the contract refuses it"),
)
EXECUTION_REVERTED = 3  # geth's code for a revert


def why_it_would_fail(code: int, text: str) -> str | None:
    """Words of ours when an estimate's error says the transaction would fail; None when it only
    says the node is unwell.
    """
    words = text.lower()
    for each, ours in _WOULD_FAIL:
        if each in words:
            return ours
    return "the contract refuses it" if code == EXECUTION_REVERTED else None
