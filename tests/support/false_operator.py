"""A process of the same user in the place of the operator's socket.

It forwards to the guardian and changes what it likes on the way back.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from holdfast.service.home.folder import Home

Json = dict[str, Any]
Lie = Callable[[str, Any], Any]


class FalseOperator:
    """`lie(method, result)` gives what is answered instead; `asked` is what clients sent."""

    def __init__(self, home: Home, lie: Lie) -> None:
        self._home, self._lie = home, lie
        self._real = home.run_dir / "real.sock"
        self.asked: list[tuple[str, Json]] = []
        self._open: set[asyncio.StreamWriter] = set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        real_reader, real_writer = await asyncio.open_unix_connection(self._real, limit=1 << 26)
        self._open |= {writer, real_writer}
        methods: dict[Any, str] = {}

        async def back() -> None:
            while line := await real_reader.readline():
                message = json.loads(line)
                if "result" in message:
                    method = methods.get(message["id"], "")
                    message["result"] = self._lie(method, message["result"])
                elif message.get("event", {}).get("kind") == "request.decided":
                    data = message["event"]["data"]
                    message["event"]["data"] = self._lie("request", data)
                writer.write(json.dumps(message).encode() + b"\n")

        answering = asyncio.create_task(back())
        try:
            while line := await reader.readline():
                call = json.loads(line)
                methods[call["id"]] = call["method"]
                self.asked.append((call["method"], call.get("params") or {}))
                real_writer.write(line)
        except OSError:
            pass
        finally:
            answering.cancel()
            writer.close()
            real_writer.close()


@asynccontextmanager
async def replaced_socket(home: Home, lie: Lie) -> AsyncIterator[FalseOperator]:
    """Moves the guardian's socket aside and listens in its place until the block ends."""
    false = FalseOperator(home, lie)
    home.operator_socket.rename(false._real)
    server = await asyncio.start_unix_server(false._serve, str(home.operator_socket), limit=1 << 26)
    try:
        yield false
    finally:
        server.close()
        for writer in false._open:
            writer.close()
        home.operator_socket.unlink()
        false._real.rename(home.operator_socket)
