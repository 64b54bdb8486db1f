"""The journal's file: its tables, how it is opened, and everything that is only read from it.

`event` holds one record a row, keyed by its sequence number; `checkpoint` the signed notes;
`snapshot` is a cache of states, each bound to the log by a signed note of its own. `session` is the
key of the newest run, certified by the log's key; `proof` is what that key signed at each commit.
`set_aside` keeps events that no signature covered when a run began: evidence, not history. Only
`journal.Journal` writes here.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

FORMAT = "2"
# Format 1 has no `session`, `proof` and `set_aside`: the writer adds them when it opens a file.
FORMATS_READ = ("1", FORMAT)
READ_CHUNK = 4096

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


@dataclass(frozen=True, slots=True)
class Session:
    """A run's key (ed25519) and the note by which the log's key certified it: it proves commits
    that end beyond `from_size` events.
    """

    from_size: int
    public_key: bytes
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
    if row is None or row[0] not in FORMATS_READ:
        found.close()
        raise JournalError("journal_format", f"{path} has a format this version does not know")
    return found


def create(path: Path, *records: bytes, note: bytes | None = None) -> None:
    """Makes a new journal (mode 0600) of these first records, `guardian.created` before all, under
    the signed checkpoint `note` over them. Raises FileExistsError, JournalError.
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
        raise JournalError("journal_unwritable", f"{path} cannot be written: {error}") from error
    sync_folder(path.parent)


def upgrade(journal: sqlite3.Connection) -> None:
    """Brings an open journal to this version's format; a journal that has it is left as it is.
    Raises JournalError for one with triggers or views, which no version of ours makes.
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

    @contextmanager
    def steady(self) -> Iterator[None]:
        """Within the block every read sees the file as it is now, whatever is written meanwhile."""
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.execute("COMMIT")

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
        for expected, (seq, data) in enumerate(rows, from_seq):
            if seq != expected:
                raise JournalError("journal_gap", f"the next event in the file is {seq}", expected)
            if not isinstance(data, bytes):
                raise JournalError("record_unreadable", "the row holds no bytes", seq)
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

    def policy_record(self, digest: str) -> bytes | None:
        """The newest `policy.loaded` of a policy by its digest (`0x` hex). Scans: call it off the
        loop.
        """
        row = self._db.execute(
            "SELECT data FROM event WHERE instr(data, ?) AND instr(data, ?)"
            " ORDER BY seq DESC LIMIT 1",
            (b'"kind":"policy.loaded"', f'"digest":"{digest}"'.encode()),
        ).fetchone()
        return None if row is None else bytes(row[0])

    def checkpoints(self, from_size: int = 0) -> list[tuple[int, bytes]]:
        """`(size, signed note)` in order of size, from `from_size` on."""
        rows = self._db.execute(
            "SELECT size, note FROM checkpoint WHERE size >= ? ORDER BY size", (from_size,)
        ).fetchall()
        return [(int(size), bytes(note)) for size, note in rows]

    def sessions(self) -> list[Session]:
        """The certified keys in order of size; at most one in a journal of ours."""
        if not self._has("session"):
            return []
        rows = self._db.execute(
            "SELECT from_size, public_key, note FROM session ORDER BY from_size"
        ).fetchall()
        return [Session(int(size), bytes(key), bytes(note)) for size, key, note in rows]

    def proofs(self, from_size: int = 0) -> list[tuple[int, bytes]]:
        """`(size, signature)` of commits in order of size, from `from_size` on."""
        if not self._has("proof"):
            return []
        rows = self._db.execute(
            "SELECT size, signature FROM proof WHERE size >= ? ORDER BY size", (from_size,)
        ).fetchall()
        return [(int(size), bytes(signature)) for size, signature in rows]

    def newest_proof(self) -> tuple[int, bytes] | None:
        """The proof of the largest size."""
        if not self._has("proof"):
            return None
        row = self._db.execute(
            "SELECT size, signature FROM proof ORDER BY size DESC LIMIT 1"
        ).fetchone()
        return None if row is None else (int(row[0]), bytes(row[1]))

    def outside(self, size: int) -> list[tuple[int, bytes]]:
        """`(number, bytes)` of every row that is not one of the first `size` events, by number."""
        rows = self._db.execute(
            "SELECT seq, data FROM event WHERE seq >= ? OR seq < 0 ORDER BY seq", (size,)
        ).fetchall()
        return [(int(seq), data if isinstance(data, bytes) else b"") for seq, data in rows]

    def set_aside(self) -> int:
        """How many events were ever set aside because no signature covered them."""
        if not self._has("set_aside"):
            return 0
        return int(self._db.execute("SELECT count(*) FROM set_aside").fetchone()[0])

    def pending_freeze(self) -> str | None:
        """Why everything must be frozen before anything else happens; None when nothing must."""
        row = self._db.execute("SELECT value FROM meta WHERE key='freeze'").fetchone()
        return None if row is None else str(row[0])

    def _has(self, table: str) -> bool:
        row = self._db.execute(
            "SELECT 1 FROM sqlite_master WHERE type='table' AND name=?", (table,)
        ).fetchone()
        return row is not None

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
