"""The demo's token on the chain: deployed from `token.json`, read and given away."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources

from eth_abi.abi import encode
from eth_utils.abi import function_signature_to_4byte_selector
from eth_utils.address import to_checksum_address

from holdfast.demo.chain import Chain

NAME, SYMBOL, DECIMALS = "Demo Dollar", "dUSD", 6
SUPPLY = 1_000_000 * 10**DECIMALS


def calldata(signature: str, *values: str | int | bytes) -> str:
    """ABI calldata as 0x hex, e.g. of `("transfer(address,uint256)", to, 5)`."""
    types = [kind for kind in signature[signature.index("(") + 1 : -1].split(",") if kind]
    return "0x" + (function_signature_to_4byte_selector(signature) + encode(types, values)).hex()


@dataclass(frozen=True)
class Token:
    """All of the supply begins with `chain.accounts[0]`."""

    chain: Chain
    address: str
    symbol: str = SYMBOL
    supply: int = SUPPLY

    def balance(self, owner: str) -> int:
        """Base units."""
        return self.chain.view(self.address, calldata("balanceOf(address)", owner))

    def allowance(self, owner: str, spender: str) -> int:
        """Base units."""
        data = calldata("allowance(address,address)", owner, spender)
        return self.chain.view(self.address, data)

    def give(self, to: str, amount: int) -> None:
        """Moves base units from the deployer, mined."""
        data = calldata("transfer(address,uint256)", to, amount)
        self.chain.transact({"to": self.address, "data": data})


def deploy(chain: Chain) -> Token:
    """A new token, mined; raises ChainError."""
    compiled = json.loads(resources.files("holdfast.demo").joinpath("token.json").read_text())
    kinds = ["string", "string", "uint8", "uint256"]
    arguments = encode(kinds, [NAME, SYMBOL, DECIMALS, SUPPLY]).hex()
    receipt = chain.transact({"data": compiled["bytecode"] + arguments})
    return Token(chain, to_checksum_address(receipt["contractAddress"]))
