"""The journal's file: its tables, and how it is made, opened and brought up to date.

`event` holds one record a row, keyed by its sequence number; `checkpoint` the signed notes;
`snapshot` is a cache of states, each bound to the log by a signed note of its own. `session` is the
key of the newest run, certified by the log's key; `proof` is what that key signed at each commit.
`set_aside` keeps events that no signature covered when a run began: evidence, not history.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from holdfast.secrets.files import sync_folder
from holdfast.service.journal.interface import JournalError
from holdfast.service.journal.sqlite.errors import unreadable, unwritable

FORMAT = "2"
# Format 1 has no `session`, `proof` and `set_aside`: the writer adds them when it opens a file.
FORMATS_READ = ("1", FORMAT)

SCHEMA = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE event(seq INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE TABLE checkpoint(size INTEGER PRIMARY KEY, note BLOB NOT NULL) STRICT;
CREATE TABLE snapshot(size INTEGER PRIMARY KEY, root BLOB NOT NULL, sha256 BLOB NOT NULL,
  data BLOB NOT NULL, note BLOB NOT NULL) STRICT;
"""
SINCE_FORMAT_2 = """
CREATE TABLE IF NOT EXISTS session(from_size INTEGER PRIMARY KEY, public_key BLOB NOT NULL,
  note BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS proof(size INTEGER PRIMARY KEY, signature BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS set_aside(at_ms INTEGER NOT NULL, seq INTEGER NOT NULL,
  data BLOB NOT NULL) STRICT;
"""


def wal_of(path: Path) -> Path:
    """The write-ahead log of a journal."""
    return Path(f"{path}-wal")


def files_of(path: Path) -> list[Path]:
    """Every file that SQLite keeps of a journal; not all of them are always there."""
    return [path, wal_of(path), Path(f"{path}-shm")]


def connect(path: Path, *, write: bool) -> sqlite3.Connection:
    """A connection in autocommit mode.

    Raises JournalError when there is no journal of a known format.
    """
    mode = "rw"
    if not write and not os.access(path.parent, os.W_OK) and not wal_of(path).exists():
        mode = "ro&immutable=1"
    try:
        found = sqlite3.connect(
            f"file:{quote(str(path))}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        found.execute("PRAGMA busy_timeout=5000")
        if write:
            found.execute("PRAGMA journal_mode=WAL")
            found.execute("PRAGMA synchronous=FULL")
        else:
            found.execute("PRAGMA query_only=1")
        row = found.execute("SELECT value FROM meta WHERE key='format'").fetchone()
    except sqlite3.Error as error:
        raise unreadable(path, error) from error
    if row is None or row[0] not in FORMATS_READ:
        found.close()
        raise JournalError("journal_format", f"{path} has a format this version does not know")
    return found


def create(path: Path, *records: bytes, note: bytes | None = None) -> None:
    """Makes a new journal (mode 0600) of these first records.

    Under the checkpoint `note` over them. Raises FileExistsError, JournalError.
    """
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    os.close(os.open(path, flags, 0o600))
    try:
        fresh = sqlite3.connect(path, isolation_level=None)
        try:
            fresh.execute("PRAGMA journal_mode=WAL")
            fresh.execute("PRAGMA synchronous=FULL")
            fresh.executescript(f"BEGIN;{SCHEMA}{SINCE_FORMAT_2}")
            fresh.execute("INSERT INTO meta VALUES('format', ?)", (FORMAT,))
            fresh.executemany("INSERT INTO event VALUES(?, ?)", enumerate(records))
            if note is not None:
                fresh.execute("INSERT INTO checkpoint VALUES(?, ?)", (len(records), note))
            fresh.execute("COMMIT")
        finally:
            fresh.close()
    except sqlite3.Error as error:
        path.unlink(missing_ok=True)
        raise unwritable(path, error) from error
    sync_folder(path.parent)


def upgrade(journal: sqlite3.Connection) -> None:
    """Brings an open journal to this version's format; a journal that has it is left as it is.

    Raises JournalError for one with triggers or views, which no version of ours makes, and
    sqlite3.Error.
    """
    odd = journal.execute(
        "SELECT name FROM sqlite_master WHERE type IN ('trigger', 'view')"
    ).fetchone()
    if odd is not None:
        raise JournalError(
            "journal_format", f"the file holds `{odd[0]}`, a trigger or view that is not ours"
        )
    row = journal.execute("SELECT value FROM meta WHERE key='format'").fetchone()
    script = f"BEGIN IMMEDIATE;{SINCE_FORMAT_2}"
    if row[0] != FORMAT:
        script += f"UPDATE meta SET value='{FORMAT}' WHERE key='format';"  # noqa: S608 ours
    try:
        journal.executescript(script + "COMMIT;")
    finally:
        if journal.in_transaction:
            journal.execute("ROLLBACK")
