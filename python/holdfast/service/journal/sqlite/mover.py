"""Moves what is durable from the write-ahead log into the journal's file, beside the writer.

A commit then never waits until 4 MB were moved. Nothing is moved that is not yet synced.
"""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from holdfast.service.journal.interface import OnFailure
from holdfast.service.journal.sqlite.errors import ended
from holdfast.service.journal.sqlite.room import Room
from holdfast.service.journal.sqlite.schema import connect

EVERY_BYTES = 4 * 1024 * 1024


class Mover:
    """One thread with a connection of its own."""

    def __init__(self, path: Path, room: Room) -> None:
        """Raises JournalError."""
        self._room = room
        self._db = connect(path, write=True)
        self._unmoved = 0
        self._asked = threading.Event()
        self._ends = False
        self._thread: threading.Thread | None = None

    def start(self, on_failure: OnFailure) -> None:
        """Starts the thread."""
        self._thread = threading.Thread(
            target=self._run, args=(on_failure,), name="journal-mover", daemon=True
        )
        self._thread.start()

    def written(self, size: int) -> None:
        """So many bytes more are durable. Never waits."""
        self._unmoved += size
        if self._unmoved >= EVERY_BYTES:
            self._unmoved = 0
            self._asked.set()

    def close(self) -> None:
        """Ends the thread and closes the connection."""
        self._ends = True
        self._asked.set()
        if self._thread is not None:
            self._thread.join()
        self._db.close()

    def _run(self, on_failure: OnFailure) -> None:
        # A failed sync of the file must never be followed by a log that begins anew.
        try:
            while True:
                self._asked.wait()
                self._asked.clear()
                if self._ends:
                    return
                self._room.move(lambda: self._db.execute("PRAGMA wal_checkpoint(PASSIVE)"))
        except sqlite3.Error as error:
            on_failure(ended(error))
        except (OSError, MemoryError) as error:
            on_failure(error)
