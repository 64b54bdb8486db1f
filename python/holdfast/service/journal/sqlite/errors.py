"""SQLite's errors in the words of the journal's interface."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from holdfast.service.journal.interface import UNREADABLE, UNWRITABLE, JournalError

_NO_ROOM = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE})


def is_full(error: sqlite3.Error) -> bool:
    """Whether there was no room: the statement was undone and may be tried again."""
    return getattr(error, "sqlite_errorcode", None) in _NO_ROOM


def unreadable(path: Path, error: sqlite3.Error) -> JournalError:
    """`path` could not be opened or read."""
    text = f"{path} cannot be read as a journal: {error}"
    return JournalError(UNREADABLE, text, full=is_full(error))


def unwritable(path: Path, error: sqlite3.Error) -> JournalError:
    """`path` could not be made, upgraded or begun."""
    return JournalError(UNWRITABLE, f"{path} cannot be written: {error}", full=is_full(error))


def ended(error: sqlite3.Error) -> JournalError:
    """A commit failed. Agents are shown the text, so it names no path."""
    return JournalError(UNWRITABLE, str(error), full=is_full(error))
