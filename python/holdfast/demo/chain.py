"""A local chain in a process of its own (anvil), and the few calls the demo makes to it itself.

What is read here is the demo's truth: it goes to the chain directly, never through the guardian.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from eth_utils.address import to_checksum_address

from holdfast.process import child

CHAIN_ID = 31337
START_S = 20.0
CALL_S = 20.0
_LISTENING = re.compile(r"Listening on (127\.0\.0\.1:\d+)")
_PACKAGE = Path("node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil")


class ChainError(RuntimeError):
    """The local chain could not be started or refused a call."""


def find_anvil() -> str:
    """`HOLDFAST_ANVIL`, the project's tool folder, or `anvil` on the PATH; raises ChainError."""
    if given := os.environ.get("HOLDFAST_ANVIL"):
        return str(Path(given).absolute())
    for folder in Path(__file__).resolve().parents:
        tool = folder / ".tools" / "npm" / _PACKAGE
        if tool.is_file():
            return str(tool)
    try:
        return child.find("anvil")
    except FileNotFoundError:
        raise ChainError(
            "anvil was not found: run `make setup`, put anvil on the PATH or name it in "
            "HOLDFAST_ANVIL"
        ) from None


class Chain:
    """One anvil on a free port. Unlocked accounts: `accounts[0]` pays for the set-up."""

    def __init__(self, *options: str, port: int = 0) -> None:
        """Starts it and waits for its port; raises ChainError after 20 s."""
        self._log: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by stop()
        command = [find_anvil(), "--host", "127.0.0.1", "--port", str(port), *options]
        self._process = child.start(
            command, keep=("HOME",), session=False, stdout=self._log, stderr=child.STDOUT
        )
        try:
            self.url = "http://" + self._listening()
            self.accounts = [to_checksum_address(one) for one in self.call("eth_accounts", [])]
        except BaseException:
            self.stop()
            raise

    def _listening(self) -> str:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            self._log.seek(0)
            text = self._log.read()
            if found := _LISTENING.search(text):
                return found.group(1)
            if self._process.poll() is not None:
                raise ChainError(f"anvil ended with {self._process.returncode}: {text[-500:]}")
            time.sleep(0.02)
        raise ChainError("anvil did not start in time")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the process; harmless when it has ended."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except child.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()

    def call(self, method: str, params: list[Any]) -> Any:
        """The result of one JSON-RPC call; raises ChainError with the node's words."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        request = urllib.request.Request(  # noqa: S310 - the address is our own, on loopback
            self.url, body.encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=CALL_S) as response:  # noqa: S310
                answer = json.load(response)
        except OSError as error:
            raise ChainError(f"the local chain does not answer: {error}") from error
        if "error" in answer:
            raise ChainError(f"{method}: {answer['error'].get('message')}")
        return answer["result"]

    def transact(self, transaction: dict[str, Any]) -> dict[str, Any]:
        """Sends from an unlocked account and gives the receipt; raises ChainError on a revert."""
        transaction = {"from": self.accounts[0], **transaction}
        receipt = self.receipt(self.call("eth_sendTransaction", [transaction]))
        if receipt["status"] != "0x1":
            raise ChainError(f"a transaction of the set-up reverted: {receipt['transactionHash']}")
        return receipt

    def receipt(self, tx_hash: str, wait_s: float = 10.0) -> dict[str, Any]:
        """The receipt, waiting for it; raises ChainError when it does not come."""
        deadline = time.monotonic() + wait_s
        while (found := self.call("eth_getTransactionReceipt", [tx_hash])) is None:
            if time.monotonic() > deadline:
                raise ChainError(f"not mined in time: {tx_hash}")
            time.sleep(0.02)
        return dict(found)

    def balance(self, address: str) -> int:
        """Wei."""
        return int(self.call("eth_getBalance", [address, "latest"]), 16)

    def nonce(self, address: str) -> int:
        """How many transactions of `address` were mined."""
        return int(self.call("eth_getTransactionCount", [address, "latest"]), 16)

    def view(self, to: str, data: str, sender: str | None = None) -> int:
        """One uint256 from a read-only call; raises ChainError when it reverts."""
        call = {"to": to, "data": data} | ({"from": sender} if sender else {})
        return int(self.call("eth_call", [call, "latest"]), 16)
