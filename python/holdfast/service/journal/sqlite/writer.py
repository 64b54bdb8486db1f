"""The writer's queue and thread: what is committed together, and in what order."""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from holdfast.secrets.files import sync_folder
from holdfast.service.journal.interface import (
    Appended,
    Beginning,
    JournalError,
    OnDurable,
    OnFailure,
    Snapshot,
    Writer,
)
from holdfast.service.journal.reserve import Reserve
from holdfast.service.journal.sqlite.errors import ended, unwritable
from holdfast.service.journal.sqlite.mover import Mover
from holdfast.service.journal.sqlite.reader import SqliteReader
from holdfast.service.journal.sqlite.room import Room
from holdfast.service.journal.sqlite.schema import wal_of
from holdfast.service.journal.sqlite.tables import ROWS_PER_STATEMENT_MAX, Tables

RECORDS_PER_COMMIT_MAX = ROWS_PER_STATEMENT_MAX
BYTES_PER_COMMIT_MAX = 16 * 1024 * 1024

Job = Callable[[], None]


class SqliteWriter(Writer):
    """Methods are as in `Writer`."""

    def __init__(self, path: Path, reserve: Reserve | None = None) -> None:
        """Opens the journal for writing and brings it to this version's format.

        `reserve` is given up when the disk is full. Raises JournalError, OSError.
        """
        self._path = path
        room = Room(reserve)
        try:
            self._tables = Tables(path, reserve, room)
        except sqlite3.Error as error:
            raise unwritable(path, error) from error
        sync_folder(path.parent)
        self._reader = SqliteReader(path)
        self._mover = Mover(path, room)
        self._wake = threading.Condition()
        self._queue: deque[Appended | Job | None] = deque()
        self._thread: threading.Thread | None = None

    @property
    def reader(self) -> SqliteReader:
        return self._reader

    def bytes_used(self) -> int:
        return sum(map(_size, (self._path, wal_of(self._path))))

    def begin(self, beginning: Beginning) -> None:
        try:
            self._tables.begin(beginning)
        except sqlite3.Error as error:
            raise unwritable(self._path, error) from error

    def start(self, on_durable: OnDurable, on_failure: OnFailure) -> None:
        if not self._tables.begun:
            raise RuntimeError("`begin` comes first: a commit needs a key that proves it")
        self._thread = threading.Thread(
            target=self._run, args=(on_durable, on_failure), name="journal", daemon=True
        )
        self._thread.start()
        self._mover.start(on_failure)

    def append(self, records: list[bytes], size: int, root: bytes) -> None:
        self._put(Appended(records, size, root))

    def end_commit(self) -> None:
        self._put(lambda: None)

    def add_checkpoint(self, size: int, note: bytes) -> None:
        self._put(lambda: self._tables.add_checkpoint(size, note))

    def add_snapshot(self, snapshot: Snapshot) -> None:
        self._put(lambda: self._tables.add_snapshot(snapshot))

    def forget_freeze(self) -> None:
        self._put(self._tables.forget_freeze)

    def close(self) -> None:
        if self._thread is not None:
            self._put(None)
            self._thread.join()
            self._thread = None
        self._mover.close()
        self._reader.close()
        self._tables.close()

    def _put(self, item: Appended | Job | None) -> None:
        with self._wake:
            self._queue.append(item)
            self._wake.notify()

    def _run(self, on_durable: OnDurable, on_failure: OnFailure) -> None:
        try:
            while True:
                appended, job, ends = self._take()
                if appended:
                    self._commit(appended)
                    on_durable(self._tables.size)
                if job is not None:
                    job()
                if ends:
                    return
        except sqlite3.Error as error:
            on_failure(ended(error))
        except (OSError, MemoryError, OverflowError, JournalError) as error:
            on_failure(error)

    def _take(self) -> tuple[list[Appended], Job | None, bool]:
        """Waits, then gives what was appended next.

        Within the limits of one commit, with a job queued right behind it.
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
        records = [record for each in appended for record in each.records]
        self._tables.commit(records, appended[-1].size, appended[-1].root)
        self._mover.written(sum(map(len, records)))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
