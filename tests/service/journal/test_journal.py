"""The journal tells of a record only when it is on disk, and ends for good at the first error."""

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from holdfast._core import CommitKey, LogTree, verify_commit
from holdfast.service.journal.interface import Beginning, JournalError, Session, Snapshot
from holdfast.service.journal.open import create, open_reader, open_writer
from holdfast.service.journal.sqlite.writer import SqliteWriter

GENESIS = b'{"at":1,"data":{},"kind":"guardian.created","seq":0,"v":1}'
ORIGIN = "holdfast.local/test"
WAIT_S = 20
MB = 1024 * 1024


class Watcher:
    """What the writer said."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.error: Exception | None = None
        self._changed = threading.Condition()

    def durable(self, size: int) -> None:
        with self._changed:
            self.sizes.append(size)
            self._changed.notify_all()

    def failed(self, error: Exception) -> None:
        with self._changed:
            self.error = error
            self._changed.notify_all()

    def wait_size(self, size: int) -> None:
        with self._changed:
            done = lambda: bool(self.sizes and self.sizes[-1] >= size)  # noqa: E731
            assert self._changed.wait_for(done, WAIT_S), self.sizes[-3:]

    def wait_error(self) -> Exception:
        with self._changed:
            assert self._changed.wait_for(lambda: self.error is not None, WAIT_S)
            assert self.error is not None
            return self.error


def record(seq: int, fill: str = "") -> bytes:
    return b'{"at":%d,"data":{"fill":"%b"},"kind":"x","seq":%d,"v":1}' % (seq, fill.encode(), seq)


class Writer(SqliteWriter):
    """The journal with a run of its own, and the sizes and roots that the core would give."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.key = CommitKey(ORIGIN, bytes(range(32)))
        self.tree = LogTree()
        self.tree.extend([GENESIS])
        session = Session(1, self.key.public_key, b"certificate")
        self.begin(Beginning(self.key, session, b"checkpoint", None, 0))

    def add(self, records: list[bytes]) -> None:
        self.tree.extend(records)
        self.append(records, self.tree.size, self.tree.root)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "journal.sqlite"
    create(made, GENESIS)
    return made


def test_a_new_journal_is_private_and_is_never_made_twice(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        create(path, GENESIS)


def test_what_was_said_to_be_durable_is_read_by_another_connection(path: Path) -> None:
    journal, watcher = Writer(path), Watcher()
    journal.start(watcher.durable, watcher.failed)
    journal.add([record(1), record(2)])
    watcher.wait_size(3)
    other = open_reader(path)
    assert other.records(0, 10) == [GENESIS, record(1), record(2)]
    other.close()
    journal.close()


def test_everything_that_queued_up_is_committed_at_once(path: Path) -> None:
    journal, watcher = Writer(path), Watcher()
    for seq in range(1, 10_001):
        journal.add([record(seq)])
    journal.start(watcher.durable, watcher.failed)
    watcher.wait_size(10_001)
    journal.close()
    assert watcher.sizes == [4097, 8193, 10_001]


def test_every_commit_carries_a_proof_of_what_the_log_then_is(path: Path) -> None:
    journal, watcher = Writer(path), Watcher()
    roots = {}
    for count in (1, 5_000, 1, 4_095, 3):
        size = journal.tree.size
        journal.add([record(seq) for seq in range(size, size + count)])
        roots[journal.tree.size] = journal.tree.root
    journal.start(watcher.durable, watcher.failed)
    watcher.wait_size(9_101)
    journal.close()
    # What was appended together is never cut apart, however much it is.
    assert watcher.sizes == [2, 5_002, 9_098, 9_101]
    reader = open_reader(path)
    proofs = reader.proofs()
    assert [size for size, _ in proofs] == watcher.sizes
    for size, signature in proofs:
        assert verify_commit(ORIGIN, journal.key.public_key, size, roots[size], signature)
    assert reader.outside(9_101) == []
    reader.close()


def test_events_and_their_proof_are_committed_together_or_not_at_all(path: Path) -> None:
    """Whoever put a row where the next event goes ends writing; nothing of the commit is kept."""
    journal, watcher = Writer(path), Watcher()
    db = sqlite3.connect(path)
    db.execute("INSERT INTO event VALUES(3, ?)", (b"not ours",))
    db.commit()
    journal.start(watcher.durable, watcher.failed)
    journal.add([record(1), record(2), record(3)])
    assert "UNIQUE constraint failed" in str(watcher.wait_error())
    journal.close()
    assert db.execute("SELECT seq FROM event").fetchall() == [(0,), (3,)]
    assert db.execute("SELECT count(*) FROM proof").fetchone() == (0,)
    db.close()


def test_a_checkpoint_takes_the_place_of_the_proofs_that_it_covers(path: Path) -> None:
    journal, watcher = Writer(path), Watcher()
    journal.start(watcher.durable, watcher.failed)
    for seq in (1, 2, 3, 4):
        journal.add([record(seq)])
        journal.end_commit()
    watcher.wait_size(5)
    journal.add_checkpoint(3, b"note")
    journal.end_commit()
    journal.close()
    reader = open_reader(path)
    assert [size for size, _ in reader.proofs()] == [4, 5]
    reader.close()


def test_records_that_do_not_follow_end_writing(path: Path) -> None:
    journal, watcher = Writer(path), Watcher()
    journal.start(watcher.durable, watcher.failed)
    journal.append([record(1)], 3, bytes(32))
    assert "journal_order" in str(watcher.wait_error())
    journal.close()
    reader = open_reader(path)
    assert reader.size() == 1
    reader.close()


def test_a_file_with_a_trigger_is_not_written_to(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE TRIGGER quiet AFTER INSERT ON event BEGIN DELETE FROM proof; END")
    db.close()
    with pytest.raises(JournalError, match="`quiet`, a trigger"):
        open_writer(path)


def test_the_write_ahead_log_is_moved_while_writing_goes_on(path: Path) -> None:
    """The log stays bounded under a writer that never rests, and nothing of it is lost."""
    journal, watcher = Writer(path), Watcher()
    journal.start(watcher.durable, watcher.failed)
    seq, largest = 1, 0
    while path.stat().st_size < 24 * MB:
        assert seq < 200_000, "what was written never reached the journal's file"
        journal.add([record(number, "f" * 4000) for number in range(seq, seq + 500)])
        seq += 500
        watcher.wait_size(seq)
        largest = max(largest, Path(f"{path}-wal").stat().st_size)
    other = open_reader(path)
    assert other.size() == seq
    other.close()
    journal.close()
    assert watcher.error is None
    assert largest < 100 * MB


@pytest.mark.parametrize("form", ["replaced", "moved", "log"])
def test_a_file_that_is_not_there_any_more_ends_writing(path: Path, form: str) -> None:
    """What is written to a file that no start finds again is not on disk."""
    journal, watcher = Writer(path), Watcher()
    journal.start(watcher.durable, watcher.failed)
    journal.add([record(1)])
    watcher.wait_size(2)
    if form == "log":
        Path(f"{path}-wal").unlink()
    else:
        old = path.with_name("old")
        path.rename(old)
        if form == "replaced":
            path.write_bytes(old.read_bytes())
    journal.add([record(2)])
    assert isinstance(watcher.wait_error(), JournalError | FileNotFoundError)
    assert watcher.sizes == [2]
    journal.close()


def test_closing_writes_what_is_queued(path: Path) -> None:
    journal, watcher = Writer(path), Watcher()
    journal.start(watcher.durable, watcher.failed)
    journal.add([record(seq) for seq in range(1, 500)])
    journal.add_checkpoint(500, b"note")
    journal.close()
    reader = open_reader(path)
    assert reader.size() == 500
    assert reader.checkpoints() == [(1, b"checkpoint"), (500, b"note")]
    reader.close()


def test_only_the_newest_snapshots_are_kept(path: Path) -> None:
    journal, watcher = Writer(path), Watcher()
    journal.start(watcher.durable, watcher.failed)
    for size in (1, 2, 3):
        journal.add_snapshot(Snapshot(size, b"r" * 32, b"s" * 32, b"data", b"note"))
    journal.close()
    reader = open_reader(path)
    assert [each.size for each in reader.snapshots()] == [3, 2]
    reader.close()


def test_a_missing_number_is_named(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("INSERT INTO event VALUES(1, ?), (3, ?)", (record(1), record(3)))
    db.commit()
    db.close()
    reader = open_reader(path)
    with pytest.raises(JournalError) as broken:
        reader.records(0, 10)
    assert (broken.value.code, broken.value.seq) == ("journal_gap", 2)
    reader.close()


def test_a_file_that_is_no_journal_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(JournalError, match=r"journal\.sqlite cannot be read as a journal"):
        open_writer(tmp_path / "journal.sqlite")
    with pytest.raises(JournalError, match="cannot be read"):
        open_reader(tmp_path / "absent.sqlite")


FULL_DISK = """
import queue, resource, signal, sys
from pathlib import Path
from tests.service.journal.test_journal import Writer
journal = Writer(Path(sys.argv[1]))
told = queue.SimpleQueue()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
journal.start(told.put, told.put)
size, said = 1, 1
while isinstance(said, int):
    size = said
    journal.add([b'{"at":1,"data":"%s","kind":"x","seq":%d,"v":1}' % (b"f" * 900, seq)
                 for seq in range(size, size + 50)])
    said = told.get(timeout=60)
journal.add([b"late"])
journal.close()
print(size, said.code, told.empty())
"""


def test_a_full_disk_ends_writing_and_loses_nothing_that_was_acknowledged(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
        env={**os.environ, "PYTHONPATH": f"python{os.pathsep}."},
    )
    size, code, silent = done.stdout.split()
    assert (code, silent) == ("journal_unwritable", "True")
    assert int(size) > 1
    reader = open_reader(path)
    assert reader.size() >= int(size)
    assert len(reader.records(0, 1_000_000)) == reader.size()
    assert b"late" not in reader.records(reader.size() - 1, 1)[0]
    reader.close()
