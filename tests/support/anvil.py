"""A real local chain for tests: anvil from the tool folder or PATH, one fresh process a test."""

import json
import re
import shutil
import subprocess
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
IN_TOOLS = ".tools/npm/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
LISTENING = re.compile(r"Listening on (127\.0\.0\.1:\d+)")


def anvil_binary() -> Path:
    """Where anvil is. Raises RuntimeError saying how to get it: these tests are never skipped."""
    for place in (ROOT / IN_TOOLS, shutil.which("anvil")):
        if place and Path(place).exists():
            return Path(place)
    raise RuntimeError("anvil is missing: run `make tools`, which puts it into .tools")


@dataclass
class Anvil:
    """A running chain. Blocks are mined at once unless `arguments` say otherwise."""

    process: subprocess.Popen[str]
    url: str

    @classmethod
    def start(cls, *arguments: str) -> "Anvil":
        process = subprocess.Popen(
            [anvil_binary(), "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            if found := LISTENING.search(line):
                # It tells every call: a full pipe would stop it.
                threading.Thread(target=_drain, args=(process.stdout,), daemon=True).start()
                return cls(process, f"http://{found[1]}")
        raise RuntimeError(f"anvil ended with exit code {process.wait()}")

    def call(self, method: str, *params: Any) -> Any:
        """One JSON-RPC call, straight to the chain."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(
            self.url, body, headers={"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            answer = json.load(response)
        if "error" in answer:
            raise RuntimeError(answer["error"]["message"])
        return answer["result"]

    def fund(self, address: str, wei: int = 100 * 10**18) -> None:
        self.call("anvil_setBalance", address, hex(wei))

    def balance(self, address: str) -> int:
        return int(self.call("eth_getBalance", address, "latest"), 16)

    def nonce(self, address: str) -> int:
        return int(self.call("eth_getTransactionCount", address, "latest"), 16)

    def wait_mined(self, tx_hash: str, seconds: float = 10) -> dict[str, Any]:
        """The receipt; anvil mines a moment after it answers."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if receipt := self.call("eth_getTransactionReceipt", tx_hash):
                return dict(receipt)
            time.sleep(0.01)
        raise TimeoutError(f"{tx_hash} was not mined")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def _drain(words: IO[str]) -> None:
    with words:
        for _ in words:
            continue
