"""The journal's one writer: records in, durable sizes out.

Everything that queued up while one transaction was being synced goes into the next (group commit),
so one fsync
serves many requests. Each transaction is a single multi-row statement, because the writer gives the
interpreter up
at every statement and takes a while to get it back under load. The first error ends all writing for
good: what
follows a failed write or fsync cannot be trusted, and the guardian comes back only by replay.
"""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from holdfast.service.journal_file import (
    JournalError,
    JournalReader,
    Snapshot,
    connect,
    create,
    sync_folder,
)
from holdfast.service.reserve import Reserve, is_full

__all__ = ["Journal", "JournalError", "JournalReader", "Snapshot", "create"]

CHECKPOINT_EVERY_BYTES = 4 * 1024 * 1024
# The writer moves the write-ahead log itself only when the thread for it is far behind.
WAL_PAGES_MAX = 16_384
RECORDS_PER_COMMIT_MAX = 4096
BYTES_PER_COMMIT_MAX = 16 * 1024 * 1024
SNAPSHOTS_KEPT = 2

Job = Callable[[sqlite3.Connection], None]
OnDurable = Callable[[int], None]
OnFailure = Callable[[Exception], None]


class Journal:
    """Appends records in order from a thread of its own. Callbacks come on that thread: hand them
    on to the loop.
    """

    def __init__(self, path: Path, reserve: Reserve | None = None) -> None:
        """Opens the journal for writing; `reserve` is given up when the disk is full. Raises
        JournalError when it is none.
        """
        self.path = path
        self._reserve = reserve
        self._db = connect(path, write=True)
        sync_folder(path.parent)
        self.reader = JournalReader(path)
        self._size = self.reader.size()
        self._wake = threading.Condition()
        self._queue: deque[bytes | Job | None] = deque()
        self._thread: threading.Thread | None = None
        self._db.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES_MAX}")
        self._mover = _Mover(path, reserve)
        self._unmoved = 0

    def start(self, on_durable: OnDurable, on_failure: OnFailure) -> None:
        """Starts the writer. `on_durable(size)`: events below `size` are on disk.
        `on_failure(error)`: once, the end.
        """
        self._thread = threading.Thread(
            target=self._run, args=(on_durable, on_failure), name="journal", daemon=True
        )
        self._thread.start()
        self._mover.start(on_failure)

    def append(self, records: list[bytes]) -> None:
        """Queues records, whose sequence numbers follow those queued before. Never blocks."""
        with self._wake:
            self._queue.extend(records)
            self._wake.notify()

    def add_checkpoint(self, size: int, note: bytes) -> None:
        """Stores the signed note of the log's first `size` events, after them."""
        statement = "INSERT OR REPLACE INTO checkpoint VALUES(?, ?)"
        self._put(lambda db: self._with_room(lambda: _run_one(db, statement, (size, note))))

    def add_snapshot(self, snapshot: Snapshot) -> None:
        """Stores a state and forgets all but the newest two."""
        row = (snapshot.size, snapshot.root, snapshot.sha256, snapshot.data, snapshot.note)

        def job(db: sqlite3.Connection) -> None:
            try:
                _run_one(db, "INSERT OR REPLACE INTO snapshot VALUES(?, ?, ?, ?, ?)", row)
            except sqlite3.Error as error:
                if not is_full(error):
                    raise
                # A stored state only makes the next start faster: the room is for events.
                return
            _run_one(
                db,
                "DELETE FROM snapshot WHERE size NOT IN "
                "(SELECT size FROM snapshot ORDER BY size DESC LIMIT ?)",
                (SNAPSHOTS_KEPT,),
            )

        self._put(job)

    def close(self) -> None:
        """Writes what is queued, ends the writer and closes the file."""
        if self._thread is not None:
            self._put(None)
            self._thread.join()
            self._thread = None
        self._mover.close()
        self.reader.close()
        self._db.close()

    def _put(self, item: Job | None) -> None:
        with self._wake:
            self._queue.append(item)
            self._wake.notify()

    def _run(self, on_durable: OnDurable, on_failure: OnFailure) -> None:
        try:
            while True:
                records, job, ends = self._take()
                if records:
                    self._commit(records)
                    on_durable(self._size)
                if job is not None:
                    job(self._db)
                if ends:
                    return
        except (sqlite3.Error, OSError, MemoryError, OverflowError) as error:
            on_failure(error)

    def _take(self) -> tuple[list[bytes], Job | None, bool]:
        """Waits, then gives the next records (within the limits of one commit) and a job queued
        right behind them.
        """
        records: list[bytes] = []
        size_bytes = 0
        with self._wake:
            while not self._queue:
                self._wake.wait()
            while self._queue:
                item = self._queue[0]
                if isinstance(item, bytes):
                    size_bytes += len(item)
                    full = (
                        len(records) == RECORDS_PER_COMMIT_MAX or size_bytes > BYTES_PER_COMMIT_MAX
                    )
                    if records and full:
                        break
                    records.append(item)
                    self._queue.popleft()
                    continue
                self._queue.popleft()
                return records, item, item is None
        return records, None, False

    def _commit(self, records: list[bytes]) -> None:
        rows: list[int | bytes] = []
        for seq, record in enumerate(records, self._size):
            rows += (seq, record)
        places = "(?,?)," * (len(records) - 1) + "(?,?)"
        statement = "INSERT INTO event VALUES " + places  # noqa: S608 only marks
        self._with_room(lambda: self._db.execute(statement, rows))
        self._size += len(records)
        self._unmoved += sum(map(len, records))
        if self._unmoved >= CHECKPOINT_EVERY_BYTES:
            self._unmoved = 0
            self._mover.wake()

    def _with_room(self, write: Callable[[], object]) -> None:
        """Writes. When there is no room SQLite undoes the statement; it is run again in the room of
        the reserve.
        """
        try:
            write()
        except sqlite3.Error as error:
            if self._reserve is None or not is_full(error) or not self._reserve.give_up():
                raise
            write()


class _Mover:
    """Moves what is durable in the write-ahead log into the journal's file, beside the writer: a
    commit then never waits until 4 MB were moved. Nothing is moved that is not yet synced.
    """

    def __init__(self, path: Path, reserve: Reserve | None) -> None:
        self._db = connect(path, write=True)
        self._reserve = reserve
        self._asked = threading.Event()
        self._ends = False
        self._thread: threading.Thread | None = None

    def start(self, on_failure: OnFailure) -> None:
        self._thread = threading.Thread(
            target=self._run, args=(on_failure,), name="journal-mover", daemon=True
        )
        self._thread.start()

    def wake(self) -> None:
        self._asked.set()

    def close(self) -> None:
        self._ends = True
        self._asked.set()
        if self._thread is not None:
            self._thread.join()
        self._db.close()

    def _run(self, on_failure: OnFailure) -> None:
        try:
            while True:
                self._asked.wait()
                self._asked.clear()
                if self._ends:
                    return
                self._move()
        except (sqlite3.Error, OSError, MemoryError) as error:
            # A failed sync of the file must never be followed by a log that begins anew.
            on_failure(error)

    def _move(self) -> None:
        try:
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.Error as error:
            if self._reserve is None or not is_full(error):
                raise
            # What is durable stays in the write-ahead log, and is moved when there is room.
            self._reserve.give_up()


def _run_one(db: sqlite3.Connection, statement: str, values: tuple[int | bytes, ...]) -> None:
    db.execute(statement, values)
