"""JSON objects, one a line, over a Unix socket. Blocking."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from holdfast.protocol.closing import Closing

Json = dict[str, Any]

LINE_BYTES_MAX = 16 << 20
READ_BYTES = 1 << 18


class BadLine(ValueError):
    """The peer sent a line that is not JSON."""


class LineConnection(Closing):
    """One connection, not thread-safe. Use as a context manager."""

    def __init__(
        self,
        path: str | Path,
        *,
        timeout_s: float | None = None,
        line_bytes_max: int = LINE_BYTES_MAX,
    ) -> None:
        """Connects at once; raises OSError.

        Sending and receiving raise TimeoutError after `timeout_s` seconds.
        """
        self._rest = bytearray()
        self._searched = 0
        self._line_bytes_max = line_bytes_max
        self._timeout_s = timeout_s
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise

    def close(self) -> None:
        """Ends the connection."""
        self._socket.close()

    def send(self, message: Json) -> None:
        """Sends one object. Raises OSError when the connection is lost."""
        self._socket.sendall(json.dumps(message, separators=(",", ":")).encode() + b"\n")

    def receive(self, wait_s: float | None = None) -> Any:
        """The next line as JSON; `wait_s` replaces the connection's timeout for this line.

        Raises TimeoutError, BadLine, or another OSError when the connection is lost or a line is
        too long.
        """
        if wait_s is not None:
            self._socket.settimeout(wait_s)
        try:
            line = self._line()
        finally:
            if wait_s is not None:
                self._socket.settimeout(self._timeout_s)
        try:
            return json.loads(line)
        except ValueError:
            raise BadLine("the guardian sent a line that is not JSON") from None

    def wait_without_limit(self) -> None:
        """From now on `receive` waits as long as it takes."""
        self._timeout_s = None
        self._socket.settimeout(None)

    def _line(self) -> bytes:
        while (end := self._rest.find(b"\n", self._searched)) < 0:
            self._searched = len(self._rest)
            if self._searched > self._line_bytes_max:
                raise ConnectionError("the guardian sent a line that is too long")
            piece = self._socket.recv(READ_BYTES)
            if not piece:
                raise ConnectionResetError("the guardian closed the connection")
            self._rest += piece
        line = bytes(self._rest[:end])
        del self._rest[: end + 1]
        self._searched = 0
        return line
