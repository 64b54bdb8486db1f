"""One agent's connection: frames in, answers out, and limits that keep it from hurting others."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

from holdfast._core import Call, Framer, MalformedError, parse_frame, response_error
from holdfast.service.agents.agent import Agent
from holdfast.service.agents.budgets import AgentBudget
from holdfast.service.agents.errors import INVALID_REQUEST, PARSE_ERROR
from holdfast.service.agents.reply import Batch, Out, Reply
from holdfast.service.agents.rpc_call import AnyCall
from holdfast.service.agents.settings import GateConfig
from holdfast.service.runtime.turns import Turns
from holdfast.service.runtime.unix_socket import Peer, peer_of

# Calls under way may still add their answers to a full buffer, but not without end.
UNREAD_FACTOR = 4
# Calls and bytes that wait for their turn before no more is read.
BACKLOG_CALLS_MAX = 64
BACKLOG_BYTES_MAX = 64 * 1024
# Splitting a piece of this size into calls takes time that counts.
LARGE_BYTES = 16 * 1024


class ListenerHandle(Protocol):
    """The side of the gate a connection belongs to."""

    agent: Agent
    config: GateConfig
    turns: Turns

    @property
    def budget(self) -> AgentBudget:
        """The agent's budgets."""

    def admit(self, connection: AgentConnection, peer: Peer) -> bool:
        """Whether the peer may stay."""

    def left(self, connection: AgentConnection) -> None:
        """The connection is closed."""

    def abandon(self, out: Out) -> None:
        """The peer will not read what it waits for."""

    def handle(self, agent: Agent, call: AnyCall, reply: Reply) -> None:
        """Carries one call out."""


class Part:
    """One call of a batch."""

    __slots__ = ("batch", "call")

    def __init__(self, batch: Batch, call: Call) -> None:
        self.batch = batch
        self.call = call


class AgentConnection(asyncio.Protocol):
    """Protocol of one connection. Answers may leave in another order than the calls came."""

    __slots__ = (
        "_backlog",
        "_backlog_bytes",
        "_faulty",
        "_framer",
        "_half_since",
        "_in_flight",
        "_listener",
        "_queued",
        "_stalled_since",
        "_time",
        "_transport",
        "_unread_max",
        "gone",
    )

    def __init__(self, listener: ListenerHandle, time: Callable[[], float]) -> None:
        self._listener = listener
        self._time = time
        self._framer = Framer(listener.config.frame_bytes_max)
        self._backlog: deque[Call | Part | tuple[Call, ...]] = deque()
        self._backlog_bytes = 0
        self._in_flight = 0
        self._faulty = False
        self._queued = False
        self._half_since = 0.0
        self._stalled_since = 0.0
        self._transport: asyncio.Transport | None = None
        self._unread_max = UNREAD_FACTOR * listener.config.write_buffer_bytes_max
        self.gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks the kernel who this is, and the listener whether it may stay."""
        self._transport = cast("asyncio.Transport", transport)
        peer = peer_of(transport.get_extra_info("socket"))
        if not self._listener.admit(self, peer):
            self.gone = True
            self._transport.abort()
            return
        self._transport.set_write_buffer_limits(high=self._listener.config.write_buffer_bytes_max)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Calls under way go on; their outcome waits for the agent's retry."""
        self._is_gone()
        self._backlog.clear()
        self._transport = None
        self._listener.left(self)

    def eof_received(self) -> bool:
        """The peer writes no more.

        Answers under way still go out, but no reader is known to read them.
        """
        self._is_gone()
        return self._in_flight > 0 or bool(self._backlog)

    def data_received(self, data: bytes) -> None:
        """Splits the stream into calls, which wait for their turn."""
        if self._faulty:
            return
        begun = self._time()
        frames: list[bytes] = []
        fault = None
        try:
            frames = self._framer.feed(data)
            if frames:
                # A fault behind good frames comes with the next feed.
                self._framer.feed(b"")
        except MalformedError as error:
            fault = error
        for frame in frames:
            is_batch, calls = parse_frame(frame)
            if is_batch:
                self._backlog.append(tuple(calls))
            else:
                self._backlog.append(calls[0])
        if frames:
            self._backlog_bytes += len(data)
            self._want()
        if fault is not None:
            self._refuse(fault)
        if len(data) > LARGE_BYTES:
            now = self._time()
            self._listener.budget.share.charge(now - begun, now)
        if fault is not None or not self._framer.pending:
            self._half_since = 0.0
        elif frames or not self._half_since:
            self._half_since = self._time()

    def pause_writing(self) -> None:
        """The peer does not read its answers: take no more calls from it."""
        self._stalled_since = self._time()
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._stalled_since = 0.0
        self._want()

    def answered(self, line: bytes | None) -> None:
        """A call is finished; `line` is its answer."""
        self._in_flight -= 1
        transport = self._transport
        if transport is None:
            return
        if line is not None:
            transport.write(line)
            if self._stalled_since and transport.get_write_buffer_size() > self._unread_max:
                self.drop()
                return
        if self._backlog:
            self._want()
        elif (self.gone or self._faulty) and not self._in_flight:
            transport.close()

    @property
    def connection(self) -> Out:
        """Itself."""
        return self

    def when_left(self, told: Callable[[bool], None]) -> None:
        """Its lines are written as they come."""
        told(not self.gone)

    def push(self, line: bytes) -> None:
        """Sends a line that answers no call, unless the peer does not read."""
        if self._transport is not None and not self.gone and not self._stalled_since:
            self._transport.write(line)

    def sweep(self, now: float) -> None:
        """Drops a peer that keeps half a frame open, or its answers unread, for too long."""
        limit = self._listener.config.half_frame_ms_max / 1000
        for since in (self._half_since, self._stalled_since):
            if since and now - since > limit:
                self.drop()
                return

    def drop(self) -> None:
        """Closes at once, without waiting for unread answers."""
        if self._transport is not None:
            self._transport.abort()

    def _is_gone(self) -> None:
        if not self.gone:
            self.gone = True
            if self._in_flight:
                self._listener.abandon(self)

    def _want(self) -> None:
        """Asks for a turn, unless the connection has one to come; reads on, or not for now."""
        transport = self._transport
        if self._backlog and not self._queued and self._may_begin():
            self._queued = True
            door = self._listener
            door.turns.want(door.agent.id, door.budget, self)
        if transport is None or transport.is_closing() or self.gone:
            return
        full = (
            len(self._backlog) > BACKLOG_CALLS_MAX
            or self._backlog_bytes > BACKLOG_BYTES_MAX
            or self._stalled_since
        )
        if full:
            transport.pause_reading()
        elif not self._backlog and not transport.is_reading():
            transport.resume_reading()

    def _may_begin(self) -> bool:
        """Whether the first call may: a batch counts as one, so its parts go on."""
        if self._stalled_since:
            return False
        begun = isinstance(self._backlog[0], Part)
        return begun or self._in_flight < self._listener.config.in_flight_max

    def serve(self) -> bool:
        """Carries one call out; whether there are more that may begin."""
        if self._backlog and self._may_begin():
            item = self._backlog.popleft()
            if isinstance(item, tuple):
                self._in_flight += 1
                self._batch(item)
            elif isinstance(item, Part):
                reply = Reply(item.batch, item.call.id_json)
                self._listener.handle(self._listener.agent, item.call, reply)
            else:
                self._in_flight += 1
                self._listener.handle(self._listener.agent, item, Reply(self, item.id_json))
            if self.gone and self._in_flight:
                # It wrote its last and hung up before this call had its turn.
                self._listener.abandon(self)
        if self._backlog and self._may_begin():
            return True
        self._queued = False
        if not self._backlog:
            self._backlog_bytes = 0
        self._want()
        return False

    def _batch(self, calls: tuple[Call, ...]) -> None:
        if not calls or len(calls) > self._listener.config.batch_max:
            limit = self._listener.config.batch_max
            text = f"a batch holds 1 to {limit} calls"
            self.answered(response_error(b"null", INVALID_REQUEST, text))
            return
        batch = Batch(self, len(calls))
        self._backlog.extendleft(Part(batch, call) for call in reversed(calls))

    def _refuse(self, error: MalformedError) -> None:
        """What cannot be split into frames ends the connection.

        With words, once the calls before it have their answers.
        """
        self._faulty = True
        if self._transport is None:
            return
        code = PARSE_ERROR if error.args[0] == "frame_garbage" else INVALID_REQUEST
        self._transport.write(response_error(b"null", code, error.args[1]))
        if not self._backlog and not self._in_flight:
            self._transport.close()
