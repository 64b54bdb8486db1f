"""Contracts that answer fixed words, so that a test can put any token on a chain."""

from eth_utils.crypto import keccak
from tests.support.anvil import Anvil

WORD = 32
VIEWS = {
    "name": "06fdde03",
    "symbol": "95d89b41",
    "decimals": "313ce567",
    "total_supply": "18160ddd",
    "balance_of": "70a08231",
}
SUPPORTS = "01ffc9a7"


def word(number: int) -> bytes:
    return number.to_bytes(WORD)


def string(text: bytes, length: int | None = None) -> bytes:
    """An ABI `string`; `length` is what it claims to be long."""
    padded = text.ljust(-(-len(text) // WORD) * WORD, b"\0")
    return word(WORD) + word(len(text) if length is None else length) + padded


def runtime(answers: dict[str, bytes], sizes: dict[str, int] | None = None) -> str:
    """Code that returns `answers[key]`, and reverts for every other call.

    A key is the first eight bytes of the call data in hex, or four with zeros behind them. An
    answer with an entry in `sizes` goes on with zeros up to that many bytes.
    """
    sizes = sizes or {}
    head, step, body = 6, 15, 20
    place = head + step * len(answers) + 5
    data_at = place + body * len(answers)
    code = bytes.fromhex("600035") + bytes.fromhex("60c01c")
    jumps, bodies, data = b"", b"", b""
    for number, (key, answer) in enumerate(answers.items()):
        target = place + body * number
        jumps += b"\x80\x67" + bytes.fromhex(key.ljust(16, "0")) + b"\x14\x61" + target.to_bytes(2)
        jumps += b"\x57"
        size = sizes.get(key, len(answer))
        bodies += (
            b"\x5b\x62" + len(answer).to_bytes(3) + b"\x62" + (data_at + len(data)).to_bytes(3)
        )
        bodies += b"\x60\x00\x39\x62" + size.to_bytes(3) + b"\x60\x00\xf3" + b"\x00"
        data += answer
    code += jumps + bytes.fromhex("600080fd00") + bodies + data
    return "0x" + code.hex()


# Pieces of code that put one word on the stack.
CALLER, VALUE, TO, AMOUNT = b"\x33", b"\x34", b"\x60\x04\x35", b"\x60\x24\x35"


def plus(piece: bytes, number: int) -> bytes:
    """The word of a piece and a number, which may be negative."""
    return b"\x7f" + word(number % (1 << 256)) + piece + b"\x01"


def whom(address: str) -> bytes:
    return b"\x73" + bytes.fromhex(address[2:])


def telling(*events: tuple[str, list[bytes], bytes]) -> str:
    """Code that emits these events at every call and answers true.

    Each is `(signature, indexed, data)` of one word of data. It moves nothing but the coin it is
    sent.
    """
    code = b""
    for signature, indexed, data in events:
        topics = b"".join(reversed(indexed)) + b"\x7f" + keccak(text=signature)
        log = (0xA1 + len(indexed)).to_bytes()
        code += data + b"\x60\x00\x52" + topics + b"\x60\x20\x60\x00" + log
    return "0x" + (code + bytes.fromhex("600160005260206000f3")).hex()


def place_contract(anvil: Anvil, address: str, code: str) -> None:
    anvil.call("anvil_setCode", address, code)
