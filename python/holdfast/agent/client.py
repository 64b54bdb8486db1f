"""One blocking JSON-RPC connection to a guardian's agent socket. Not thread-safe."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from holdfast.agent.signed import RequestKey
from holdfast.protocol.closing import Closing
from holdfast.protocol.lines import LineConnection

ANSWER_BYTES_MAX = 32 * 1024 * 1024  # Blocks with full transactions are the largest answers.
RETRY_S = 2.0


class RpcError(Exception):
    """An error answer; `data` is the explaining object, `{}` when there is none."""

    def __init__(self, code: int, message: str, data: dict[str, Any]) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message
        self.data = data


class Denied(RpcError):
    """Policy or a person said no (code 4001): do not send it again."""


class Pending(RpcError):
    """Not decided yet; the same request sent again joins the waiting one."""

    @property
    def request_id(self) -> str:
        """The id the operator sees, e.g. `r12`."""
        return str(self.data.get("requestId", ""))


def error_of(error: dict[str, Any]) -> RpcError:
    """The exception for a JSON-RPC error object; pending is known by `data.status` alone."""
    data = error.get("data")
    data = data if isinstance(data, dict) else {}
    code, message = int(error.get("code", 0)), str(error.get("message", ""))
    if data.get("status") == "pending":
        return Pending(code, message, data)
    if code == 4001:
        return Denied(code, message, data)
    return RpcError(code, message, data)


class Client(Closing):
    """`call` anything; `send_transaction` waits for people. Use as a context manager."""

    def __init__(
        self,
        path: str | Path,
        *,
        agent: str = "",
        key: RequestKey | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        """Connects at once; raises OSError. `agent` matters only for signing with `key`."""
        self._agent, self._key = agent, key
        self._ids = 0
        self._lines = LineConnection(path, timeout_s=timeout_s, line_bytes_max=ANSWER_BYTES_MAX)

    def close(self) -> None:
        """Ends the connection; what was sent is still decided."""
        self._lines.close()

    def call(self, method: str, params: Any = ()) -> Any:
        """The result; raises Denied, Pending or RpcError for an error, OSError for a lost line."""
        params = list(params) if isinstance(params, tuple) else params
        call = {"method": method, "params": params}
        if self._key is not None:
            call = self._key.wrap(self._agent, method, params)
        answer = self._round_trip(call)
        if (error := answer.get("error")) is not None:
            raise error_of(error)
        result = answer.get("result")
        return result if self._key is None else _unwrap(result)

    def send_transaction(
        self,
        transaction: dict[str, Any],
        *,
        wait_s: float = 0.0,
        idempotency_key: str | None = None,
        note: str | None = None,
        merchant: str | None = None,
    ) -> str:
        """The transaction's hash. While it is pending, asks again for up to `wait_s` seconds.

        Raises Pending when the time is up: the request still waits, and sending the same again
        later joins it and can never pay twice. With an `idempotency_key` (1 to 128 visible ASCII
        characters) the same holds after a lost connection. `note` is shown to the operator.
        `merchant` is the host that is paid, such as `api.example.com`: if the policy knows it, the
        payment goes to one of its addresses or requires approval.
        """
        options = {"idempotencyKey": idempotency_key, "note": note, "merchant": merchant}
        given = {key: value for key, value in options.items() if value is not None}
        params = [transaction, given] if given else [transaction]
        deadline = time.monotonic() + wait_s
        while True:
            try:
                return str(self.call("eth_sendTransaction", params))
            except Pending as pending:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise
                time.sleep(min(left, float(pending.data.get("retryAfter", RETRY_S))))

    def _round_trip(self, call: dict[str, Any]) -> dict[str, Any]:
        self._ids += 1
        call = {"jsonrpc": "2.0", "id": self._ids, **call}
        self._lines.send(call)
        while True:
            answer = self._lines.receive()
            # A push, or the late answer of a call that timed out, is not the answer to this one.
            if isinstance(answer, dict) and answer.get("id") == self._ids:
                return answer
            if isinstance(answer, dict) and answer.get("id", 0) is None and "error" in answer:
                raise error_of(answer["error"])


def _unwrap(result: Any) -> Any:
    """The inner outcome of a signed call: `{"status": "ok", "result"}`, else the inner error."""
    if not isinstance(result, dict) or "status" not in result:
        return result
    if result["status"] == "ok":
        return result.get("result")
    raise error_of(result.get("error") or {"message": str(result["status"]), "data": result})
