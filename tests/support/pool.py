"""A contract that keeps two numbers, so that a test can put any account of any venue on a chain.

`read(address)` returns both, `add(uint256)` adds to the first, every other call fails.
"""

from collections.abc import Callable
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

POOL = "0x976EA74026E726554dB657fA54763abd0C3a0aa9"
READ = keccak(text="read(address)")[:4]
ADD = keccak(text="add(uint256)")[:4]
# By call data it goes to 0x1d for `add`, to 0x29 for `read`, and otherwise reverts.
CODE = (
    f"60003560e01c8063{ADD.hex()}14601d5763{READ.hex()}14602957600080fd"
    "5b6000546004350160005500"
    "5b60005460005260015460205260406000f3"
)
FAILS = "0x600080fd"
GARBAGE = "0x60016000f3"


def place(
    call: Callable[..., Any], first: int, second: int, address: str = POOL, code: str = ""
) -> None:
    """Puts it there with its numbers, or other code that fails or returns a byte.

    `call(method, *params)` asks the chain.
    """
    call("anvil_setCode", address, code or "0x" + CODE)
    for slot, number in enumerate((first, second)):
        call("anvil_setStorageAt", address, hex(slot), "0x" + number.to_bytes(32).hex())


def add(amount: int) -> str:
    """Call data."""
    return "0x" + (ADD + encode(["uint256"], [amount])).hex()
