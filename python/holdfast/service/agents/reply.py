"""Where one call's answer goes. Every call is answered at most once; a notification never."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from holdfast._core import response_batch, response_error, response_result
from holdfast.service.agents.errors import CallError


class Out(Protocol):
    """Takes the finished answer of one call: a line, or None when there is nothing to say."""

    def answered(self, line: bytes | None) -> None:
        """The call is finished."""

    @property
    def gone(self) -> bool:
        """Whether the answer will not be read."""

    @property
    def connection(self) -> Out:
        """The connection: itself, or that of a batch."""

    def when_left(self, told: Callable[[bool], None]) -> None:
        """Calls `told(taken)` once the line with the answer was written, or never will be."""

    def push(self, line: bytes) -> None:
        """Sends a line that answers no call."""


class Reply:
    """The answer to one call."""

    __slots__ = ("_done", "_out", "id_json")

    def __init__(self, out: Out, id_json: bytes | None) -> None:
        self._out = out
        self._done = False
        self.id_json = id_json

    @property
    def connection(self) -> Out:
        """The connection it will leave by."""
        return self._out.connection

    @property
    def gone(self) -> bool:
        """Whether the answer will not be read."""
        return self._out.gone

    def when_left(self, told: Callable[[bool], None]) -> None:
        """Calls `told(taken)` once its line was written to a living connection, or to none."""
        self._out.when_left(told)

    def result(self, result: bytes) -> None:
        """Answers with the JSON of a result."""
        self._finish(None if self.id_json is None else response_result(self.id_json, result))

    def error(self, error: CallError) -> None:
        """Answers with an error."""
        line = None
        if self.id_json is not None:
            line = response_error(self.id_json, error.code, error.message, error.data)
        self._finish(line)

    def nothing(self) -> None:
        """Finishes a call that gets no answer."""
        self._finish(None)

    def _finish(self, line: bytes | None) -> None:
        if not self._done:
            self._done = True
            self._out.answered(line)


class Batch:
    """Collects the answers to a batch and hands them on as one array."""

    __slots__ = ("_left", "_lines", "_out", "_told")

    def __init__(self, out: Out, calls: int) -> None:
        self._out = out
        self._told: list[Callable[[bool], None]] = []
        self._left = calls
        self._lines: list[bytes] = []

    @property
    def connection(self) -> Out:
        """The connection."""
        return self._out.connection

    def push(self, line: bytes) -> None:
        """Sends a line that answers no call."""
        self._out.push(line)

    @property
    def gone(self) -> bool:
        """Whether the answer will not be read."""
        return self._out.gone

    def when_left(self, told: Callable[[bool], None]) -> None:
        """Of all its calls at once."""
        if self._left:
            self._told.append(told)
        else:
            self._out.when_left(told)

    def answered(self, line: bytes | None) -> None:
        """One of its calls is finished."""
        if line is not None:
            self._lines.append(line)
        self._left -= 1
        if self._left == 0:
            # JSON-RPC 2.0: a batch of notifications only is not answered at all.
            self._out.answered(response_batch(self._lines) if self._lines else None)
            for told in self._told:
                self._out.when_left(told)
