"""One blocking connection to operator.sock for a command that asks one thing and ends."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from holdfast.cli.output import EXIT_NO_GUARDIAN, Failure
from holdfast.operator.pieces import joined, piece_of

Json = dict[str, Any]

TIMEOUT_S = 10.0
LINE_BYTES_MAX = 16 << 20


class NoGuardian(Failure):
    """Nobody answers on the operator socket."""

    def __init__(self, path: Path, why: str) -> None:
        text = f"no guardian answers on `{path}` ({why}): start one with `holdfast serve`"
        super().__init__(text, code="no_guardian", exit_code=EXIT_NO_GUARDIAN)


class Link:
    """Use as a context manager; `call` raises Failure with the guardian's own code and text."""

    def __init__(self, path: Path, timeout_s: float = TIMEOUT_S) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise NoGuardian(path, _why(error)) from None
        self._file = self._socket.makefile("rb")
        self._next = 0

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
        self._file.close()
        self._socket.close()

    def call(self, method: str, **params: Any) -> Any:
        """The result of one call with the pieces that come before it; pushes are dropped."""
        self._next += 1
        pieces = []
        request = {"id": self._next, "method": method, "params": params}
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
            for message in self._messages():
                if message.get("id") == self._next:
                    break
                piece = piece_of(message)
                if piece is not None:
                    pieces.append(piece)
        except OSError as error:
            raise NoGuardian(self._path, _why(error)) from None
        refused = message.get("error")
        if isinstance(refused, dict):
            code, text = str(refused.get("code", "error")), str(refused.get("text", ""))
            raise Failure(f"{text} ({code})" if text else code, code=code)
        result = message.get("result")
        return joined(result, pieces) if pieces and isinstance(result, dict) else result

    def object(self, method: str, **params: Any) -> Json:
        """As `call`, for a method that answers an object."""
        result = self.call(method, **params)
        if not isinstance(result, dict):
            raise Failure(
                f"the guardian's answer to `{method}` is not an object", code="bad_answer"
            )
        return result

    def pushes(self) -> Iterator[Json]:
        """Everything the guardian sends from now on, until it ends."""
        self._socket.settimeout(None)
        try:
            yield from self._messages()
        except OSError as error:
            raise NoGuardian(self._path, _why(error)) from None

    def _messages(self) -> Iterator[Json]:
        while True:
            data = self._file.readline(LINE_BYTES_MAX)
            if not data.endswith(b"\n"):
                raise ConnectionResetError("the connection was closed")
            try:
                message = json.loads(data)
            except ValueError:
                raise Failure(
                    "the guardian sent a line that is not JSON", code="bad_answer"
                ) from None
            if isinstance(message, dict):
                yield message


def _why(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no socket"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return error.strerror or str(error)
