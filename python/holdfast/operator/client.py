"""Asyncio client of operator.sock. Headless.

One connection that comes back by itself, and calls with deadlines.

Pushes are collected in order and handed over in batches by `drain()`; nothing here knows what
they mean.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from holdfast.codes import Code
from holdfast.protocol.pieces import joined, piece_of

Json = dict[str, Any]

CALL_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 3.0
BACKOFF_S = (0.2, 5.0)
READ_BYTES = 1 << 18
LINE_BYTES_MAX = 16 << 20
INBOX_MAX = 50_000
BACKLOG_REQUESTS = 200
BACKLOG_EVENTS = 500
# What a push carries beside its event.
BESIDE = ("summary", "requests")


class OperatorError(Exception):
    """The guardian refused: `code` from its closed list, `text` for people."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}" if text else code)
        self.code = code
        self.text = text


class NotConnectedError(Exception):
    """There is no connection, or it was lost before the answer came: the outcome is not known."""


class OperatorClient:
    """Keeps one subscription alive.

    `run()` is one task for the life of the client; calls may come from any task.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        backoff_s: tuple[float, float] = BACKOFF_S,
    ) -> None:
        self._path = path
        self._clock = clock
        self._backoff_s = backoff_s
        self._writer: asyncio.StreamWriter | None = None
        self._calls: dict[int, asyncio.Future[Any]] = {}
        self._ids = itertools.count(1)
        self._inbox: deque[Json] = deque()
        self._pieces: list[Json] = []
        self._room = asyncio.Event()
        self._ready = asyncio.Event()
        self.seq = -1
        self.hello: Json = {}
        self.connected = False
        self.error = ""
        self.attempts = 0

    # --- life -----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Connects, subscribes, reads; after a loss tries again with doubling pauses.

        Ends only by cancellation.
        """
        pause_s = self._backoff_s[0]
        while True:
            self.attempts += 1
            try:
                await self._session()
            except (OSError, TimeoutError, NotConnectedError, OperatorError) as error:
                self.error = _say(error)
            except orjson.JSONDecodeError as error:
                self.error = f"the guardian sent something that is not JSON: {error}"
            if self.attempts == 0:
                pause_s = self._backoff_s[0]
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, self._backoff_s[1])

    async def _session(self) -> None:
        """One connection from open to loss."""
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            reader, writer = await asyncio.open_unix_connection(str(self._path))
        self._writer = writer
        reading = asyncio.create_task(self._read(reader))
        try:
            opening = asyncio.create_task(self._open())
            await asyncio.wait({reading, opening}, return_when=asyncio.FIRST_COMPLETED)
            if not opening.done():
                opening.cancel()
                with suppress(asyncio.CancelledError):
                    await opening
            else:
                opening.result()
            await reading
        finally:
            self._lost()
            reading.cancel()
            with suppress(
                asyncio.CancelledError, OSError, NotConnectedError, orjson.JSONDecodeError
            ):
                await reading
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _open(self) -> None:
        """hello, then subscribe from the last seq seen.

        On the first connection also some history for the feed.
        """
        hello = await self.call("hello")
        if self.hello.get("guardian") not in (None, hello.get("guardian")):
            self.seq = -1
        self.hello = hello
        params: Json = {"backlog": BACKLOG_REQUESTS}
        if self.seq >= 0:
            params["from_seq"] = self.seq
        else:
            await self._backfill(int(hello.get("seq", -1)))
        self._pieces.clear()
        answer = joined(await self.call("subscribe", params), self._pieces)
        self._pieces.clear()
        seq = int(answer.get("seq", -1))
        if self.seq < 0:
            self.seq = seq
        self._inbox.append({"snapshot": answer.get("snapshot") or {}, "seq": seq})
        self.connected = True
        self.error = ""
        self.attempts = 0
        self._ready.set()

    async def _backfill(self, last: int) -> None:
        start = max(0, last - BACKLOG_EVENTS + 1)
        while start <= last:
            params = {"from_seq": start, "count": last - start + 1, "brief": True}
            events = (await self.call("events", params)).get("events") or []
            if not events:
                return
            self._inbox.extend({"past": record} for record in events)
            start += len(events)

    def _lost(self) -> None:
        self.connected = False
        self._writer = None
        self._ready.clear()
        calls, self._calls = self._calls, {}
        for call in calls.values():
            if not call.done():
                call.set_exception(
                    NotConnectedError("the connection was lost before an answer came")
                )
                call.exception()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        """Splits lines; a read brings many, so the cost of a wake-up is shared."""
        rest = b""
        while True:
            data = await reader.read(READ_BYTES)
            if not data:
                raise NotConnectedError("the guardian closed the connection")
            *lines, rest = (rest + data).split(b"\n")
            if len(rest) > LINE_BYTES_MAX:
                raise NotConnectedError("the guardian sent a line that is too long")
            for line in lines:
                if line:
                    self._take(orjson.loads(line))
            while len(self._inbox) > INBOX_MAX:
                self._room.clear()
                await self._room.wait()

    def _take(self, message: Json) -> None:
        if "id" in message:
            call = self._calls.pop(message["id"], None)
            if call is None or call.done():
                return
            error = message.get("error")
            if error:
                call.set_exception(OperatorError(str(error.get("code")), str(error.get("text"))))
            else:
                call.set_result(message.get("result"))
            return
        piece = piece_of(message)
        if piece is not None:
            self._pieces.append(piece)
            return
        event = message.get("event")
        if event is not None:
            self.seq = max(self.seq, int(event.get("seq", -1)))
            event |= {name: message[name] for name in BESIDE if name in message}
        self._inbox.append(message)

    def drain(self) -> list[Json]:
        """All pushes since the last call, in order.

        `{event}`, `{requests}`, `{health}`, `{snapshot, seq}` or `{past}`.
        """
        batch = list(self._inbox)
        self._inbox.clear()
        self._room.set()
        return batch

    async def wait_ready(self) -> None:
        """Returns when subscribed."""
        await self._ready.wait()

    # --- calls ----------------------------------------------------------------------------------

    async def call(
        self, method: str, params: Json | None = None, *, timeout_s: float = CALL_TIMEOUT_S
    ) -> Any:
        """One call. Raises OperatorError, NotConnectedError or TimeoutError (outcome unknown)."""
        writer = self._writer
        if writer is None:
            raise NotConnectedError("not connected to the guardian")
        ident = next(self._ids)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._calls[ident] = future
        try:
            writer.write(
                orjson.dumps({"id": ident, "method": method, "params": params or {}}) + b"\n"
            )
            async with asyncio.timeout(timeout_s):
                await writer.drain()
                return await future
        except TimeoutError:  # is an OSError too
            raise
        except OSError as error:
            raise NotConnectedError(f"the connection broke: {error}") from error
        finally:
            self._calls.pop(ident, None)

    async def request(self, ident: str) -> Json:
        """The whole view of one request, with history and limits."""
        return _object(await self.call("request", {"id": ident}))

    async def limits(self, agent: str | None = None) -> list[Json]:
        answer = await self.call("limits", {"agent": agent} if agent else {})
        rows = answer.get("limits") if isinstance(answer, dict) else answer
        return list(rows or [])

    async def policy(self, digest: str | None = None) -> Json:
        """The text of a policy by its digest, by default of the one in force."""
        return _object(await self.call("policy", {"digest": digest} if digest else {}))

    async def apply(self, kind: str, source: str, payload: str, signature: str) -> Json:
        """Puts a policy or configuration in force that one operator signed."""
        params = {"kind": kind, "source": source, "payload": payload, "signature": signature}
        return _object(await self.call("apply", params))

    async def command(self, payload: str, signature: str) -> Json:
        """Sends a signed operator command."""
        return _object(await self.call("command", {"payload": payload, "signature": signature}))

    async def freeze(self, scope: Json, reason: str, actor: str) -> Json:
        """Freezes a scope; the answer comes after it is on disk."""
        params = {"scope": scope, "reason": reason, "actor": actor}
        return _object(await self.call("freeze", params))


def _object(value: Any) -> Json:
    if not isinstance(value, dict):
        raise OperatorError(Code.MALFORMED, "the guardian's answer is not an object")
    return value


def _say(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "no guardian is running here"
    if isinstance(error, ConnectionRefusedError):
        return "the guardian does not answer"
    if isinstance(error, PermissionError):
        return "no permission to open the operator socket"
    if isinstance(error, TimeoutError):
        return "the guardian did not answer in time"
    return str(error) or type(error).__name__
