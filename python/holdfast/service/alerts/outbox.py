"""The durable queue between events and phones, in `outbox.sqlite` in the home.

It is a file of its own so that the journal keeps its single writer and alerts can never slow it.
Losing it loses no evidence: messages are made from journalled events, and what was added and how
far the journal was read are one transaction.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.service.alerts.routes import Route, Severity
from holdfast.service.alerts.text import Alert

MINUTE_MS = 60_000
DELIVERED_KEPT_MS = 24 * 60 * MINUTE_MS
GIVEN_UP_KEPT_MS = 7 * DELIVERED_KEPT_MS
RETRY_MAX_MS = 10 * MINUTE_MS
FAILED_SHOWN_MAX = 50

WAITING, DELIVERED, GIVEN_UP = 0, 1, 2

_SCHEMA = """
CREATE TABLE IF NOT EXISTS cursor (
    route TEXT PRIMARY KEY,
    seq INTEGER NOT NULL            -- the next event to look at
) STRICT;
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY,
    route TEXT NOT NULL,
    key TEXT NOT NULL,              -- the event's seq, or a word for what is no event
    severity INTEGER NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    at_ms INTEGER NOT NULL,         -- when it was queued
    state INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    next_ms INTEGER NOT NULL,       -- not before
    error TEXT,
    UNIQUE (route, key)
) STRICT;
CREATE INDEX IF NOT EXISTS message_due ON message (route, state, severity DESC, id);
CREATE TABLE IF NOT EXISTS fold (    -- what came above a route's rate, until its minute is over
    route TEXT NOT NULL,
    severity INTEGER NOT NULL,
    began_ms INTEGER NOT NULL,
    count INTEGER NOT NULL,
    first TEXT NOT NULL,
    last TEXT NOT NULL,
    title TEXT NOT NULL,            -- of the newest
    PRIMARY KEY (route, severity)
) STRICT;
"""


@dataclass(frozen=True)
class Entry:
    """An alert addressed to one route. The same `key` is queued once for a route."""

    route: Route
    key: str
    alert: Alert


@dataclass(frozen=True)
class Message:
    """One queued message."""

    id: int
    severity: Severity
    title: str
    body: str
    at_ms: int
    tries: int


class Outbox:
    """Safe to use from several threads. Methods raise sqlite3.Error when the disk refuses."""

    def __init__(self, path: Path) -> None:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=5)
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.executescript(_SCHEMA)
        # Reports come from the daemon's loop, which must not wait for a writer; in WAL mode no
        # reader does.
        self._reports = sqlite3.connect(
            path, check_same_thread=False, isolation_level=None, timeout=0
        )
        self._reports.execute("PRAGMA query_only=1")

    def close(self) -> None:
        """Closes the file; nothing may be called afterwards."""
        self._reports.close()
        with self._lock:
            self._db.close()

    def positions(self, routes: Iterable[Route], newest: int) -> dict[str, int]:
        """The next event each route has to look at; a new route begins at `newest`.

        Forgets routes that are gone.
        """
        ids = [route.id for route in routes]
        marks = ",".join("?" * len(ids))
        with self._transaction() as db:
            for table in ("cursor", "message", "fold"):
                # The names are these three; the ids are bound.
                db.execute(f"DELETE FROM {table} WHERE route NOT IN ({marks})", ids)  # noqa: S608
            db.executemany("INSERT OR IGNORE INTO cursor VALUES (?, ?)", [(i, newest) for i in ids])
            return dict(db.execute("SELECT route, seq FROM cursor"))

    def add(self, entries: Iterable[Entry], positions: dict[str, int], now_ms: int) -> None:
        """Queues `entries` and notes how far each route has read, both or neither."""
        with self._transaction() as db:
            for entry in entries:
                self._add(db, entry, now_ms)
            rows = [(seq, route) for route, seq in positions.items()]
            db.executemany("UPDATE cursor SET seq = ? WHERE route = ?", rows)

    def unfold(self, now_ms: int) -> int | None:
        """Queues the summary of every minute that is over.

        Gives when the next one is (ms), None if none runs.
        """
        with self._transaction() as db:
            began = now_ms - MINUTE_MS
            # A minute that begins in the future was begun by a clock that was wrong.
            where = "WHERE began_ms <= ? OR began_ms > ?"
            for row in db.execute(f"SELECT * FROM fold {where}", (began, now_ms)).fetchall():  # noqa: S608
                self._summary(db, row, now_ms)
            db.execute(f"DELETE FROM fold {where}", (began, now_ms))  # noqa: S608
            oldest = db.execute("SELECT min(began_ms) FROM fold").fetchone()[0]
        return None if oldest is None else int(oldest) + MINUTE_MS

    def due(self, route_id: str, now_ms: int) -> Message | None:
        """What to send next: of those whose time has come the gravest, then the oldest."""
        row = self._one(
            "SELECT id, severity, title, body, at_ms, tries FROM message "
            "WHERE route = ? AND state = 0 AND (next_ms <= ? OR next_ms > ?) "
            "ORDER BY severity DESC, id LIMIT 1",
            (route_id, now_ms, now_ms + 2 * RETRY_MAX_MS),
        )
        return Message(row[0], Severity(row[1]), *row[2:]) if row else None

    def next_due_ms(self, route_id: str) -> int | None:
        """When `due` next has something, or None while nothing waits."""
        row = self._one(
            "SELECT min(next_ms) FROM message WHERE route = ? AND state = 0", (route_id,)
        )
        return None if row is None or row[0] is None else int(row[0])

    def delivered(self, message: Message) -> None:
        """The route took it."""
        with self._transaction() as db:
            db.execute(
                "UPDATE message SET state = 1, error = NULL, tries = tries + 1 WHERE id = ?",
                (message.id,),
            )

    def failed(self, message: Message, error: str, retry_at_ms: int | None) -> None:
        """The route did not take it; None gives it up."""
        state = GIVEN_UP if retry_at_ms is None else WAITING
        with self._transaction() as db:
            db.execute(
                "UPDATE message SET state = ?, error = ?, tries = tries + 1, next_ms = ? "
                "WHERE id = ?",
                (state, error, retry_at_ms or 0, message.id),
            )

    def prune(self, now_ms: int) -> None:
        """Forgets what was delivered a day ago and what was given up a week ago."""
        with self._transaction() as db:
            db.execute(
                "DELETE FROM message WHERE (state = 1 AND at_ms < ?) OR (state = 2 AND at_ms < ?)",
                (now_ms - DELIVERED_KEPT_MS, now_ms - GIVEN_UP_KEPT_MS),
            )

    def report(self) -> dict[str, Any]:
        """`{pending, failed: [{route, text, at, error, tries}], failed_count}`.

        Failed: not delivered though tried, the newest of them.
        """
        db = self._reports
        pending = db.execute("SELECT count(*) FROM message WHERE state = 0").fetchone()[0]
        failed = "FROM message WHERE state != 1 AND error IS NOT NULL"
        rows = db.execute(
            f"SELECT route, title, at_ms, error, tries {failed} ORDER BY id DESC LIMIT ?",
            (FAILED_SHOWN_MAX,),
        ).fetchall()
        count = db.execute(f"SELECT count(*) {failed}").fetchone()[0]
        names = ("route", "text", "at", "error", "tries")
        return {
            "pending": pending,
            "failed": [dict(zip(names, row, strict=True)) for row in rows],
            "failed_count": count,
        }

    def _add(self, db: sqlite3.Connection, entry: Entry, now_ms: int) -> None:
        route, alert = entry.route, entry.alert
        recent = db.execute(
            "SELECT count(*) FROM message "
            "WHERE route = ? AND severity = ? AND at_ms BETWEEN ? AND ?",
            (route.id, alert.severity, now_ms - MINUTE_MS, now_ms),
        ).fetchone()[0]
        if recent >= route.per_minute:
            db.execute(
                "INSERT INTO fold VALUES (?, ?, ?, 1, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "count = count + 1, last = excluded.last, title = excluded.title",
                (route.id, alert.severity, now_ms, entry.key, entry.key, alert.title),
            )
            return
        self._queue(db, (route.id, entry.key, alert.severity, alert.title, alert.body), now_ms)

    def _summary(self, db: sqlite3.Connection, row: tuple[Any, ...], now_ms: int) -> None:
        route, severity, _, count, first, last, title = row
        words = Severity(severity).word
        body = (
            f"{count} {words} alerts within a minute, events {first} to {last}; the newest: {title}"
        )
        key = f"fold:{severity}:{first}"
        self._queue(db, (route, key, severity, f"Holdfast: {count} more alerts", body), now_ms)

    def _queue(self, db: sqlite3.Connection, values: tuple[Any, ...], now_ms: int) -> None:
        db.execute(
            "INSERT OR IGNORE INTO message (route, key, severity, title, body, at_ms, next_ms) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*values, now_ms, now_ms),
        )

    def _one(self, sql: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
        with self._lock:
            row: tuple[Any, ...] | None = self._db.execute(sql, values).fetchone()
        return row

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
