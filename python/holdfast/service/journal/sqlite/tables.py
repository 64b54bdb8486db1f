"""What is written to the journal's tables, each change whole or not at all."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable
from pathlib import Path

from holdfast._core import CommitKey
from holdfast.service.journal import high_water
from holdfast.service.journal.interface import Beginning, JournalError, Snapshot
from holdfast.service.journal.reserve import Reserve
from holdfast.service.journal.sqlite.errors import is_full
from holdfast.service.journal.sqlite.room import Room
from holdfast.service.journal.sqlite.schema import connect, upgrade, wal_of

# The mover moves the write-ahead log; a commit does so itself only when that one is far behind.
WAL_PAGES_MAX = 16_384
ROWS_PER_STATEMENT_MAX = 4096
SNAPSHOTS_KEPT = 2

# One row for each event; the last of a commit carries the proof. A view on this connection alone:
# one statement writes both tables, because the thread gives the interpreter up at every statement
# and takes a while to get it back under load.
ENTRY = """
CREATE TEMP VIEW entry(seq, data, signature) AS SELECT 0, x'', NULL;
CREATE TEMP TRIGGER entry_written INSTEAD OF INSERT ON entry BEGIN
  INSERT INTO event VALUES(NEW.seq, NEW.data);
  INSERT INTO proof SELECT NEW.seq + 1, NEW.signature WHERE NEW.signature IS NOT NULL;
END;
"""


class Tables:
    """The one connection that writes. Methods raise sqlite3.Error."""

    def __init__(self, path: Path, reserve: Reserve | None, room: Room) -> None:
        """Opens the file and brings it to this version's format.

        Raises JournalError and sqlite3.Error.
        """
        self._path = path
        self._room = room
        self._db = _opened(path, reserve)
        self._size = 0
        self._water: high_water.HighWater | None = None
        self._key: CommitKey | None = None
        self._files: list[tuple[int, int]] = []
        try:
            room.write(lambda: upgrade(self._db))
            self._db.execute("PRAGMA temp_store=MEMORY")
            self._db.executescript(ENTRY)
            self._db.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES_MAX}")
        except BaseException:
            self._db.close()
            raise

    @property
    def size(self) -> int:
        """The number of events that are on disk and proven."""
        return self._size

    @property
    def begun(self) -> bool:
        """Whether there is a key that proves commits."""
        return self._key is not None

    def close(self) -> None:
        """Closes the files."""
        if self._water is not None:
            self._water.close()
        self._db.close()

    def begin(self, beginning: Beginning) -> None:
        """As `Writer.begin`. Raises JournalError when the end of the journal is missing."""
        (rows,) = self._db.execute("SELECT coalesce(max(seq) + 1, 0) FROM event").fetchone()
        high_water.check(self._path, rows)
        self._room.write(lambda: self._transaction(lambda: self._begin(beginning)))
        self._size, self._key = beginning.session.from_size, beginning.key
        self._committed()
        self._files = _files(self._path)

    def _begin(self, beginning: Beginning) -> None:
        session, size, db = beginning.session, beginning.session.from_size, self._db
        outside = "FROM event WHERE seq >= ? OR seq < 0"
        moved = f"INSERT INTO set_aside SELECT ?, seq, CAST(data AS BLOB) {outside}"
        found = db.execute(moved, (beginning.at_ms, size)).rowcount
        db.execute(f"DELETE {outside}", (size,))
        db.execute("DELETE FROM snapshot WHERE size > ?", (size,))
        db.execute("INSERT OR REPLACE INTO checkpoint VALUES(?, ?)", (size, beginning.note))
        db.execute("DELETE FROM proof")
        db.execute("DELETE FROM session")
        row = (size, session.public_key, session.note)
        db.execute("INSERT INTO session VALUES(?, ?, ?)", row)
        freeze = beginning.freeze
        if freeze is None and found > 0:
            freeze = f"{found} events without a proof came up while the guardian started"
        if freeze is not None:
            db.execute("INSERT OR REPLACE INTO meta VALUES(?, ?)", ("freeze", freeze))

    def commit(self, records: list[bytes], size: int, root: bytes) -> None:
        """One transaction: the records, and their proof.

        The proof is of the log of `size` events under `root`, which is what it is after them.
        Raises JournalError (`journal_order`, `journal_moved`) and OSError, too.
        """
        if self._key is None or size != self._size + len(records):
            text = f"{len(records)} records do not lead from {self._size} events to {size}"
            raise JournalError("journal_order", text)
        proof = self._key.sign(size, root)
        if len(records) <= ROWS_PER_STATEMENT_MAX:
            self._room.write(lambda: self._insert(self._size, records, proof))
        else:
            self._room.write(lambda: self._transaction(lambda: self._insert_all(records, proof)))
        if _files(self._path) != self._files:
            # SQLite would go on in a file that no start finds again.
            text = f"{self._path} or its write-ahead log was moved or replaced while it was written"
            raise JournalError("journal_moved", text)
        self._size = size
        self._committed()

    def _committed(self) -> None:
        """Notes how many; a disk without room for the first number goes on without."""
        try:
            if self._water is None:
                self._water = high_water.HighWater(self._path)
            self._water.put(self._size)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise

    def _insert_all(self, records: list[bytes], proof: bytes) -> None:
        for first in range(0, len(records), ROWS_PER_STATEMENT_MAX):
            piece = records[first : first + ROWS_PER_STATEMENT_MAX]
            ends = first + len(piece) == len(records)
            self._insert(self._size + first, piece, proof if ends else None)

    def _insert(self, seq: int, records: list[bytes], proof: bytes | None) -> None:
        rows: list[int | bytes | None] = []
        for number, record in enumerate(records, seq):
            rows += (number, record)
        places = "(?,?,NULL)," * (len(records) - 1) + "(?,?,?)"
        rows.append(proof)
        self._db.execute("INSERT INTO entry VALUES " + places, rows)  # noqa: S608 only marks

    def add_checkpoint(self, size: int, note: bytes) -> None:
        """As `Writer.add_checkpoint`."""
        self._run_with_room("INSERT OR REPLACE INTO checkpoint VALUES(?, ?)", size, note)
        covered = "DELETE FROM proof WHERE size <= ? AND size < (SELECT max(size) FROM proof)"
        self._run_with_room(covered, size)

    def add_snapshot(self, snapshot: Snapshot) -> None:
        """As `Writer.add_snapshot`: the room of the reserve is for events."""
        row = (snapshot.size, snapshot.root, snapshot.sha256, snapshot.data, snapshot.note)
        try:
            self._db.execute("INSERT OR REPLACE INTO snapshot VALUES(?, ?, ?, ?, ?)", row)
        except sqlite3.Error as error:
            if not is_full(error):
                raise
            return
        self._db.execute(
            "DELETE FROM snapshot WHERE size NOT IN "
            "(SELECT size FROM snapshot ORDER BY size DESC LIMIT ?)",
            (SNAPSHOTS_KEPT,),
        )

    def forget_freeze(self) -> None:
        """As `Writer.forget_freeze`."""
        self._run_with_room("DELETE FROM meta WHERE key = ?", "freeze")

    def _run_with_room(self, statement: str, *values: int | bytes | str) -> None:
        self._room.write(lambda: self._db.execute(statement, values))

    def _transaction(self, write: Callable[[], object]) -> None:
        """All of it or, when it raises, nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            write()
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise


def _opened(path: Path, reserve: Reserve | None) -> sqlite3.Connection:
    """The journal opened for writing, in the room of the reserve where the disk is full.

    A guardian that was stopped must start again and say why it refuses. Raises JournalError.
    """
    try:
        return connect(path, write=True)
    except JournalError as error:
        if reserve is None or not error.full:
            raise
        reserve.give_up()
        return connect(path, write=True)


def _files(path: Path) -> list[tuple[int, int]]:
    """Which files the journal and its write-ahead log are, as (device, inode).

    Raises OSError when one is not there.
    """
    found = [each.stat() for each in (path, wal_of(path))]
    return [(each.st_dev, each.st_ino) for each in found]
