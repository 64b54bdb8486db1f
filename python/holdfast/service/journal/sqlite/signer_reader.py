"""What the signer reads of the journal's file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from holdfast.service.journal.interface import (
    RECORD_BYTES_MAX,
    JournalError,
    Session,
    SignerReader,
)
from holdfast.service.journal.sqlite.cells import blob
from holdfast.service.journal.sqlite.errors import unreadable
from holdfast.service.journal.sqlite.reader import proof_of_row, session_of_row

BUSY_SECONDS = 5


class SqliteSignerReader(SignerReader):
    """Methods are as in `SignerReader`."""

    def __init__(self, path: Path) -> None:
        """Opens the file read-only. Raises JournalError."""
        self._path = path
        try:
            self._db = sqlite3.connect(
                f"file:{quote(str(path))}?mode=ro",
                uri=True,
                isolation_level=None,
                timeout=BUSY_SECONDS,
            )
            self._db.execute("PRAGMA query_only = 1")
        except sqlite3.Error as error:
            raise unreadable(path, error) from error

    def record(self, seq: int) -> bytes | None:
        rows = self._all("SELECT data FROM event WHERE seq = ?", seq)
        if not rows:
            return None
        (data,) = rows[0]
        if not _may_be_event(data):
            raise JournalError("record_unreadable", "the row cannot be an event", seq)
        return bytes(data)

    def commits(self, from_size: int, ends: Sequence[int]) -> Iterator[list[bytes]]:
        try:
            rows = self._db.execute(
                "SELECT seq, data FROM event WHERE seq >= ? AND seq < ? ORDER BY seq",
                (from_size, ends[-1]),
            )
            for end in ends:
                yield _commit(rows.fetchmany(end - from_size), from_size, end)
                from_size = end
        except sqlite3.Error as error:
            raise unreadable(self._path, error) from error

    def proofs_after(self, size: int) -> list[tuple[int, bytes]]:
        rows = self._all("SELECT size, signature FROM proof WHERE size > ? ORDER BY size", size)
        return [proof_of_row(row) for row in rows]

    def checkpoint(self, size: int) -> bytes | None:
        rows = self._all("SELECT note FROM checkpoint WHERE size = ?", size)
        return blob(rows[0][0], "checkpoint") if rows else None

    def newest_session(self) -> Session | None:
        rows = self._all(
            "SELECT from_size, public_key, note FROM session ORDER BY from_size DESC LIMIT 1"
        )
        return session_of_row(rows[0]) if rows else None

    def close(self) -> None:
        self._db.close()

    def _all(self, statement: str, *values: int) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise unreadable(self._path, error) from error


def _commit(rows: list[tuple[Any, ...]], first: int, end: int) -> list[bytes]:
    if [seq for seq, _ in rows] != list(range(first, end)):
        text = f"events from {first} to {end - 1} are not all in the journal"
        raise JournalError("journal_gap", text)
    records = [data for _, data in rows]
    if not all(map(_may_be_event, records)):
        text = f"the events from {first} to {end - 1} cannot be events"
        raise JournalError("record_unreadable", text)
    return records


def _may_be_event(data: object) -> bool:
    return isinstance(data, bytes) and len(data) <= RECORD_BYTES_MAX
