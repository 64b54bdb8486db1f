"""The one stream of durable events, as operators see it.

From any number on, without gaps, and never held up by a reader.

A reader that keeps up gets each batch as it becomes durable, and with each event the state that it
led to. One that does not keep up is served from the journal when it reads again: the state of then
is known no more, so the requests of a chunk follow it, each as it is now. One that falls too far
behind, or stops reading, is dropped with words.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import orjson

from holdfast._core import Event
from holdfast.service.guardian.core import Core
from holdfast.service.journal.interface import Reader
from holdfast.service.operator_api.brief import pushed
from holdfast.service.runtime.event import REQUEST_DECIDED, kind_of

CATCH_UP_RECORDS = 500
CATCH_UP_BYTES = 1 << 20
LAG_EVENTS_MAX = 200_000
RECENT_MAX = 2_000
NO_ROWS = b"[]"

Write = Callable[[bytes], None]
Drop = Callable[[str], None]


def push(
    record: bytes, severity: str | None, requests: bytes | None, summary: bytes | None
) -> bytes:
    """The line that carries an event; of a large one its beginning."""
    line = b'{"event":' + pushed(record)
    if severity is not None:
        line += b',"severity":"%b"' % severity.encode()
    if requests is not None:
        line += b',"requests":' + requests
    if summary is not None:
        line += b',"summary":' + summary
    return line + b"}\n"


class Subscriber:
    """One reader of the stream. `next_seq` is the first event it has not been sent."""

    __slots__ = ("_drop", "catching_up", "next_seq", "paused", "write")

    def __init__(self, next_seq: int, write: Write, drop: Drop) -> None:
        self.next_seq = next_seq
        self.paused = False
        self.catching_up = False
        self.write = write
        self._drop = drop

    def send(self, first: int, lines: list[bytes], whole: bytes) -> None:
        """Sends a batch (`whole` is all of its lines) from `next_seq` on."""
        skip = self.next_seq - first
        if skip < len(lines):
            self.write(b"".join(lines[skip:]) if skip > 0 else whole)
            self.next_seq = first + len(lines)

    def drop(self, text: str) -> None:
        """Ends the subscription and says why."""
        self._drop(text)


class Stream:
    """Hands durable events to all readers."""

    def __init__(self, core: Core, reader: Reader) -> None:
        self._core = core
        self._reader = reader
        self._loop = asyncio.get_running_loop()
        self._subscribers: set[Subscriber] = set()
        self._decided: deque[int] = deque(maxlen=RECENT_MAX)
        first = max(0, core.durable_size - RECENT_MAX)
        self._remember(first, reader.records(first, RECENT_MAX))
        core.listen(self._durable)

    def recent_requests(self, count: int) -> list[str]:
        """Ids of the newest `count` requests that are on disk, oldest first."""
        return [f"r{seq}" for seq in list(self._decided)[-count:]] if count > 0 else []

    def subscribe(self, next_seq: int, write: Write, drop: Drop) -> Subscriber:
        """Sends every event from `next_seq` on through `write`.

        It begins in the next turn of the loop.
        """
        subscriber = Subscriber(next_seq, write, drop)
        self._subscribers.add(subscriber)
        self._catch_up_soon(subscriber)
        return subscriber

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Ends it."""
        self._subscribers.discard(subscriber)

    def pause(self, subscriber: Subscriber) -> None:
        """The reader's buffer is full."""
        subscriber.paused = True

    def resume(self, subscriber: Subscriber) -> None:
        """The reader reads again."""
        subscriber.paused = False
        self._catch_up_soon(subscriber)

    def _durable(self, events: list[Event]) -> None:
        first = self._core.durable_size - len(events)
        self._decided.extend(each.seq for each in events if each.kind == "request.decided")
        if not self._subscribers:
            return
        lines = [self._push(event) for event in events]
        whole = b"".join(lines)
        for subscriber in tuple(self._subscribers):
            if subscriber.paused or subscriber.next_seq < first:
                if self._core.durable_size - subscriber.next_seq > LAG_EVENTS_MAX:
                    self.unsubscribe(subscriber)
                    subscriber.drop(
                        "too far behind: connect again and subscribe from the last event seen"
                    )
                elif not subscriber.paused:
                    self._catch_up_soon(subscriber)
            else:
                subscriber.send(first, lines, whole)

    def _push(self, event: Event) -> bytes:
        """With what the event led to, as the core noted it when it made the event."""
        summary = self._summary(event.seq) if event.kind == "request.decided" else None
        return push(event.record, event.severity, event.requests_after, summary)

    def _summary(self, seq: int) -> bytes | None:
        """Of a decision, as the policy in force sees it: no record holds it."""
        return self._core.guard.summary(f"r{seq}")

    def _remember(self, first: int, records: list[bytes]) -> None:
        for seq, record in enumerate(records, first):
            if kind_of(record) == REQUEST_DECIDED:
                self._decided.append(seq)

    def _catch_up_soon(self, subscriber: Subscriber) -> None:
        if not subscriber.catching_up:
            subscriber.catching_up = True
            self._loop.call_soon(self._catch_up, subscriber)

    def _catch_up(self, subscriber: Subscriber) -> None:
        """Makes one chunk from the journal, to be sent when the state it shows is on disk.

        The rest in later turns of the loop, so others are served between.
        """
        subscriber.catching_up = False
        if subscriber not in self._subscribers or subscriber.paused:
            return
        behind = self._core.durable_size - subscriber.next_seq
        if behind <= 0:
            return
        first, count = subscriber.next_seq, min(behind, CATCH_UP_RECORDS)
        records = self._reader.page(first, count, CATCH_UP_BYTES)
        severities, requests = self._core.guard.catch_up(records)
        lines = [
            push(record, severity, None, self._summary_of(seq, record))
            for seq, (record, severity) in enumerate(zip(records, severities, strict=True), first)
        ]
        states = b"" if requests == NO_ROWS else b'{"requests":%b}\n' % requests
        shown = self._core.guard.size
        subscriber.catching_up = True

        def send(_durable: bool) -> None:
            subscriber.catching_up = False
            if subscriber in self._subscribers:
                subscriber.next_seq = first + len(lines)
                # Sealed, the state may be of events that are on no disk.
                known = states if self._core.durable_size >= shown else b""
                subscriber.write(b"".join(lines) + known)
                self._catch_up_soon(subscriber)

        self._core.after_durable(send)

    def _summary_of(self, seq: int, record: bytes) -> bytes | None:
        return self._summary(seq) if kind_of(record) == REQUEST_DECIDED else None


def health_push(health: dict[str, object]) -> bytes:
    """The line that carries the health."""
    return orjson.dumps({"health": health}) + b"\n"
