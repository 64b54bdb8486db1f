"""The operator's socket: JSON objects, one a line (docs/architecture.md, 7).

Served before and apart from the agents.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any, cast

import orjson

from holdfast._core import HoldfastError
from holdfast.codes import Code
from holdfast.service.guardian.core import Sealed
from holdfast.service.journal.interface import JournalError
from holdfast.service.operator_api.stream import Stream, Subscriber, health_push
from holdfast.service.runtime.conditions import Conditions
from holdfast.service.runtime.logs import get_logger
from holdfast.service.runtime.removed_sockets import RemovedSockets
from holdfast.service.runtime.turns import Turns
from holdfast.service.runtime.unix_socket import ListeningSocket, peer_of

log = get_logger()

LINE_BYTES_MAX = 1024 * 1024
CONNECTIONS_MAX = 64
CALLS_MAX = 64
# So many more for what stops or answers: calls that wait for a stuck disk must not keep it out.
FIRST_CALLS_MORE = 16
BUFFER_BYTES_HIGH = 1024 * 1024
STALL_SECONDS_MAX = 30.0
HEALTH_SECONDS = 1.0
# What stops or answers: agents' calls wait for these.
FIRST = frozenset({"freeze", "command"})

Params = dict[str, Any]
Method = Callable[["OperatorConnection", Params], Awaitable[object]]


class Refused(ValueError):
    """A call that is not carried out: `args` is `(code, text)`."""


class OperatorConnection(asyncio.Protocol):
    """One operator client. Calls run side by side; pushes come in between."""

    def __init__(self, socket: OperatorSocket) -> None:
        self._socket = socket
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._stalled_since = 0.0
        self.subscriber: Subscriber | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Only our own user and root; the folder's mode keeps others out already."""
        self._transport = cast("asyncio.Transport", transport)
        peer = peer_of(transport.get_extra_info("socket"))
        if peer.uid not in (0, os.geteuid()) or len(self._socket.connections) >= CONNECTIONS_MAX:
            log.warning("operator connection refused", uid=peer.uid, pid=peer.pid)
            self._transport.abort()
            return
        self._socket.connections.add(self)
        self._transport.set_write_buffer_limits(high=BUFFER_BYTES_HIGH)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Ends the subscription; a command under way is still carried out."""
        self._transport = None
        self._socket.connections.discard(self)
        if self.subscriber is not None:
            self._socket.stream.unsubscribe(self.subscriber)

    def data_received(self, data: bytes) -> None:
        """Carries out each whole line."""
        self._buffer += data
        if b"\n" not in data and len(self._buffer) <= LINE_BYTES_MAX:
            return
        *lines, rest = bytes(self._buffer).split(b"\n")
        self._buffer = bytearray(rest)
        for line in lines:
            if line.strip():
                self._line(line)
        if len(self._buffer) > LINE_BYTES_MAX:
            self.drop("the line is too long")

    def pause_writing(self) -> None:
        """Does not read its pushes: the stream goes on without it for now."""
        self._stalled_since = asyncio.get_running_loop().time()
        if self.subscriber is not None:
            self._socket.stream.pause(self.subscriber)

    def resume_writing(self) -> None:
        """Reads again."""
        self._stalled_since = 0.0
        if self.subscriber is not None:
            self._socket.stream.resume(self.subscriber)

    def write(self, line: bytes) -> None:
        """Sends whole lines, unless the peer is gone."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(line)

    def drop(self, text: str) -> None:
        """Says why and closes."""
        self.write(orjson.dumps({"error": {"code": "dropped", "text": text}}) + b"\n")
        if self._transport is not None:
            self._transport.close()

    def beat(self, line: bytes, now: float) -> None:
        """The health push of this second; a peer that stopped reading is closed."""
        if self._stalled_since and now - self._stalled_since > STALL_SECONDS_MAX:
            if self._transport is not None:
                self._transport.abort()
        elif self.subscriber is not None and not self._stalled_since:
            self.write(line)

    def _line(self, line: bytes) -> None:
        ident: object = None
        try:
            call = orjson.loads(line)
            ident = call.get("id")
            method = self._socket.methods.get(call["method"])
            params = call.get("params") or {}
            if not isinstance(params, dict):
                raise TypeError("`params` must be an object")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self._answer_error(ident, Code.MALFORMED, f"not a call: {error}")
            return
        if method is None:
            self._answer_error(ident, "unknown_method", f"there is no method {call['method']!r}")
        elif len(self._tasks) >= CALLS_MAX + FIRST_CALLS_MORE * (call["method"] in FIRST):
            self._answer_error(ident, "busy", "too many calls at once on this connection")
        else:
            task = asyncio.create_task(self._call(ident, method, params))
            if call["method"] in FIRST:
                self._socket.turns.operator_waits()
                task.add_done_callback(lambda _: self._socket.turns.operator_served())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _call(self, ident: object, method: Method, params: Params) -> None:
        try:
            result = await method(self, params)
        except Sealed as error:
            self._answer_error(ident, Code.SEALED, str(error))
        except (HoldfastError, Refused) as error:
            self._answer_error(ident, error.args[0], error.args[1])
        except JournalError as error:
            self._answer_error(ident, error.code, error.text)
        except (KeyError, TypeError, ValueError) as error:
            self._answer_error(ident, Code.MALFORMED, f"{type(error).__name__}: {error}")
        else:
            self.write(orjson.dumps({"id": ident, "result": result}) + b"\n")

    def _answer_error(self, ident: object, code: str, text: str) -> None:
        self.write(orjson.dumps({"id": ident, "error": {"code": code, "text": text}}) + b"\n")


class OperatorSocket:
    """Listens on run/operator.sock."""

    def __init__(
        self,
        listening: ListeningSocket,
        stream: Stream,
        methods: dict[str, Method],
        health: Callable[[], dict[str, object]],
        turns: Turns,
        conditions: Conditions,
    ) -> None:
        self.stream = stream
        self.turns = turns
        self.methods = methods
        self.connections: set[OperatorConnection] = set()
        self._listening = listening
        self._health = health
        self._server: asyncio.Server | None = None
        self._removed = RemovedSockets(conditions, "operator", asyncio.get_running_loop().time)

    async def open(self) -> None:
        """Starts to accept."""
        self._server = await asyncio.get_running_loop().create_unix_server(
            lambda: OperatorConnection(self), sock=self._listening.socket
        )

    async def run(self) -> None:
        """Pushes the health every second until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(HEALTH_SECONDS)
            at = self._listening
            await self._removed.look(at.path, at.is_in_place, self._make_again)
            self._removed.tick()
            if self.connections:
                line = health_push(self._health())
                for connection in tuple(self.connections):
                    connection.beat(line, loop.time())

    async def _make_again(self) -> None:
        before, server = self._listening, self._server
        self._listening = ListeningSocket(before.path)
        if server is not None:
            server.close()
        before.close()
        await self.open()

    def close(self) -> None:
        """Stops listening and closes every connection after what is still to be said."""
        if self._server is not None:
            self._server.close()
        self._listening.close()
        for connection in tuple(self.connections):
            connection.drop("the guardian stops")
