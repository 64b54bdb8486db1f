"""A node that answers at once: what a payment costs the guardian, without the time of a chain.

    python -m tests.bench.node

Prints its URL. Every transaction it is sent counts as mined in the newest block; batches are taken.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from eth_utils.crypto import keccak
from tests.bench.policies import CHAIN

BASE_FEE = hex(10**9)


class Node:
    """One chain with a block for every 32 transactions."""

    def __init__(self) -> None:
        self._mined: dict[str, int] = {}

    def answer(self, call: dict[str, Any]) -> dict[str, Any]:
        """One call's answer object."""
        method, params = call["method"], call.get("params") or []
        told = {"jsonrpc": "2.0", "id": call["id"]}
        match method:
            case "eth_chainId":
                return told | {"result": hex(CHAIN)}
            case "eth_blockNumber":
                return told | {"result": hex(self._head)}
            case "eth_maxPriorityFeePerGas":
                return told | {"result": BASE_FEE}
            case "eth_estimateGas":
                return told | {"result": hex(60_000)}
            case "eth_getBalance":
                return told | {"result": hex(10**24)}
            case "eth_getTransactionCount":
                return told | {"result": hex(len(self._mined))}
            case "eth_getBlockByNumber":
                return told | {"result": self._block(params[0])}
            case "eth_sendRawTransaction":
                tx_hash = "0x" + keccak(bytes.fromhex(params[0][2:])).hex()
                self._mined.setdefault(tx_hash, self._head)
                return told | {"result": tx_hash}
            case "eth_getTransactionReceipt":
                return told | {"result": self._receipt(params[0])}
            case "eth_getTransactionByHash":
                known = {"hash": params[0]} if params[0] in self._mined else None
                return told | {"result": known}
        return told | {"error": {"code": -32601, "message": "method not found"}}

    @property
    def _head(self) -> int:
        return 100 + len(self._mined) // 32

    def _block(self, number: str) -> dict[str, Any]:
        height = self._head if number in ("latest", "pending") else int(number, 16)
        return {
            "number": hex(height),
            "hash": _hash(height),
            "parentHash": _hash(height - 1),
            "timestamp": hex(1_800_000_000 + height),
            "baseFeePerGas": BASE_FEE,
            "gasLimit": hex(30_000_000),
            "transactions": [each for each, block in self._mined.items() if block == height],
        }

    def _receipt(self, tx_hash: str) -> dict[str, Any] | None:
        height = self._mined.get(tx_hash)
        if height is None:
            return None
        return {
            "transactionHash": tx_hash,
            "blockNumber": hex(height),
            "blockHash": _hash(height),
            "status": "0x1",
            "gasUsed": hex(50_000),
            "effectiveGasPrice": hex(2 * 10**9),
        }


def _hash(height: int) -> str:
    return f"0x{height:064x}"


async def _serve(node: Node, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            )
            asked = json.loads(await reader.readexactly(length))
            many = isinstance(asked, list)
            told: Any = [node.answer(each) for each in asked] if many else node.answer(asked)
            body = json.dumps(told).encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _run() -> None:
    node = Node()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _serve(node, reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


class FastChain:
    """It in a process of its own, with what a `DemoGuardian` needs of a chain."""

    def __init__(self, url: str) -> None:
        self.url = url

    def call(self, _method: str, _params: list[Any]) -> None:
        """Every wallet is rich."""


@contextmanager
def fast_chain() -> Iterator[FastChain]:
    """The node for a while."""
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.node"], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield FastChain(process.stdout.readline().decode().strip())
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    asyncio.run(_run())
