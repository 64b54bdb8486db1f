"""Calls over the operator's socket, blocking: for commands that ask one thing, and for scripts."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

from holdfast.protocol.closing import Closing
from holdfast.protocol.lines import LineConnection
from holdfast.protocol.pieces import joined, piece_of

Json = dict[str, Any]


class Refused(RuntimeError):
    """The guardian refused a call: `code` from its closed list, `text` for people."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{text} ({code})" if text else code)
        self.code = code
        self.text = text


class OperatorCalls(Closing):
    """One connection, not thread-safe. Use as a context manager."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        """Connects at once; raises OSError."""
        self._lines = LineConnection(path, timeout_s=timeout_s)
        self._ids = 0
        self._pushed: deque[Json] = deque()

    def close(self) -> None:
        """Ends the connection."""
        self._lines.close()

    def call(self, method: str, **params: Any) -> Any:
        """The result, put together with the pieces that come before it.

        What is pushed meanwhile is kept for `pushes` and `event`. Raises Refused, BadLine, or
        OSError when the connection is lost.
        """
        self._ids += 1
        self._lines.send({"id": self._ids, "method": method, "params": params})
        pieces = []
        while (message := self._message()).get("id") != self._ids:
            piece = piece_of(message)
            if piece is None:
                self._pushed.append(message)
            else:
                pieces.append(piece)
        error = message.get("error")
        if isinstance(error, dict):
            raise Refused(str(error.get("code", "error")), str(error.get("text", "")))
        result = message.get("result")
        return joined(result, pieces) if pieces and isinstance(result, dict) else result

    def pushes(self) -> Iterator[Json]:
        """Everything the guardian pushes, until the connection is lost (OSError)."""
        self._lines.wait_without_limit()
        while True:
            yield self._pushed.popleft() if self._pushed else self._message()

    def event(self, wait_s: float) -> Json | None:
        """The next pushed event, or None when none comes in `wait_s` seconds."""
        deadline = monotonic() + wait_s
        while True:
            while self._pushed:
                event = self._pushed.popleft().get("event")
                if event is not None:
                    return dict(event)
            left = deadline - monotonic()
            if left <= 0:
                return None
            try:
                self._pushed.append(self._message(left))
            except TimeoutError:
                return None

    def _message(self, wait_s: float | None = None) -> Json:
        while True:
            message = self._lines.receive(wait_s)
            if isinstance(message, dict):
                return message
