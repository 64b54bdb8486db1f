"""The operator's socket, blocking: calls, the event stream, and signed commands."""

from __future__ import annotations

import json
import socket
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nacl.signing import SigningKey

COMMAND = b"holdfast operator command v1\n"
COMMAND_VALID_MS = 120_000


class Refused(RuntimeError):
    """The guardian refused a call: `code` and `text` as it said them."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


def signed_command(key: SigningKey, members: dict[str, Any]) -> dict[str, str]:
    """`params` of `command` for the payload's own members; `expires_at` is set here."""
    members = {**members, "expires_at": time.time_ns() // 1_000_000 + COMMAND_VALID_MS}
    payload = json.dumps(members, separators=(",", ":"), sort_keys=True)
    signature = key.sign(COMMAND + payload.encode()).signature
    return {"payload": payload, "signature": "0x" + signature.hex()}


class Door:
    """One connection. With `key` (and its id) it can also approve, deny and thaw."""

    def __init__(
        self,
        path: Path,
        key: SigningKey | None = None,
        key_id: str = "operator",
        timeout_s: float = 30.0,
    ) -> None:
        self._key, self._key_id = key, key_id
        self._ids = 0
        self._rest = b""
        self._pushes: deque[dict[str, Any]] = deque()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._timeout_s = timeout_s
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(str(path))
            self.hello = self.call("hello")
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection."""
        self._socket.close()

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The result; raises Refused, or OSError when the line is lost."""
        self._ids += 1
        frame = {"id": self._ids, "method": method, "params": params}
        self._socket.sendall(json.dumps(frame, separators=(",", ":")).encode() + b"\n")
        while True:
            message = self._message()
            if message.get("id") != self._ids:
                self._pushes.append(message)
            elif (error := message.get("error")) is not None:
                raise Refused(str(error.get("code")), str(error.get("text")))
            else:
                return dict(message["result"])

    def event(self, wait_s: float) -> dict[str, Any] | None:
        """The next pushed event, or None when none comes in `wait_s` seconds."""
        deadline = time.monotonic() + wait_s
        while True:
            while self._pushes:
                if (event := self._pushes.popleft().get("event")) is not None:
                    return dict(event)
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self._socket.settimeout(left)
            try:
                self._pushes.append(self._message())
            except TimeoutError:
                return None
            finally:
                self._socket.settimeout(self._timeout_s)

    def answer(self, action: str, request: str, digest: str | None = None) -> dict[str, Any]:
        """Approves or denies; the digest is read from the guardian when it is not given."""
        digest = digest or str(self.call("request", id=request)["digest"])
        return self._command({"action": action, "request": request, "digest": digest})

    def thaw(self, freeze: int) -> dict[str, Any]:
        """Lifts one freeze by its seq."""
        return self._command({"action": "thaw", "freeze": freeze})

    def freeze(self, kind: str, name: str | None = None, reason: str = "") -> int:
        """Freezes a scope and gives the seq to lift it by; needs no key."""
        scope = {"kind": kind} | ({"id": name} if name else {})
        return int(self.call("freeze", scope=scope, reason=reason, actor="demo")["freeze"])

    def events(self) -> list[dict[str, Any]]:
        """Every event of the journal, from the beginning."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.call("events", from_seq=len(found), count=1000)["events"]
            if not page:
                return found
            found += page

    def _command(self, members: dict[str, Any]) -> dict[str, Any]:
        if self._key is None:
            raise ValueError("this door has no operator key")
        named = {**members, "guardian": self.hello["guardian"], "key": self._key_id}
        return self.call("command", **signed_command(self._key, named))

    def _message(self) -> dict[str, Any]:
        while b"\n" not in self._rest:
            piece = self._socket.recv(1 << 18)
            if not piece:
                raise ConnectionResetError("the guardian closed the operator's connection")
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        return dict(json.loads(line))
