"""Sample agent: taken over. It may tip any address and tries twenty ways to take far more.

The ways are data (`drains.toml`), each with the verdict and the reason code it must meet. Plain
web3.py on its socket, except for the one drain that goes to the operator's door.
"""

from __future__ import annotations

import json
import socket
import time
import tomllib
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from eth_abi.abi import encode
from eth_utils.abi import function_signature_to_4byte_selector
from nacl.signing import SigningKey
from web3 import IPCProvider
from web3.types import RPCEndpoint

from holdfast.demo.pace import Pace
from holdfast.demo.report import outcome, report
from holdfast.demo.script import Script
from holdfast.secrets.authority import COMMAND_PREFIX

GAS = "0x249f0"  # 150,000: given, so that no estimate of the node decides what is tried


def load_drains() -> list[dict[str, Any]]:
    """Every `[[drain]]` of `drains.toml`, in order."""
    text = resources.files("holdfast.demo").joinpath("drains.toml").read_text()
    return list(tomllib.loads(text)["drain"])


def fill(value: Any, names: dict[str, str]) -> Any:
    """`value` with every `$name` replaced; raises KeyError for a name the script does not have."""
    if isinstance(value, str):
        return Template(value).substitute(names)
    if isinstance(value, list):
        return [fill(one, names) for one in value]
    if isinstance(value, dict):
        return {key: fill(one, names) for key, one in value.items()}
    return value


def calldata(call: list[str]) -> str:
    """`["transfer(address,uint256)", "0x…", "5"]` as 0x hex."""
    signature, *texts = call
    types = signature[signature.index("(") + 1 : -1].split(",")
    values = [
        int(text, 0)
        if kind.startswith("uint")
        else bytes.fromhex(text[2:])
        if kind == "bytes"
        else text
        for kind, text in zip(types, texts, strict=True)
    ]
    return "0x" + (function_signature_to_4byte_selector(signature) + encode(types, values)).hex()


class Hijacked:
    """One connection and the attempts on it."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._names = {**script.names, "wallet": script.wallet, "token": script.token}
        self._provider = IPCProvider(script.socket)

    def attempt(self, drain: dict[str, Any]) -> dict[str, Any]:
        """Tries one drain, as often as it says, and reports the result of each try.

        Gives the last.
        """
        result: dict[str, Any] = {}
        for _ in range(drain.get("repeat", 1)):
            if drain.get("door") == "operator":
                result = self._approve_myself()
            else:
                method, params = self._spell(drain)
                result = outcome(dict(self._provider.make_request(RPCEndpoint(method), params)))
            report(self._script.agent, drain["id"], **result)
        return result

    def _spell(self, drain: dict[str, Any]) -> tuple[str, list[Any]]:
        method = drain.get("method", "eth_sendTransaction")
        if "params" in drain:
            return method, json.loads(fill(drain["params"], self._names))
        transaction = {"from": self._script.wallet, "gas": GAS}
        if "call" in drain:
            data = calldata(fill(drain["call"], self._names))
            transaction |= {"to": self._script.token, "data": data}
        transaction |= fill(drain.get("transaction", {}), self._names)
        return method, [transaction, *([{"note": drain["note"]}] if "note" in drain else [])]

    def _approve_myself(self) -> dict[str, Any]:
        """Goes to the operator's socket and approves whatever waits, with a key of its own."""
        door = Path(self._script.socket).parent.parent / "operator.sock"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(30)
            line.connect(str(door))
            stream = line.makefile("rwb")

            def ask(method: str, params: dict[str, Any]) -> dict[str, Any]:
                stream.write(json.dumps({"id": 1, "method": method, "params": params}).encode())
                stream.write(b"\n")
                stream.flush()
                return dict(json.loads(stream.readline()))

            hello = ask("hello", {})["result"]
            waiting = [
                view
                for view in ask("subscribe", {})["result"]["snapshot"]["requests"]
                if view.get("state") == "waiting-approval"
            ]
        aim = waiting[0] if waiting else {"id": "r1", "digest": "0x" + "00" * 32}
        payload = json.dumps(
            {
                "action": "approve",
                "digest": aim["digest"],
                "expires_at": time.time_ns() // 1_000_000 + 60_000,
                "guardian": hello["guardian"],
                "key": hello["operators"][0]["id"],
                "request": aim["id"],
            },
            separators=(",", ":"),
            sort_keys=True,
        )
        signature = SigningKey.generate().sign(COMMAND_PREFIX + payload.encode()).signature.hex()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(30)
            line.connect(str(door))
            command = {"payload": payload, "signature": "0x" + signature}
            line.sendall(
                json.dumps({"id": 1, "method": "command", "params": command}).encode() + b"\n"
            )
            answer = json.loads(line.makefile("rb").readline())
        if "error" not in answer:
            return {"verdict": "paid", "codes": [], "hash": None, "text": "approved itself"}
        error = answer["error"]
        return {"verdict": "denied", "codes": [error["code"]], "hash": None, "text": error["text"]}


def run(script: Script) -> None:
    """Every drain once; with `forever`, again and again."""
    agent, pace = Hijacked(script), Pace(script.pace_s)
    while True:
        for drain in load_drains():
            pace.rest(agent.attempt(drain))
        if not script.forever:
            break
    report(script.agent, "end", "done")


if __name__ == "__main__":
    run(Script.from_argv())
