"""What a token contract says of itself on its chain.

Read once for a person who registers it; no decision rests on it.

Everything here is foreign: answers are bounded by the endpoint, texts are cut before they are
decoded, and nothing is guessed where an answer does not fit.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast._core import checksum_address
from holdfast.service.chain.contract_code import (
    WORD,
    At,
    Unclear,
    code_hash,
    implementation_hash,
    named_places,
)

if TYPE_CHECKING:
    from holdfast.service.chain.chain import Chain

TEXT_BYTES_MAX = 256
NAME, SYMBOL, DECIMALS, TOTAL_SUPPLY, BALANCE_OF, SUPPORTS = (
    "0x06fdde03",
    "0x95d89b41",
    "0x313ce567",
    "0x18160ddd",
    "0x70a08231",
    "0x01ffc9a7",
)
ERC165, NO_INTERFACE = "01ffc9a7", "ffffffff"
INTERFACES = {"erc721": "80ac58cd", "erc1155": "d9b67a26"}
ADMIN_SLOTS = {
    "admin": "0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103",
    "admin (OpenZeppelin)": "0x10d6a54a4754c8869d6886b5f5d7fbfa5b4522237ea5c60d11bc4e7a1ff9390b",
}


class NoContract(ValueError):
    """There is no code at the address."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text as the contract gives it; `cut` when it went on beyond `TEXT_BYTES_MAX`."""

    value: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """A contract as of one block.

    What it does not say, or says in no known form, is None. Hashes are those of
    `contract_code.Code`.
    """

    chain_id: int
    address: str
    block: int
    code_hash: str
    code_bytes: int
    implementation_hash: str | None
    name: Text | None
    symbol: Text | None
    decimals: int | None
    standards: tuple[str, ...]
    proxy: dict[str, str]


async def read_token(chain: Chain, address: str) -> TokenFacts:
    """Asks the chain's node.

    Raises EndpointDown (also when it serves another chain) or NoContract.
    """
    block = await chain.head()
    at = _Token(chain, address, hex(block))
    code = await at.code()
    if not code:
        raise NoContract(f"there is no code at {address} on chain {chain.id} (block {block})")
    name, symbol, decimals, standards, proxy, behind = await asyncio.gather(
        at.text(NAME),
        at.text(SYMBOL),
        at.integer(DECIMALS),
        _standards(at),
        _proxy(at, code),
        _implementation_hash(at, code),
    )
    return TokenFacts(
        chain_id=chain.id,
        address=address,
        block=block,
        code_hash=code_hash(code),
        code_bytes=len(code),
        implementation_hash=behind,
        name=name,
        symbol=symbol,
        decimals=decimals,
        standards=standards,
        proxy=proxy,
    )


class _Token(At):
    """Questions to a token."""

    async def integer(self, data: str) -> int | None:
        """A single word as a number."""
        found = await self.call(data)
        return int.from_bytes(found) if found is not None and len(found) == WORD else None

    async def text(self, data: str) -> Text | None:
        """A `string`, or the `bytes32` of the oldest tokens."""
        found = await self.call(data)
        return None if found is None else _text(found)

    async def supports(self, interface: str) -> bool:
        """ERC-165."""
        return await self.integer(SUPPORTS + interface.ljust(2 * WORD, "0")) == 1


async def _implementation_hash(at: At, code: bytes) -> str | None:
    try:
        return await implementation_hash(at, code)
    except Unclear:
        return None


async def _standards(at: _Token) -> tuple[str, ...]:
    """What it is by its own word: ERC-165 for single tokens, else the views every ERC-20 has."""
    introspects, lies = await asyncio.gather(at.supports(ERC165), at.supports(NO_INTERFACE))
    if introspects and not lies:
        told = await asyncio.gather(*(at.supports(each) for each in INTERFACES.values()))
        found = tuple(name for name, yes in zip(INTERFACES, told, strict=True) if yes)
        if found:
            return found
    no_account = "00" * WORD
    supply, balance = await asyncio.gather(
        at.integer(TOTAL_SUPPLY), at.integer(BALANCE_OF + no_account)
    )
    return ("erc20",) if supply is not None and balance is not None else ()


async def _proxy(at: At, code: bytes) -> dict[str, str]:
    """Who else's code runs at the address, and who may change that: place to address."""
    words = await named_places(at, code)
    admins = await asyncio.gather(*(at.slot(each) for each in ADMIN_SLOTS.values()))
    words |= dict(zip(ADMIN_SLOTS, admins, strict=True))
    return {name: _place(word) for name, word in words.items() if word}


def _place(word: bytes) -> str:
    """An address with its checksum; a word that holds none stays a word."""
    if any(word[:-20]):
        return "0x" + word.hex()
    return checksum_address("0x" + word[-20:].rjust(20, b"\0").hex())


def _text(data: bytes) -> Text | None:
    if len(data) == WORD:
        return Text(data.rstrip(b"\0").decode("utf-8", "replace"))
    if len(data) < 2 * WORD:
        return None
    offset = int.from_bytes(data[:WORD])
    if offset > len(data) - WORD:
        return None
    length = int.from_bytes(data[offset : offset + WORD])
    body = data[offset + WORD :]
    if length > len(body):
        return None
    cut = length > TEXT_BYTES_MAX
    # A cut may split a character; what is left of it is not part of the text.
    words = body[: min(length, TEXT_BYTES_MAX)].decode("utf-8", "ignore" if cut else "replace")
    return Text(words, cut)
