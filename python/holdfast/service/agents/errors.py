"""The closed table of error codes an agent can see, and the words that go with them.

Codes that real clients act on by themselves are never used: -32005 makes cast send again, -32000
makes viem send the
transaction a second time by another method. A node's own codes never pass: anvil says -32003, our
"pending", for a
nonce conflict.
"""

from dataclasses import dataclass

import orjson

from holdfast.codes import Code

DENIED = 4001
PENDING = -32003
INVALID_REQUEST = -32600
PARSE_ERROR = -32700
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL = -32603
UNAVAILABLE = -32002
REVERTED = 3

# Of EIP-1193 and EIP-5792, for batches only: no client repeats a call for them.
UNAUTHORIZED = 4100
UNSUPPORTED_CAPABILITY = 5700
UNSUPPORTED_CHAIN = 5710
DUPLICATE_ID = 5720
UNKNOWN_ID = 5730
TOO_LARGE = 5740
ATOMICITY = 5760

REVERT_DATA_CHARS_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class CallError:
    """An error answer: code, message and the JSON of its `data`."""

    code: int
    message: str
    data: bytes | None = None


def unavailable(text: str) -> CallError:
    """The node cannot be asked now."""
    return CallError(UNAVAILABLE, text, orjson.dumps({"status": "unavailable"}))


def sealed(text: str) -> CallError:
    """The guardian takes no commands."""
    return CallError(INTERNAL, text, orjson.dumps({"status": "sealed", "code": Code.SEALED}))


# Words of nodes (geth, erigon, nethermind, reth, anvil) and what an agent is told instead; first
# match wins.
_NODE_WORDS = (
    ("insufficient funds", "insufficient funds for amount plus fee"),
    ("exceeds allowance", "more gas is needed than the wallet can pay for"),
    ("intrinsic gas too low", "too little gas is given"),
    ("out of gas", "the call runs out of gas"),
    ("nonce too low", "the nonce was already used"),
    ("nonce too high", "the nonce is ahead of the chain"),
    ("header not found", "the node does not know that block"),
    ("unknown block", "the node does not know that block"),
    ("missing trie node", "the node no longer has the state of that block"),
    ("query returned more than", "the query has too many results: ask for fewer blocks"),
    ("block range", "the query spans too many blocks"),
    ("rate limit", "the node's rate limit is reached"),
    ("too many requests", "the node's rate limit is reached"),
    ("execution reverted", "execution reverted"),
    ("revert", "execution reverted"),
)


def from_node(code: object, message: object, data: object) -> CallError:
    """What an agent is told of a node's error.

    A code and words of this table, and revert data that is plain hex.
    """
    told = str(message)[:1000].lower()
    words = next((ours for theirs, ours in _NODE_WORDS if theirs in told), None)
    if code == REVERTED or words == "execution reverted":
        shown = data.get("data") if isinstance(data, dict) else data
        if isinstance(shown, str) and _is_hex(shown):
            return CallError(REVERTED, "execution reverted", orjson.dumps(shown))
        return CallError(REVERTED, "execution reverted")
    if code == METHOD_NOT_FOUND:
        return CallError(METHOD_NOT_FOUND, "the node does not know this method")
    if code == INVALID_PARAMS:
        return CallError(INVALID_PARAMS, "the node does not accept these parameters")
    return unavailable(words or "the node refused the call")


def _is_hex(text: str) -> bool:
    if not text.startswith("0x") or len(text) % 2 or len(text) > REVERT_DATA_CHARS_MAX:
        return False
    try:
        bytes.fromhex(text[2:])
    except ValueError:
        return False
    return True
