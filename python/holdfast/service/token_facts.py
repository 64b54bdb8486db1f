"""What a token contract says of itself on its chain. Read once for a person who registers it; no
decision rests on it.

Everything here is foreign: answers are bounded by the endpoint, texts are cut before they are
decoded, and nothing is guessed where an answer does not fit.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from holdfast._core import checksum_address
from holdfast.service.endpoint import EndpointDown, RpcError

if TYPE_CHECKING:
    from holdfast.service.chain import Chain

WORD = 32
ADDRESS_CHARS = 42
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
# EIP-1967, EIP-1822, and the slots of OpenZeppelin's proxies before EIP-1967, which USDC uses.
SLOTS = {
    "implementation": "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc",
    "admin": "0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103",
    "beacon": "0xa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6cb3582b35133d50",
    "implementation (EIP-1822)": (
        "0xc5f16f0fcc639fa48a6947836d9850f504798523bf8c9a3a87d5876cf622bcf7"
    ),
    "implementation (OpenZeppelin)": (
        "0x7050c9e0f4ca769c69bd3a8ef740bc37934f8e2c036e5a723fd8ee048ed3f8c3"
    ),
    "admin (OpenZeppelin)": "0x10d6a54a4754c8869d6886b5f5d7fbfa5b4522237ea5c60d11bc4e7a1ff9390b",
}
# ERC-1167, and the mark of an account that lends itself code (EIP-7702).
CLONE_HEAD, CLONE_TAIL = (
    bytes.fromhex("363d3d373d3d3d363d73"),
    bytes.fromhex("5af43d82803e903d91602b57fd5bf3"),
)
DELEGATION = bytes.fromhex("ef0100")


class NoContract(ValueError):
    """There is no code at the address."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text as the contract gives it; `cut` when it went on beyond `TEXT_BYTES_MAX`."""

    value: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """A contract as of one block. What it does not say, or says in no known form, is None.
    Hashes are Keccak-256 of the code; `implementation_hash` is of what an EIP-1967 proxy runs.
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
    """Asks the chain's node. Raises EndpointDown (also when it serves another chain) or
    NoContract.
    """
    from eth_utils.crypto import keccak

    block = await chain.head()
    at = _At(chain, address, hex(block))
    code = await at.code()
    if not code:
        raise NoContract(f"there is no code at {address} on chain {chain.id} (block {block})")
    name, symbol, decimals, standards, proxy = await asyncio.gather(
        at.text(NAME), at.text(SYMBOL), at.integer(DECIMALS), _standards(at), _proxy(at, code)
    )
    behind = await _implementation(chain, proxy.get("implementation"), hex(block))
    return TokenFacts(
        chain_id=chain.id,
        address=address,
        block=block,
        code_hash="0x" + keccak(code).hex(),
        code_bytes=len(code),
        implementation_hash="0x" + keccak(behind).hex() if behind else None,
        name=name,
        symbol=symbol,
        decimals=decimals,
        standards=standards,
        proxy=proxy,
    )


class _At:
    """Questions to one contract at one block."""

    def __init__(self, chain: Chain, address: str, block: str) -> None:
        self._chain = chain
        self._address = address
        self._block = block

    async def code(self) -> bytes:
        found = _bytes(await self._ask("eth_getCode", [self._address, self._block]))
        if found is None:
            raise EndpointDown("the node answered with no code")
        return found

    async def slot(self, slot: str) -> bytes:
        """A word of the storage; nothing when it is empty."""
        found = _bytes(await self._ask("eth_getStorageAt", [self._address, slot, self._block]))
        if found is None or len(found) > WORD:
            raise EndpointDown("the node answered with no storage word")
        return found if any(found) else b""

    async def call(self, data: str) -> bytes | None:
        """What a view returns; None when it fails."""
        call = {"to": self._address, "data": data}
        try:
            return _bytes(await self._chain.call("eth_call", [call, self._block]))
        except RpcError:
            return None

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

    async def _ask(self, method: str, params: list[Any]) -> Any:
        try:
            return await self._chain.call(method, params)
        except RpcError as error:
            name = self._chain.endpoint.name
            raise EndpointDown(f"{name} answered {method} with error {error.code}") from None


async def _implementation(chain: Chain, address: str | None, block: str) -> bytes:
    """The code an EIP-1967 proxy runs; nothing when its slot holds no address."""
    if address is None or len(address) != ADDRESS_CHARS:
        return b""
    return await _At(chain, address, block).code()


async def _standards(at: _At) -> tuple[str, ...]:
    """What it is by its own word: ERC-165 for single tokens, else the views every ERC-20 has."""
    introspects, lies = await asyncio.gather(at.supports(ERC165), at.supports(NO_INTERFACE))
    if introspects and not lies:
        told = await asyncio.gather(*(at.supports(each) for each in INTERFACES.values()))
        found = tuple(name for name, yes in zip(INTERFACES, told, strict=True) if yes)
        if found:
            return found
    nobody = "00" * WORD
    supply, balance = await asyncio.gather(
        at.integer(TOTAL_SUPPLY), at.integer(BALANCE_OF + nobody)
    )
    return ("erc20",) if supply is not None and balance is not None else ()


async def _proxy(at: _At, code: bytes) -> dict[str, str]:
    """Who else's code runs at the address, and who may change that: place to address."""
    words = await asyncio.gather(*(at.slot(each) for each in SLOTS.values()))
    found = {name: _place(word) for name, word in zip(SLOTS, words, strict=True) if word}
    if code.startswith(CLONE_HEAD) and code.endswith(CLONE_TAIL) and len(code) == 45:
        found["implementation (ERC-1167, for good)"] = _place(code[len(CLONE_HEAD) :][:20])
    if code.startswith(DELEGATION) and len(code) == 23:
        found["delegate of an account (EIP-7702)"] = _place(code[len(DELEGATION) :])
    return found


def _place(word: bytes) -> str:
    """An address with its checksum; a word that holds none stays a word."""
    if any(word[:-20]):
        return "0x" + word.hex()
    return checksum_address("0x" + word[-20:].rjust(20, b"\0").hex())


def _bytes(value: Any) -> bytes | None:
    if not isinstance(value, str) or not value.startswith("0x"):
        return None
    try:
        return bytes.fromhex(value[2:])
    except ValueError:
        return None


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
