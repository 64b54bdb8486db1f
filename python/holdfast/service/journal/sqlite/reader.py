"""Reads of the journal's file, over a connection of their own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from holdfast.service.journal.interface import READ_CHUNK, JournalError, Reader, Session, Snapshot
from holdfast.service.journal.sqlite.cells import blob, number
from holdfast.service.journal.sqlite.errors import unreadable
from holdfast.service.journal.sqlite.schema import connect

Row = tuple[Any, ...]


class SqliteReader(Reader):
    """Methods are as in `Reader`."""

    def __init__(self, path: Path) -> None:
        """Raises JournalError."""
        self._path = path
        self._db = connect(path, write=False)

    @contextmanager
    def steady(self) -> Iterator[None]:
        self._all("BEGIN")
        try:
            yield
        finally:
            self._all("COMMIT")

    def close(self) -> None:
        self._db.close()

    def size(self) -> int:
        (newest,) = self._all("SELECT max(seq) FROM event")[0]
        return 0 if newest is None else number(newest, "event") + 1

    def records(self, from_seq: int, count: int) -> list[bytes]:
        rows = self._all(
            "SELECT seq, data FROM event WHERE seq >= ? ORDER BY seq LIMIT ?", from_seq, count
        )
        for expected, (seq, data) in enumerate(rows, from_seq):
            if seq != expected:
                raise JournalError("journal_gap", f"the next event in the file is {seq}", expected)
            if not isinstance(data, bytes):
                raise JournalError("record_unreadable", "the row holds no bytes", seq)
        return [data for _, data in rows]

    def page(self, from_seq: int, count: int, bytes_max: int) -> list[bytes]:
        rows = self._all(
            "SELECT length(data) FROM event WHERE seq >= ? ORDER BY seq LIMIT ?", from_seq, count
        )
        fit = size = 0
        for (length,) in rows:
            size += number(length, "event")
            if fit and size > bytes_max:
                break
            fit += 1
        return self.records(from_seq, fit)

    def chunks(self, from_seq: int = 0) -> Iterator[tuple[int, list[bytes]]]:
        while records := self.records(from_seq, READ_CHUNK):
            yield from_seq, records
            from_seq += len(records)

    def about(self, request_id: str, from_seq: int, count: int) -> list[bytes]:
        rows = self._all(
            "SELECT data FROM event WHERE seq >= ? AND instr(data, ?) ORDER BY seq LIMIT ?",
            from_seq,
            f'"{request_id}"'.encode(),
            count,
        )
        return [blob(data, "event") for (data,) in rows]

    def policy_record(self, digest: str) -> bytes | None:
        rows = self._all(
            "SELECT data FROM event WHERE instr(data, ?) AND instr(data, ?)"
            " ORDER BY seq DESC LIMIT 1",
            b'"kind":"policy.loaded"',
            f'"digest":"{digest}"'.encode(),
        )
        return blob(rows[0][0], "event") if rows else None

    def checkpoints(self, from_size: int = 0) -> list[tuple[int, bytes]]:
        rows = self._all(
            "SELECT size, note FROM checkpoint WHERE size >= ? ORDER BY size", from_size
        )
        return [(number(size, "checkpoint"), blob(note, "checkpoint")) for size, note in rows]

    def sessions(self) -> list[Session]:
        if not self._has("session"):
            return []
        rows = self._all("SELECT from_size, public_key, note FROM session ORDER BY from_size")
        return [session_of_row(row) for row in rows]

    def proofs(self, from_size: int = 0) -> list[tuple[int, bytes]]:
        if not self._has("proof"):
            return []
        rows = self._all(
            "SELECT size, signature FROM proof WHERE size >= ? ORDER BY size", from_size
        )
        return [proof_of_row(row) for row in rows]

    def newest_proof(self) -> tuple[int, bytes] | None:
        if not self._has("proof"):
            return None
        rows = self._all("SELECT size, signature FROM proof ORDER BY size DESC LIMIT 1")
        return proof_of_row(rows[0]) if rows else None

    def outside(self, size: int) -> list[tuple[int, bytes]]:
        rows = self._all("SELECT seq, data FROM event WHERE seq >= ? OR seq < 0 ORDER BY seq", size)
        return [
            (number(seq, "event"), data if isinstance(data, bytes) else b"") for seq, data in rows
        ]

    def set_aside(self) -> int:
        if not self._has("set_aside"):
            return 0
        return int(self._all("SELECT count(*) FROM set_aside")[0][0])

    def pending_freeze(self) -> str | None:
        rows = self._all("SELECT value FROM meta WHERE key='freeze'")
        return str(rows[0][0]) if rows else None

    def snapshot_size(self) -> int:
        (newest,) = self._all("SELECT max(size) FROM snapshot")[0]
        return 0 if newest is None else number(newest, "snapshot")

    def snapshots(self) -> Iterator[Snapshot]:
        for (size,) in self._all("SELECT size FROM snapshot ORDER BY size DESC"):
            rows = self._all("SELECT root, sha256, data, note FROM snapshot WHERE size = ?", size)
            # The writer may have forgotten it since.
            for row in rows:
                yield Snapshot(number(size, "snapshot"), *(blob(part, "snapshot") for part in row))

    def _has(self, table: str) -> bool:
        return bool(self._all("SELECT 1 FROM sqlite_master WHERE type='table' AND name=?", table))

    def _all(self, statement: str, *values: int | str | bytes) -> list[Row]:
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise unreadable(self._path, error) from error


def session_of_row(row: Row) -> Session:
    """Of `(from_size, public_key, note)`. Raises JournalError (`session_bad`)."""
    size, key, note = row
    return Session(number(size, "session"), blob(key, "session"), blob(note, "session"))


def proof_of_row(row: Row) -> tuple[int, bytes]:
    """Of `(size, signature)`. Raises JournalError (`proof_bad`)."""
    size, signature = row
    return number(size, "proof"), blob(signature, "proof")
