"""Tells people what happened.

Reads the durable event stream, writes messages to the outbox, delivers them with retries.

At least once: an event is marked as read in the same transaction that queues its messages, and a
message is marked delivered after the route took it. One thread reads events; each route has a
thread of its own, so that one that hangs keeps no other waiting.
"""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from holdfast._core import event_severity
from holdfast.service.alerts.outbox import RETRY_MAX_MS, Entry, Message, Outbox
from holdfast.service.alerts.routes import Route, Severity
from holdfast.service.alerts.send import send
from holdfast.service.alerts.text import CONDITION, KINDS, SUMMARY, Alert, describe, plain
from holdfast.service.journal.interface import JournalError, Reader
from holdfast.service.runtime.conditions import Condition
from holdfast.service.runtime.event import REQUEST_DECIDED, Record, kind_of, parse
from holdfast.service.runtime.logs import get_logger

BATCH = 500
GIVE_UP_AFTER_MS = 48 * 3_600_000
ROUTE_PAUSE_MAX_MS = 60_000
READ_EVERY_S = 0.1
IDLE_S = 60.0

CONDITION_CHARS_MAX = 400
SEVERITIES = {
    "warning": Severity.WARNING,
    "action": Severity.ACTION,
    "critical": Severity.CRITICAL,
}

log = get_logger()


def wall_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Alerts:
    """Delivers alerts for as long as it runs. Every public method may be called from any thread."""

    def __init__(
        self,
        routes: Sequence[Route],
        path: Path,
        events: Reader,
        *,
        retry_first_ms: int = 1_000,
        summarise: Callable[[str], Record | None] = lambda _: None,
    ) -> None:
        """`path` is outbox.sqlite; `events` is closed by `stop`.

        `retry_first_ms` is the pause after a first failure, doubled with each further one.
        `summarise` gives the guardian's summary of a request id; it is called from the thread that
        reads.
        """
        self._summarise = summarise
        self._routes = list(routes)
        self._outbox = Outbox(path)
        self._events = events
        self._retry_first_ms = retry_first_ms
        self._more = threading.Event()
        self._stopping = threading.Event()
        self._wake = {route.id: threading.Event() for route in self._routes}
        self._positions: dict[str, int] = {}
        self._urgent: dict[str, Alert] = {}
        self._conditions: deque[list[Entry]] = deque()
        self._error: str | None = None
        self._threads: list[threading.Thread] = []

    def start(self, size: int, began: int | None = None) -> None:
        """Begins to read.

        `size` is the number of durable events, where a route that is new starts to listen. `began`
        is how many this run of the guardian began with: a route that read further read events that
        were since set aside, and goes on there.
        """
        self._outbox.prune(wall_ms())
        found = self._outbox.positions(self._routes, size)
        self._positions = {
            route: seq if began is None else min(seq, began) for route, seq in found.items()
        }
        if self._routes:
            self._run("alerts-read", self._reader)
        for route in self._routes:
            self._run(f"alerts-{route.id}", self._deliverer, route)
        self._more.set()

    def stop(self, wait_s: float = 5.0) -> None:
        """Ends the threads; what is not delivered stays queued for the next start."""
        self._stopping.set()
        self._more.set()
        for event in self._wake.values():
            event.set()
        deadline = time.monotonic() + wait_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if not any(thread.is_alive() for thread in self._threads):
            try:
                # What ends the daemon is told by the next one at the latest.
                self._queue_conditions()
            except sqlite3.Error as error:
                log.warning("alerts_not_queued", error=plain(error))
            self._outbox.close()
            self._events.close()

    def more(self, _records: object = None) -> None:
        """There are new durable events. Cheap: it only wakes the reader."""
        self._more.set()

    def sealed(self, reason: str) -> None:
        """The journal failed, so there will be no event that says so.

        Does not need a disk that works.
        """
        text = f"Nothing is signed any more: {plain(reason)}"
        alert = Alert(Severity.CRITICAL, "Holdfast: sealed after a journal error", text)
        for route in self._routes:
            self._urgent[route.id] = alert
            self._wake[route.id].set()

    def condition(self, condition: Condition, since_ms: int, begins: bool) -> None:
        """Something is not well, or is so no more.

        The reader queues it: a full disk must not hold the caller up.
        """
        place = ":".join(str(part) for part in condition.place)
        key = f"condition:{place}:{since_ms}:{begins:d}"
        severity = SEVERITIES[condition.severity] if begins else Severity.INFO
        title = f"Holdfast: {'' if begins else 'over: '}{condition.code.replace('_', ' ')}"
        body = plain(condition.text, CONDITION_CHARS_MAX)
        if begins:
            body += f"\nNext: {plain(condition.step, CONDITION_CHARS_MAX)}"
        alert = Alert(severity, title, body)
        routes = [route for route in self._routes if route.takes(severity, CONDITION)]
        if routes:
            self._conditions.append([Entry(route, key, alert) for route in routes])
            self._more.set()

    def report(self) -> dict[str, Any]:
        """The answer of the operator method `alerts`."""
        return self._outbox.report()

    def health(self) -> dict[str, Any]:
        """`{pending, failed, last_error}` for the health push."""
        try:
            report = self._outbox.report()
        except sqlite3.Error as error:
            return {"pending": 0, "failed": 0, "last_error": f"outbox: {plain(error)}"}
        failed = report["failed"]
        last = self._error or (f"{failed[0]['route']}: {failed[0]['error']}" if failed else None)
        return {"pending": report["pending"], "failed": report["failed_count"], "last_error": last}

    def _run(self, name: str, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _reader(self) -> None:
        pause_s = READ_EVERY_S
        while not self._stopping.is_set():
            try:
                summary_ms = self._read_all()
                self._error, pause_s = None, READ_EVERY_S
            except (sqlite3.Error, OSError, ValueError, JournalError) as error:
                # The disk may be full: nothing was marked as read, so nothing is lost by trying
                # again.
                self._error = f"outbox: {plain(error)}"
                log.warning("alerts_not_queued", error=self._error)
                summary_ms, pause_s = None, min(pause_s * 2, 30.0)
                self._more.set()
            if self._stopping.wait(pause_s):
                return
            wait_s = IDLE_S if summary_ms is None else max(0.0, (summary_ms - wall_ms()) / 1_000)
            self._more.wait(min(wait_s, IDLE_S))

    def _read_all(self) -> int | None:
        """Queues everything new; gives when the next summary of a flood is due (ms)."""
        self._more.clear()
        self._queue_conditions()
        while not self._stopping.is_set():
            begin = min(self._positions.values())
            records = self._events.records(begin, BATCH)
            if not records:
                break
            self._queue(begin, records)
        summary_ms = self._outbox.unfold(wall_ms())
        for event in self._wake.values():
            event.set()
        return summary_ms

    def _queue_conditions(self) -> None:
        """The same key is queued once, so trying again after an error adds nothing twice."""
        while self._conditions:
            self._outbox.add(self._conditions[0], {}, wall_ms())
            self._conditions.popleft()

    def _queue(self, begin: int, records: Sequence[bytes]) -> None:
        entries: list[Entry] = []
        for seq, record in enumerate(records, begin):
            kind = kind_of(record).decode("ascii", "replace")
            if kind in KINDS:
                entries += self._entries(seq, kind, record)
        end = begin + len(records)
        positions = {route: max(seq, end) for route, seq in self._positions.items()}
        self._outbox.add(entries, positions, wall_ms())
        self._positions = positions
        for entry in entries:
            self._wake[entry.route.id].set()

    def _entries(self, seq: int, kind: str, record: bytes) -> list[Entry]:
        alert = self._alert(seq, kind, record)
        if alert is None:
            return []
        return [
            Entry(route, str(seq), alert)
            for route in self._routes
            if self._positions[route.id] <= seq and route.takes(alert.severity, kind)
        ]

    def _alert(self, seq: int, kind: str, record: bytes) -> Alert | None:
        try:
            severity = event_severity(record)
            if severity is None:
                return None
            event = parse(record)
            if kind_of(record) == REQUEST_DECIDED:
                event["data"][SUMMARY] = self._summarise(str(event["data"].get("id", "")))
            alert = describe(event, Severity[severity.upper()], self._decided)
            when = datetime.fromtimestamp(int(event["at"]) / 1_000, UTC)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            log.warning("alert_not_described", seq=seq, kind=kind, error=plain(error))
            text = f"Event {seq} ({plain(kind)}) could not be described; see the console."
            return Alert(Severity.CRITICAL, "Holdfast: an event of an unknown shape", text)
        stamp = f"{when:%Y-%m-%d %H:%M:%S} UTC, event {seq}"
        return Alert(alert.severity, alert.title, f"{alert.body}\n{stamp}")

    def _decided(self, request_id: str) -> Record | None:
        """The decision of a request: its id names the event (`r12` is event 12)."""
        number = request_id.removeprefix("r")
        if not (number.isascii() and number.isdigit()):
            return None
        for record in self._events.records(int(number), 1):
            if kind_of(record) == REQUEST_DECIDED:
                data: Record = parse(record)["data"]
                return {**data, SUMMARY: self._summarise(request_id)}
        return None

    def _deliverer(self, route: Route) -> None:
        failures = 0
        wake = self._wake[route.id]
        while not self._stopping.is_set():
            wake.clear()
            urgent = self._urgent.get(route.id)
            message = None if urgent else self._due(route)
            if urgent is None and message is None:
                wake.wait(self._idle_s(route))
                continue
            sent = self._send_urgent(route, urgent) if urgent else self._send(route, message)
            failures = 0 if sent else failures + 1
            if failures:
                pause_ms = self._pause_ms(failures, ROUTE_PAUSE_MAX_MS)
                self._stopping.wait(pause_ms / 1_000)

    def _due(self, route: Route) -> Message | None:
        try:
            return self._outbox.due(route.id, wall_ms())
        except sqlite3.Error as error:
            self._error = f"outbox: {plain(error)}"
            return None

    def _send_urgent(self, route: Route, alert: Alert) -> bool:
        error = send(route, alert.severity, alert.title, alert.body)
        if error is None:
            self._urgent.pop(route.id, None)
        else:
            self._error = f"{route.id}: {error}"
        return error is None

    def _send(self, route: Route, message: Message | None) -> bool:
        if message is None:
            return True
        error = send(route, message.severity, message.title, message.body)
        try:
            if error is None:
                self._outbox.delivered(message)
                return True
            now = wall_ms()
            retry = now + self._pause_ms(message.tries + 1, RETRY_MAX_MS)
            give_up = now - message.at_ms > GIVE_UP_AFTER_MS
            self._outbox.failed(message, error, None if give_up else retry)
            log.warning("alert_not_delivered", route=route.id, tries=message.tries + 1, error=error)
        except sqlite3.Error as problem:
            self._error = f"outbox: {plain(problem)}"
        return False

    def _pause_ms(self, failures: int, most_ms: int) -> int:
        pause = min(self._retry_first_ms << min(failures - 1, 20), most_ms)
        return int(pause * random.uniform(0.8, 1.2))  # noqa: S311

    def _idle_s(self, route: Route) -> float:
        try:
            due = self._outbox.next_due_ms(route.id)
        except sqlite3.Error:
            return 1.0
        return IDLE_S if due is None else max(0.01, min((due - wall_ms()) / 1_000, IDLE_S))
