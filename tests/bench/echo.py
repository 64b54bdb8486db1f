"""The socket's baseline: a bare asyncio server that answers each line with a line of fixed size."""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop

ANSWER = b'{"jsonrpc":"2.0","id":0,"result":"' + b"0" * 400 + b'"}\n'


class Echo(asyncio.Protocol):
    """One answer a line; nothing is parsed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(ANSWER * data.count(b"\n"))


async def serve(path: str) -> None:
    """Serves until the process is ended; says `ready` when it listens."""
    server = await asyncio.get_running_loop().create_unix_server(Echo, path)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
