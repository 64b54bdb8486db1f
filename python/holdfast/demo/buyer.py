"""Sample agent: buys things that a person has to agree to. Plain web3.py on its socket.

While a purchase is pending it sends the same again, as any agent would; the guardian joins the
calls, so it is paid at most once.
"""

from __future__ import annotations

import time
from typing import Any

from web3 import IPCProvider, Web3
from web3.exceptions import Web3RPCError

from holdfast.codes import Code
from holdfast.demo.pace import Pace
from holdfast.demo.report import outcome, report
from holdfast.demo.script import ERC20_ABI, UNIT, Script

# Name, whole tokens, and whether the purchase waits for the end of a freeze
# instead of giving up.
PURCHASES: tuple[tuple[str, int, bool], ...] = (
    ("gpu-hours", 120, False),
    ("luxury-data", 480, False),
    ("annual-licence", 150, False),
    ("translation", 130, True),
)
PATIENCE_S = 600.0
LOOK_S = 0.2


class Buyer:
    """One connection and its purchases."""

    def __init__(self, script: Script) -> None:
        self._script = script
        w3 = Web3(IPCProvider(script.socket))
        self._token = w3.eth.contract(address=Web3.to_checksum_address(script.token), abi=ERC20_ABI)

    def _send(self, amount: int) -> dict[str, Any]:
        transfer = self._token.functions.transfer(self._script.names["shop"], amount * UNIT)
        try:
            tx_hash = transfer.transact({"from": self._script.wallet})
        except Web3RPCError as refused:
            return outcome(dict(refused.rpc_response or {}))
        return {"verdict": "paid", "codes": [], "hash": tx_hash.to_0x_hex(), "text": ""}

    def buy(self, step: str, amount: int, again: bool) -> dict[str, Any]:
        """Sends until there is an answer other than "pending"; tells both in the report."""
        deadline = time.monotonic() + PATIENCE_S
        told_pending, pace = False, Pace(LOOK_S)
        while True:
            result = self._send(amount)
            waits = result["verdict"] == "pending"
            frozen = again and Code.FROZEN in result["codes"]
            if waits and not told_pending:
                report(self._script.agent, step, amount=amount, **result)
                told_pending = True
            if not (waits or frozen) or time.monotonic() > deadline:
                return report(self._script.agent, step, amount=amount, **result)
            pace.rest(result)


def run(script: Script) -> None:
    """The purchases in order; with `forever`, slightly dearer each time round."""
    buyer, dearer, pace = Buyer(script), 0, Pace(script.pace_s)
    while True:
        for step, amount, again in PURCHASES:
            pace.rest(buyer.buy(step, amount + dearer, again))
        dearer += 1
        if not script.forever:
            break
    report(script.agent, "end", "done")


if __name__ == "__main__":
    run(Script.from_argv())
