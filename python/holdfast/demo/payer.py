"""Sample agent: pays vendors it knows, small amounts, all day. Plain web3.py on its socket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from eth_typing import ChecksumAddress
from hexbytes import HexBytes
from web3 import IPCProvider, Web3
from web3.exceptions import Web3RPCError
from web3.types import TxParams, Wei

from holdfast.demo.pace import Pace
from holdfast.demo.report import outcome, report
from holdfast.demo.script import ERC20_ABI, UNIT, Script

# Whole tokens, each to the next vendor. The policy allows 50 a payment and 200 in ten minutes, so
# the first thirteen go through and the last one meets the limit.
INVOICES = (12, 8, 25, 3, 5, 40, 10, 7, 30, 15, 20, 10, 5, 45)
# What most payments of agents are: cents. In base units, for the demo that runs for ever.
CENTS = (250_000, 400_000, 90_000, 330_000, 600_000, 150_000)
ETHER_TIP_WEI = 10**15


class Payer:
    """One connection, and payments to one vendor after the other."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._w3 = Web3(IPCProvider(script.socket))
        address = Web3.to_checksum_address(script.token)
        self._token = self._w3.eth.contract(address=address, abi=ERC20_ABI)
        names = sorted(name for name in script.names if name.startswith("vendor"))
        self._vendors = [script.names[name] for name in names]

    def pay(self, step: str, number: int, amount: int) -> dict[str, Any]:
        """One invoice in base units of the token, mined before the next."""
        vendor = self._vendors[number % len(self._vendors)]
        transfer = self._token.functions.transfer(vendor, amount)
        return self._attempt(step, lambda: transfer.transact({"from": self._script.wallet}))

    def tip(self) -> None:
        """A little ether to the first vendor."""
        transaction: TxParams = {
            "from": cast(ChecksumAddress, self._script.wallet),
            "to": self._vendors[0],
            "value": Wei(ETHER_TIP_WEI),
        }
        self._attempt("ether-tip", lambda: self._w3.eth.send_transaction(transaction))

    def _attempt(self, step: str, send: Callable[[], HexBytes]) -> dict[str, Any]:
        try:
            tx_hash = send()
        except Web3RPCError as refused:
            return report(self._script.agent, step, **outcome(dict(refused.rpc_response or {})))
        self._w3.eth.wait_for_transaction_receipt(tx_hash, timeout=60, poll_latency=0.05)
        more = {"codes": [], "hash": tx_hash.to_0x_hex(), "text": ""}
        return report(self._script.agent, step, "paid", **more)


def run(script: Script) -> None:
    """A tip and every invoice once; with `forever`, cents again and again."""
    payer = Payer(script)
    payer.tip()
    if not script.forever:
        for number, amount in enumerate(INVOICES):
            payer.pay(f"invoice-{number + 1}", number, amount * UNIT)
    pace = Pace(script.pace_s)
    while script.forever:
        for number, amount in enumerate(CENTS):
            pace.rest(payer.pay("micro-invoice", number, amount))
    report(script.agent, "end", "done")


if __name__ == "__main__":
    run(Script.from_argv())
