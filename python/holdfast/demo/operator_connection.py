"""The operator's socket for the demo's script: calls, events, and signed commands."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Literal

from holdfast.operator.keys import Action, OperatorKey
from holdfast.protocol.operator_calls import OperatorCalls, Refused

Answer = Literal["approve", "deny"]

__all__ = ["OperatorConnection", "Refused"]


class OperatorConnection(OperatorCalls):
    """One connection. With `key` it can also approve, deny and thaw."""

    def __init__(
        self, path: Path, key: OperatorKey | None = None, *, timeout_s: float = 30.0
    ) -> None:
        super().__init__(path, timeout_s)
        self._key = key
        try:
            self.hello: dict[str, Any] = self.call("hello")
        except BaseException:
            self.close()
            raise

    def answer(self, action: Answer, request: str, digest: str | None = None) -> dict[str, Any]:
        """Approves or denies; the digest is read from the guardian when it is not given."""
        digest = digest or str(self.call("request", id=request)["digest"])
        return self._command(action, {"request": request, "digest": digest})

    def thaw(self, freeze: int) -> dict[str, Any]:
        """Lifts one freeze by its seq."""
        return self._command("thaw", {"freeze": freeze})

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

    def _command(self, action: Action, members: dict[str, Any]) -> dict[str, Any]:
        if self._key is None:
            raise ValueError("this connection has no operator key")
        guardian = str(self.hello["guardian"])
        now_ms = time.time_ns() // 1_000_000
        signed = self._key.sign_command(action, guardian=guardian, now_ms=now_ms, **members)
        return dict(self.call("command", payload=signed.payload, signature=signed.signature))
