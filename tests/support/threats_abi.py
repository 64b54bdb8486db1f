"""The notation of calls in tests/threats, encoded by eth-abi.

It is the one of rust/core/tests/it/support/calls.rs: bytes made by another library than the one
that reads them.

Addresses have names. A value of type `bytes` may be hex, `{call, args}`, `{encode, args}` or
`{packed = [...]}`, and `append` adds bytes to any of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from eth_abi.abi import encode as abi_encode
from eth_abi.grammar import ABIType, BasicType, TupleType, parse
from eth_utils.crypto import keccak

POWER = re.compile(r"2\^(\d+)([+-]\d+)?")
FROM_NOW = re.compile(r"now([+-]\d+)")
ENTITY = re.compile(r"(\w+)\(([^)]*)\)")


class Notation:
    """Reads values of the tables. `names` are addresses, `now_s` is what `now+600` counts from."""

    def __init__(self, names: Mapping[str, str], now_s: int) -> None:
        self.names = dict(names)
        self.now_s = now_s

    def address(self, text: str) -> str:
        """A name or an address, in small letters."""
        found = self.names.get(text, text).lower()
        if not re.fullmatch(r"0x[0-9a-f]{40}", found):
            raise ValueError(f"no address: {text}")
        return found

    def is_number(self, value: object) -> bool:
        """Whether `number` understands it."""
        try:
            self.number(value)
        except ValueError:
            return False
        return True

    def number(self, value: object) -> int:
        """An integer, or `max`, `2^160-1`, `now+600`, decimal, hex."""
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if not isinstance(value, str):
            raise ValueError(f"no number: {value!r}")
        if value == "max":
            return (1 << 256) - 1
        if found := POWER.fullmatch(value):
            return (1 << int(found[1])) + int(found[2] or 0)
        if found := FROM_NOW.fullmatch(value):
            return self.now_s + int(found[1])
        return int(value, 16 if value.startswith("0x") else 10)

    def call(self, signature: str, args: Sequence[Any]) -> bytes:
        """Selector and arguments."""
        return selector(signature) + self.encode(signature[signature.index("(") :], args)

    def encode(self, types: str, args: Sequence[Any]) -> bytes:
        """Encoded parameters of a list of types, `(address,uint256)`."""
        if types == "()":
            return b""
        kinds = tuple_of(types).components
        if len(kinds) != len(args):
            raise ValueError(f"{types} has {len(kinds)} values, not {len(args)}")
        values = [self.value(kind, arg) for kind, arg in zip(kinds, args, strict=True)]
        return bytes(abi_encode([kind.to_type_str() for kind in kinds], values))

    def value(self, kind: ABIType, value: Any) -> Any:
        """A value of the table as eth-abi takes it."""
        if kind.is_array:
            return [self.value(kind.item_type, each) for each in value]
        if isinstance(kind, TupleType):
            pairs = zip(kind.components, value, strict=True)
            return tuple(self.value(one, each) for one, each in pairs)
        assert isinstance(kind, BasicType)
        match kind.base:
            case "address":
                return self.address(value)
            case "uint" | "int":
                return self.number(value)
            case "bytes" if kind.sub is None:
                return self.bytes(value)
            case "bytes":
                return self.word(value, int(kind.sub))
            case _:
                return value

    def word(self, value: Any, size: int) -> bytes:
        """Fixed bytes: a number or an address on the right, or hex of that size."""
        if isinstance(value, int):
            return value.to_bytes(size, "big")
        if value in self.names:
            return bytes.fromhex(self.address(value)[2:]).rjust(size, b"\0")
        raw = bytes.fromhex(value.removeprefix("0x"))
        if len(raw) != size:
            raise ValueError(f"not {size} bytes: {value}")
        return raw

    def bytes(self, value: Any) -> bytes:
        """Hex, or a table that says how the bytes are made."""
        if isinstance(value, str):
            return bytes.fromhex(self.address(value)[2:] if value in self.names else value[2:])
        if "call" in value:
            made = self.call(value["call"], value.get("args", []))
        elif "encode" in value:
            made = self.encode(value["encode"], value.get("args", []))
        else:
            made = b"".join(self.bytes(part) for part in value["packed"])
        return made + self.bytes(value.get("append", "0x"))


def selector(signature: str) -> bytes:
    """The first four bytes of the hash of a function's signature."""
    return keccak(signature.encode())[:4]


def tuple_of(types: str) -> TupleType:
    """The parsed list of types."""
    parsed = parse(types)
    assert isinstance(parsed, TupleType)
    return parsed


def struct_types(encode_type: str) -> tuple[str, dict[str, list[dict[str, str]]]]:
    """The primary type and all types of an `encodeType` text (EIP-712)."""
    found = ENTITY.findall(encode_type)
    types = {name: [_member(text) for text in members.split(",")] for name, members in found}
    return found[0][0], types


def _member(text: str) -> dict[str, str]:
    kind, name = text.split(" ")
    return {"name": name, "type": kind}
