"""The journal's one writer: records in, durable sizes out.

Everything that queued up while one transaction was being synced goes into the next (group commit),
so one fsync serves many requests. With its events each transaction holds the run's signature over
the log as it then is; the two are one multi-row statement, because the writer gives the interpreter
up at every statement and takes a while to get it back under load. The first error ends all writing
for good: what follows a failed write or fsync cannot be trusted, and the guardian comes back only
by replay.
"""

import errno
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from holdfast._core import CommitKey
from holdfast.service.journal import high_water
from holdfast.service.journal.file import (
    JournalError,
    JournalReader,
    Session,
    Snapshot,
    connect,
    create,
    sync_folder,
    upgrade,
)
from holdfast.service.journal.reserve import Reserve, is_full

__all__ = ["Journal", "JournalError", "JournalReader", "Snapshot", "create"]

CHECKPOINT_EVERY_BYTES = 4 * 1024 * 1024
# The writer moves the write-ahead log itself only when the thread for it is far behind.
WAL_PAGES_MAX = 16_384
RECORDS_PER_COMMIT_MAX = 4096
BYTES_PER_COMMIT_MAX = 16 * 1024 * 1024
SNAPSHOTS_KEPT = 2

# One row for each event; the last of a commit carries the proof. A view on this connection alone:
# one statement writes both tables.
ENTRY = """
CREATE TEMP VIEW entry(seq, data, signature) AS SELECT 0, x'', NULL;
CREATE TEMP TRIGGER entry_written INSTEAD OF INSERT ON entry BEGIN
  INSERT INTO event VALUES(NEW.seq, NEW.data);
  INSERT INTO proof SELECT NEW.seq + 1, NEW.signature WHERE NEW.signature IS NOT NULL;
END;
"""

Job = Callable[[sqlite3.Connection], None]
OnDurable = Callable[[int], None]
OnFailure = Callable[[Exception], None]


class Appended(NamedTuple):
    """Records that belong together, and the log's size and root once they are in it."""

    records: list[bytes]
    size: int
    root: bytes


class Beginning(NamedTuple):
    """What a run begins with: the key of its commits, its certificate, and a checkpoint `note` over
    the `session.from_size` events that were proven. `freeze` are the words with which everything
    must be frozen because other events were found.
    """

    key: CommitKey
    session: Session
    note: bytes
    freeze: str | None
    at_ms: int


class Journal:
    """Appends records in order from a thread of its own. Callbacks come on that thread: hand them
    on to the loop.
    """

    def __init__(self, path: Path, reserve: Reserve | None = None) -> None:
        """Opens the journal for writing and brings it to this version's format; `reserve` is given
        up when the disk is full. Raises JournalError when it is none.
        """
        self.path = path
        self._reserve = reserve
        # Held while something is moved: what moves must not take the room that a commit waits for.
        self._room = threading.Lock()
        self._db = _opened(path, reserve)
        try:
            self._with_room(lambda: upgrade(self._db))
            self._db.execute("PRAGMA temp_store=MEMORY")
            self._db.executescript(ENTRY)
        except sqlite3.Error as error:
            raise JournalError(
                "journal_unwritable", f"{path} cannot be written: {error}"
            ) from error
        sync_folder(path.parent)
        self.reader = JournalReader(path)
        self._size = 0
        self._water: high_water.HighWater | None = None
        self._key: CommitKey | None = None
        self._files: tuple[tuple[int, int], ...] = ()
        self._wake = threading.Condition()
        self._queue: deque[Appended | Job | None] = deque()
        self._thread: threading.Thread | None = None
        self._db.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES_MAX}")
        self._mover = _Mover(path, reserve, self._room)
        self._unmoved = 0

    def begin(self, beginning: Beginning) -> None:
        """Ends the run before and begins this one, all in one transaction: what no signature covers
        is set aside, what was proven gets its checkpoint, and the key of the run before counts no
        more. Call before `start`. Raises JournalError.
        """
        high_water.check(self.path, self.reader.size())
        try:
            self._with_room(lambda: self._transaction(lambda: self._begin(beginning)))
        except sqlite3.Error as error:
            raise JournalError(
                "journal_unwritable", f"{self.path} cannot be written: {error}"
            ) from error
        self._size, self._key = beginning.session.from_size, beginning.key
        self._committed(self._size)
        self._files = _files(self.path)

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

    def start(self, on_durable: OnDurable, on_failure: OnFailure) -> None:
        """Starts the writer. `on_durable(size)`: events below `size` are on disk.
        `on_failure(error)`: once, the end.
        """
        if self._key is None:
            raise RuntimeError("`begin` comes first: a commit needs a key that proves it")
        self._thread = threading.Thread(
            target=self._run, args=(on_durable, on_failure), name="journal", daemon=True
        )
        self._thread.start()
        self._mover.start(on_failure)

    def append(self, records: list[bytes], size: int, root: bytes) -> None:
        """Queues records, whose sequence numbers follow those queued before; with them the log has
        `size` events under `root`. They are committed together. Never blocks.
        """
        with self._wake:
            self._queue.append(Appended(records, size, root))
            self._wake.notify()

    def end_commit(self) -> None:
        """What is queued so far ends a commit, so that there is a proof of just that size."""
        self._put(lambda _: None)

    def add_checkpoint(self, size: int, note: bytes) -> None:
        """Stores the signed note of the log's first `size` events, after them. Proofs that it
        covers are forgotten, but for the newest of all.
        """
        note_row = "INSERT OR REPLACE INTO checkpoint VALUES(?, ?)"
        covered = "DELETE FROM proof WHERE size <= ? AND size < (SELECT max(size) FROM proof)"

        def job(db: sqlite3.Connection) -> None:
            self._with_room(lambda: _run_one(db, note_row, (size, note)))
            self._with_room(lambda: _run_one(db, covered, (size,)))

        self._put(job)

    def forget_freeze(self) -> None:
        """The freeze that `begin` asked for is among the events."""
        statement = "DELETE FROM meta WHERE key = ?"
        self._put(lambda db: self._with_room(lambda: _run_one(db, statement, ("freeze",))))

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
        if self._water is not None:
            self._water.close()
        self.reader.close()
        self._db.close()

    def _put(self, item: Job | None) -> None:
        with self._wake:
            self._queue.append(item)
            self._wake.notify()

    def _run(self, on_durable: OnDurable, on_failure: OnFailure) -> None:
        try:
            while True:
                appended, job, ends = self._take()
                if appended:
                    self._commit(appended)
                    on_durable(self._size)
                if job is not None:
                    job(self._db)
                if ends:
                    return
        except (sqlite3.Error, OSError, MemoryError, OverflowError, JournalError) as error:
            on_failure(error)

    def _take(self) -> tuple[list[Appended], Job | None, bool]:
        """Waits, then gives what was appended next (within the limits of one commit) and a job
        queued right behind it.
        """
        taken: list[Appended] = []
        count = size_bytes = 0
        with self._wake:
            while not self._queue:
                self._wake.wait()
            while self._queue:
                item = self._queue[0]
                if isinstance(item, Appended):
                    count += len(item.records)
                    size_bytes += sum(map(len, item.records))
                    full = count > RECORDS_PER_COMMIT_MAX or size_bytes > BYTES_PER_COMMIT_MAX
                    if taken and full:
                        break
                    taken.append(item)
                    self._queue.popleft()
                    continue
                self._queue.popleft()
                return taken, item, item is None
        return taken, None, False

    def _commit(self, appended: list[Appended]) -> None:
        """One transaction: the records, and the proof of the log as it is after them."""
        records = [record for each in appended for record in each.records]
        size, root = appended[-1].size, appended[-1].root
        if self._key is None or size != self._size + len(records):
            text = f"{len(records)} records do not lead from {self._size} events to {size}"
            raise JournalError("journal_order", text)
        proof = self._key.sign(size, root)
        if len(records) <= RECORDS_PER_COMMIT_MAX:
            self._with_room(lambda: self._insert(self._size, records, proof))
        else:
            self._with_room(lambda: self._transaction(lambda: self._insert_all(records, proof)))
        if _files(self.path) != self._files:
            # SQLite would go on in a file that no start finds again.
            text = f"{self.path} or its write-ahead log was moved or replaced while it was written"
            raise JournalError("journal_moved", text)
        self._size = size
        self._committed(size)
        self._unmoved += sum(map(len, records))
        if self._unmoved >= CHECKPOINT_EVERY_BYTES:
            self._unmoved = 0
            self._mover.wake()

    def _committed(self, size: int) -> None:
        """Notes the number; a disk without room for the first one goes on without."""
        try:
            if self._water is None:
                self._water = high_water.HighWater(self.path)
            self._water.put(size)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise

    def _insert_all(self, records: list[bytes], proof: bytes) -> None:
        for first in range(0, len(records), RECORDS_PER_COMMIT_MAX):
            piece = records[first : first + RECORDS_PER_COMMIT_MAX]
            ends = first + len(piece) == len(records)
            self._insert(self._size + first, piece, proof if ends else None)

    def _insert(self, seq: int, records: list[bytes], proof: bytes | None) -> None:
        rows: list[int | bytes | None] = []
        for number, record in enumerate(records, seq):
            rows += (number, record)
        places = "(?,?,NULL)," * (len(records) - 1) + "(?,?,?)"
        rows.append(proof)
        self._db.execute("INSERT INTO entry VALUES " + places, rows)  # noqa: S608 only marks

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

    def _with_room(self, write: Callable[[], object]) -> None:
        """Writes. When there is no room SQLite undoes the statement; it is run again in the room of
        the reserve.
        """
        try:
            write()
        except sqlite3.Error as error:
            if self._reserve is None or not is_full(error):
                raise
            with self._room:
                # Tried again also when there was nothing left to give up: room may have come since.
                self._reserve.give_up()
                write()


def _opened(path: Path, reserve: Reserve | None) -> sqlite3.Connection:
    """The journal opened for writing, in the room of the reserve where the disk is full: a guardian
    that was stopped must start again and say why it refuses. Raises JournalError.
    """
    try:
        return connect(path, write=True)
    except JournalError as error:
        cause = error.__cause__
        if reserve is None or not isinstance(cause, sqlite3.Error) or not is_full(cause):
            raise
        reserve.give_up()
        return connect(path, write=True)


def _files(path: Path) -> tuple[tuple[int, int], ...]:
    """Which files the journal and its write-ahead log are, as (device, inode). Raises OSError when
    one is not there.
    """
    found = [each.stat() for each in (path, Path(f"{path}-wal"))]
    return tuple((each.st_dev, each.st_ino) for each in found)


class _Mover:
    """Moves what is durable in the write-ahead log into the journal's file, beside the writer: a
    commit then never waits until 4 MB were moved. Nothing is moved that is not yet synced.
    """

    def __init__(self, path: Path, reserve: Reserve | None, room: threading.Lock) -> None:
        self._room = room
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
        """Moves nothing while the reserve is given up: its room is for what is not yet durable."""
        with self._room:
            if self._reserve is not None and not self._reserve.held:
                return
            try:
                self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")
            except sqlite3.Error as error:
                # What is durable stays in the write-ahead log, and is moved when there is room.
                if self._reserve is None or not is_full(error):
                    raise


def _run_one(db: sqlite3.Connection, statement: str, values: tuple[int | bytes | str, ...]) -> None:
    db.execute(statement, values)
