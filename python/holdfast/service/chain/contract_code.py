"""The code of a contract at one block, and the code that runs behind it when it is a proxy.

A proxy says where its code is by one of a few conventions, and nothing but its own code tells which
of them it follows: all are read, so that a word written to one place cannot hide another.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from holdfast._core import checksum_address
from holdfast.service.chain.endpoint import EndpointDown, RpcError

if TYPE_CHECKING:
    from holdfast.service.chain.node import Node

WORD = 32
ADDRESS = 20
CODE_BYTES_MAX = 1 << 20
# EIP-1967, EIP-1822, and the slots of OpenZeppelin's proxies before EIP-1967, which USDC uses.
IMPLEMENTATION_SLOTS = {
    "implementation": "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc",
    "beacon": "0xa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6cb3582b35133d50",
    "implementation (EIP-1822)": (
        "0xc5f16f0fcc639fa48a6947836d9850f504798523bf8c9a3a87d5876cf622bcf7"
    ),
    "implementation (OpenZeppelin)": (
        "0x7050c9e0f4ca769c69bd3a8ef740bc37934f8e2c036e5a723fd8ee048ed3f8c3"
    ),
}
BEACON = "beacon"
BEACON_IMPLEMENTATION = "0x5c60da1b"
# ERC-1167, and the mark of an account that lends itself code (EIP-7702).
CLONE_HEAD, CLONE_TAIL = (
    bytes.fromhex("363d3d373d3d3d363d73"),
    bytes.fromhex("5af43d82803e903d91602b57fd5bf3"),
)
DELEGATION = bytes.fromhex("ef0100")


class Unclear(Exception):
    """It is a proxy, and what it runs cannot be found out."""


@dataclass(frozen=True, slots=True)
class Code:
    """Keccak-256 hashes in hex.

    `implementation` is None for what is no proxy; where a proxy names several implementations of
    different code, it is the hash of their hashes in a row, in the order of `IMPLEMENTATION_SLOTS`,
    then ERC-1167, then EIP-7702.
    """

    hash: str
    implementation: str | None


class At:
    """Questions to one contract at one block.

    Raises EndpointDown when there is no usable answer.
    """

    def __init__(self, node: Node, address: str, block: str) -> None:
        self._node = node
        self._block = block
        self.address = address

    def of(self, address: str) -> At:
        """Another contract at the same block."""
        return At(self._node, address, self._block)

    async def code(self) -> bytes:
        """The code at the address; nothing where there is none."""
        found = bytes_of(await self._ask("eth_getCode", [self.address, self._block]))
        if found is None or len(found) > CODE_BYTES_MAX:
            raise EndpointDown("the node's answer has no code")
        return found

    async def slot(self, slot: str) -> bytes:
        """A word of the storage; nothing when it is empty."""
        found = bytes_of(await self._ask("eth_getStorageAt", [self.address, slot, self._block]))
        if found is None or len(found) > WORD:
            raise EndpointDown("the node's answer has no storage word")
        return found if any(found) else b""

    async def call(self, data: str, sender: str | None = None) -> bytes | None:
        """What a view returns; None when it fails."""
        call = {"to": self.address, "data": data}
        if sender is not None:
            call["from"] = sender
        try:
            return bytes_of(await self._node.call("eth_call", [call, self._block]))
        except RpcError:
            return None

    async def _ask(self, method: str, params: list[Any]) -> Any:
        try:
            return await self._node.call(method, params)
        except RpcError as error:
            raise EndpointDown(f"the node answered {method} with error {error.code}") from None


async def newest_block(node: Node) -> str:
    """The number of the newest block, as it is asked for. Raises EndpointDown."""
    try:
        number = await node.call("eth_blockNumber", [])
    except RpcError as error:
        raise EndpointDown(f"the node answered eth_blockNumber with error {error.code}") from None
    try:
        return hex(int(number, 16))
    except (TypeError, ValueError):
        raise EndpointDown("the node's answer has no number for the newest block") from None


async def read_code(node: Node, address: str) -> Code:
    """The contract's code as of the newest block. Raises EndpointDown or Unclear."""
    at = At(node, address, await newest_block(node))
    code = await at.code()
    return Code(code_hash(code), await implementation_hash(at, code))


async def implementation_hash(at: At, code: bytes) -> str | None:
    """`Code.implementation` of the contract whose `code` this is.

    Raises EndpointDown or Unclear.
    """
    from eth_utils.crypto import keccak

    words = await named_places(at, code)
    places = [
        await _behind(at, _address(word)) if name == BEACON else _address(word)
        for name, word in words.items()
    ]
    codes = await asyncio.gather(*(at.of(each).code() for each in dict.fromkeys(places)))
    hashes = list(dict.fromkeys(keccak(each) for each in codes))
    if len(hashes) > 1:
        hashes = [keccak(b"".join(hashes))]
    return "0x" + hashes[0].hex() if hashes else None


async def named_places(at: At, code: bytes) -> dict[str, bytes]:
    """Where a proxy says its code is: convention to word."""
    slots = IMPLEMENTATION_SLOTS
    words = await asyncio.gather(*(at.slot(each) for each in slots.values()))
    found = {name: word for name, word in zip(slots, words, strict=True) if word}
    if code.startswith(CLONE_HEAD) and code.endswith(CLONE_TAIL) and len(code) == 45:
        found["implementation (ERC-1167, for good)"] = code[len(CLONE_HEAD) :][:ADDRESS]
    if code.startswith(DELEGATION) and len(code) == 23:
        found["delegate of an account (EIP-7702)"] = code[len(DELEGATION) :]
    return found


async def _behind(at: At, beacon: str) -> str:
    # A beacon may answer each of its proxies differently.
    told = await at.of(beacon).call(BEACON_IMPLEMENTATION, sender=at.address)
    if told is None or len(told) != WORD:
        raise Unclear(f"its beacon {beacon} does not report its implementation")
    return _address(told)


def code_hash(code: bytes) -> str:
    """Keccak-256."""
    from eth_utils.crypto import keccak

    return "0x" + keccak(code).hex()


def _address(word: bytes) -> str:
    """The address that the chain takes a word for: what is above it counts for nothing there."""
    return checksum_address("0x" + word[-ADDRESS:].rjust(ADDRESS, b"\0").hex())


def bytes_of(value: Any) -> bytes | None:
    """Bytes in hex with 0x in front; None for anything else."""
    if not isinstance(value, str) or not value.startswith("0x"):
        return None
    try:
        return bytes.fromhex(value[2:])
    except ValueError:
        return None
