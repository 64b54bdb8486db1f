"""The one stream of durable events, as operators see it.

From any number on, without gaps, and never held up by a reader.

A reader that keeps up gets each batch as it becomes durable. One that does not is served from the
journal when it reads again; one that falls too far behind, or stops reading, is dropped with words.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

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

Summarise = Callable[[str], bytes | None]
Write = Callable[[bytes], None]
Drop = Callable[[str], None]


def pushes(first: int, records: Iterable[bytes], summarise: Summarise) -> bytes:
    """The lines that carry these events, from number `first` on; of large ones their beginning.

    With a decision comes its `summary`, as the policy in force sees it, which no record holds.
    """
    lines = []
    for seq, record in enumerate(records, first):
        summary = summarise(f"r{seq}") if kind_of(record) == REQUEST_DECIDED else None
        more = b"" if summary is None else b',"summary":' + summary
        lines.append(b'{"event":' + pushed(record) + more + b"}\n")
    return b"".join(lines)


class Subscriber:
    """One reader of the stream. `next_seq` is the first event it has not been sent."""

    __slots__ = ("_drop", "_summarise", "_write", "catching_up", "next_seq", "paused")

    def __init__(self, next_seq: int, write: Write, drop: Drop, summarise: Summarise) -> None:
        self.next_seq = next_seq
        self.paused = False
        self.catching_up = False
        self._write = write
        self._drop = drop
        self._summarise = summarise

    def send(self, first: int, records: list[bytes], line: bytes) -> None:
        """Sends a batch (`line` is all of it) from `next_seq` on."""
        skip = self.next_seq - first
        if skip < len(records):
            if skip > 0:
                line = pushes(self.next_seq, records[skip:], self._summarise)
            self._write(line)
            self.next_seq = first + len(records)

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
        subscriber = Subscriber(next_seq, write, drop, self._core.guard.summary)
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
        records = [each.record for each in events]
        line = pushes(first, records, self._core.guard.summary)
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
                subscriber.send(first, records, line)

    def _remember(self, first: int, records: list[bytes]) -> None:
        for seq, record in enumerate(records, first):
            if kind_of(record) == REQUEST_DECIDED:
                self._decided.append(seq)

    def _catch_up_soon(self, subscriber: Subscriber) -> None:
        if not subscriber.catching_up:
            subscriber.catching_up = True
            self._loop.call_soon(self._catch_up, subscriber)

    def _catch_up(self, subscriber: Subscriber) -> None:
        """Sends one chunk from the journal.

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
        line = pushes(first, records, self._core.guard.summary)
        subscriber.send(first, records, line)
        self._catch_up_soon(subscriber)


def health_push(health: dict[str, object]) -> bytes:
    """The line that carries the health."""
    return orjson.dumps({"health": health}) + b"\n"
