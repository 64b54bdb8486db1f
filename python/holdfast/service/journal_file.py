"""The journal's file: its tables, how it is opened, and everything that is only read from it.

`event` holds one record a row, keyed by its sequence number; `checkpoint` the signed notes;
`snapshot` is a cache of
states, each bound to the log by a signed note of its own. Only `journal.Journal` writes here.
"""

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

FORMAT = "1"
READ_CHUNK = 4096

SCHEMA = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE event(seq INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE TABLE checkpoint(size INTEGER PRIMARY KEY, note BLOB NOT NULL) STRICT;
CREATE TABLE snapshot(size INTEGER PRIMARY KEY, root BLOB NOT NULL, sha256 BLOB NOT NULL,
  data BLOB NOT NULL, note BLOB NOT NULL) STRICT;
"""


class JournalError(RuntimeError):
    """The journal is not what it must be: `args` is `(code, text, seq)`, seq None when no event is
    to blame.
    """

    def __init__(self, code: str, text: str, seq: int | None = None) -> None:
        super().__init__(code, text, seq)
        self.code, self.text, self.seq = code, text, seq

    def __str__(self) -> str:
        where = "" if self.seq is None else f" at event {self.seq}"
        return f"{self.code}{where}: {self.text}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A stored state: what it claims to be (`size`, `root`, `sha256` of `data`) and the note that
    says so.
    """

    size: int
    root: bytes
    sha256: bytes
    data: bytes
    note: bytes


def connect(path: Path, *, write: bool) -> sqlite3.Connection:
    """A connection in autocommit mode. Raises JournalError when there is no journal of a known
    format.
    """
    mode = "rw"
    if not write and not os.access(path.parent, os.W_OK) and not Path(f"{path}-wal").exists():
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
        raise JournalError(
            "journal_unreadable", f"{path} cannot be read as a journal: {error}"
        ) from error
    if row is None or row[0] != FORMAT:
        found.close()
        raise JournalError("journal_format", f"{path} has a format this version does not know")
    return found


def create(path: Path, genesis_record: bytes) -> None:
    """Makes a new journal (mode 0600) whose event 0 is `genesis_record`. Raises FileExistsError,
    JournalError.
    """
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    os.close(os.open(path, flags, 0o600))
    try:
        fresh = sqlite3.connect(path, isolation_level=None)
        try:
            fresh.execute("PRAGMA journal_mode=WAL")
            fresh.execute("PRAGMA synchronous=FULL")
            fresh.executescript(f"BEGIN;{SCHEMA}")
            fresh.execute("INSERT INTO meta VALUES('format', ?)", (FORMAT,))
            fresh.execute("INSERT INTO event VALUES(0, ?)", (genesis_record,))
            fresh.execute("COMMIT")
        finally:
            fresh.close()
    except sqlite3.Error as error:
        path.unlink(missing_ok=True)
        raise JournalError("journal_unwritable", f"{path} cannot be written: {error}") from error
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes names created in `folder` survive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class JournalReader:
    """Reads of the journal over a connection of its own; sees only what is committed."""

    def __init__(self, path: Path) -> None:
        self._db = connect(path, write=False)

    def close(self) -> None:
        """Closes the connection."""
        self._db.close()

    def size(self) -> int:
        """One more than the highest sequence number; 0 for an empty journal."""
        row = self._db.execute("SELECT max(seq) FROM event").fetchone()
        return 0 if row[0] is None else int(row[0]) + 1

    def records(self, from_seq: int, count: int) -> list[bytes]:
        """Up to `count` records from `from_seq` on. Raises JournalError (`journal_gap`) where a
        number is missing.
        """
        rows = self._db.execute(
            "SELECT seq, data FROM event WHERE seq >= ? ORDER BY seq LIMIT ?", (from_seq, count)
        ).fetchall()
        for expected, (seq, _) in enumerate(rows, from_seq):
            if seq != expected:
                raise JournalError("journal_gap", f"the next event in the file is {seq}", expected)
        return [bytes(data) for _, data in rows]

    def page(self, from_seq: int, count: int, bytes_max: int) -> list[bytes]:
        """As `records`, but no more than `bytes_max` (and at least one)."""
        rows = self._db.execute(
            "SELECT seq, length(data) FROM event WHERE seq >= ? ORDER BY seq LIMIT ?",
            (from_seq, count),
        )
        fit = size = 0
        for _, length in rows:
            size += length
            if fit and size > bytes_max:
                break
            fit += 1
        return self.records(from_seq, fit)

    def chunks(self, from_seq: int = 0) -> Iterator[tuple[int, list[bytes]]]:
        """`(seq of the first, records)` in order to the end, a few thousand at a time."""
        while True:
            records = self.records(from_seq, READ_CHUNK)
            if not records:
                return
            yield from_seq, records
            from_seq += len(records)

    def about(self, request_id: str, from_seq: int, count: int) -> list[bytes]:
        """Up to `count` records from `from_seq` on that name the request. Scans: call it off the
        loop.
        """
        rows = self._db.execute(
            "SELECT data FROM event WHERE seq >= ? AND instr(data, ?) ORDER BY seq LIMIT ?",
            (from_seq, f'"{request_id}"'.encode(), count),
        ).fetchall()
        return [bytes(row[0]) for row in rows]

    def checkpoints(self, from_size: int = 0) -> list[tuple[int, bytes]]:
        """`(size, signed note)` in order of size, from `from_size` on."""
        rows = self._db.execute(
            "SELECT size, note FROM checkpoint WHERE size >= ? ORDER BY size", (from_size,)
        ).fetchall()
        return [(int(size), bytes(note)) for size, note in rows]

    def snapshot_size(self) -> int:
        """The size of the newest stored state, 0 if there is none."""
        row = self._db.execute("SELECT max(size) FROM snapshot").fetchone()
        return int(row[0] or 0)

    def snapshots(self) -> Iterator[Snapshot]:
        """Stored states, newest first, loaded one by one."""
        sizes = self._db.execute("SELECT size FROM snapshot ORDER BY size DESC").fetchall()
        for (size,) in sizes:
            row = self._db.execute(
                "SELECT size, root, sha256, data, note FROM snapshot WHERE size = ?", (size,)
            ).fetchone()
            if row is not None:
                yield Snapshot(int(row[0]), *(bytes(part) for part in row[1:]))
