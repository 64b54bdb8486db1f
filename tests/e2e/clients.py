"""The clients of CLIENTS as an agent would use them, unchanged.

Each pays, and tells `{"ok": hash}` or `{"error": {"code", "message", "data"}}`.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any, Protocol

from web3 import AsyncIPCProvider, AsyncWeb3, IPCProvider, Web3
from web3.exceptions import Web3RPCError
from web3.types import Nonce, Wei

REPO = Path(__file__).resolve().parents[2]
NODE_MODULES = Path(os.environ.get("HOLDFAST_NODE_MODULES", REPO / ".tools/npm/node_modules"))
CAST = NODE_MODULES / "@foundry-rs/cast-linux-amd64/bin/cast"
JS = Path(__file__).with_name("js")
CALL_S = 60.0

Answer = dict[str, Any]


class Pay(Protocol):
    """Sends `value` wei from `wallet` to `to` over the agent's socket."""

    def __call__(self, socket: str, wallet: str, to: str, value: int) -> Answer: ...


def _error(refused: Web3RPCError) -> Answer:
    answer = refused.rpc_response
    assert isinstance(answer, dict), f"not an answer of the guardian: {refused}"
    return {"error": answer["error"]}


def web3_sync(socket: str, wallet: str, to: str, value: int) -> Answer:
    """web3.py, blocking."""
    provider = IPCProvider(socket)
    try:
        sent = Web3(provider).eth.send_transaction({"from": wallet, "to": to, "value": Wei(value)})
    except Web3RPCError as refused:
        return _error(refused)
    finally:
        # The provider has no public way to close.
        line: Any = provider._socket
        if line is not None and line.sock is not None:
            line.sock.close()
    return {"ok": sent.to_0x_hex()}


def web3_async(socket: str, wallet: str, to: str, value: int) -> Answer:
    """web3.py, asyncio."""

    async def pay() -> Answer:
        async with AsyncWeb3(AsyncIPCProvider(socket)) as w3:
            try:
                sent = await w3.eth.send_transaction(
                    {"from": wallet, "to": to, "value": Wei(value)}
                )
            except Web3RPCError as refused:
                return _error(refused)
            return {"ok": sent.to_0x_hex()}

    return asyncio.run(pay())


def node(script: str, socket: str, action: str, given: dict[str, Any]) -> Answer:
    """One action of a JavaScript agent in a process of its own."""
    done = subprocess.run(
        ["node", str(JS / script), socket, action, json.dumps(given)],
        env={**os.environ, "HOLDFAST_NODE_MODULES": str(NODE_MODULES)},
        capture_output=True,
        text=True,
        timeout=CALL_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def viem(socket: str, wallet: str, to: str, value: int) -> Answer:
    """viem's wallet client on its IPC transport."""
    given = {"from": wallet, "to": to, "value": str(value)}
    return node("viem_agent.mjs", socket, "pay", given)


def ethers(socket: str, wallet: str, to: str, value: int) -> Answer:
    """ethers' signer of its IPC provider."""
    given = {"from": wallet, "to": to, "value": str(value)}
    return node("ethers_agent.mjs", socket, "pay", given)


def cast(socket: str, wallet: str, to: str, value: int, *options: str) -> Answer:
    """`cast send --unlocked` on the socket; its error text carries code and data."""
    done = subprocess.run(
        [
            *(str(CAST), "send", "--rpc-url", socket, "--unlocked"),
            *("--from", wallet, to, "--value", str(value), "--json", *options),
        ],
        capture_output=True,
        text=True,
        timeout=CALL_S,
        check=False,
    )
    if done.returncode == 0:
        return {"ok": json.loads(done.stdout)["transactionHash"]}
    found = re.search(
        r"error code (-?\d+): (.*?)(?:, data: (.*))?$", done.stderr, re.MULTILINE | re.DOTALL
    )
    assert found, done.stderr
    data = json.JSONDecoder().raw_decode(_unquoted(found.group(3)))[0] if found.group(3) else None
    error = {"code": int(found.group(1)), "message": found.group(2), "data": data}
    return {"error": error}


def _unquoted(text: str) -> str:
    """cast shows data as Rust's `String("…")` or as JSON; this gives the JSON."""
    return text[text.index("{") :] if "{" in text else "null"


def paid(pay: Pay, socket: str, wallet: str, to: str, value: int) -> Answer:
    """Sends again while the answer is "pending", as agents do.

    On a slow machine even an allowed payment may outlast the hold of one call.
    """
    deadline = time.monotonic() + CALL_S
    while True:
        answer = pay(socket, wallet, to, value)
        data = answer.get("error", {}).get("data")
        waits = isinstance(data, dict) and data.get("status") == "pending"
        if not waits or time.monotonic() > deadline:
            return answer


class Replace(Protocol):
    """The same payment again with the nonce of one that is out and these fees, wei per gas."""

    def __call__(
        self, socket: str, wallet: str, to: str, value: int, nonce: int, fee: int, tip: int
    ) -> Answer: ...


def web3_replace(
    socket: str, wallet: str, to: str, value: int, nonce: int, fee: int, tip: int
) -> Answer:
    """web3.py, blocking."""
    provider = IPCProvider(socket)
    try:
        sent = Web3(provider).eth.send_transaction(
            {
                "from": wallet,
                "to": to,
                "value": Wei(value),
                "nonce": Nonce(nonce),
                "maxFeePerGas": Wei(fee),
                "maxPriorityFeePerGas": Wei(tip),
            }
        )
    except Web3RPCError as refused:
        return _error(refused)
    finally:
        line: Any = provider._socket
        if line is not None and line.sock is not None:
            line.sock.close()
    return {"ok": sent.to_0x_hex()}


def _js_replace(script: str) -> Replace:
    def again(
        socket: str, wallet: str, to: str, value: int, nonce: int, fee: int, tip: int
    ) -> Answer:
        given = {
            "from": wallet,
            "to": to,
            "value": str(value),
            "nonce": nonce,
            "maxFeePerGas": str(fee),
            "maxPriorityFeePerGas": str(tip),
        }
        return node(script, socket, "replace", given)

    return again


REPLACING: dict[str, Replace] = {
    "web3-sync": web3_replace,
    "viem": _js_replace("viem_agent.mjs"),
    "ethers": _js_replace("ethers_agent.mjs"),
}
CLIENTS: dict[str, Pay] = {
    "web3-sync": web3_sync,
    "web3-async": web3_async,
    "viem": viem,
    "ethers": ethers,
    "cast": cast,
}
