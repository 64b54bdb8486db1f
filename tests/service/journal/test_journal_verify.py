"""Whoever edits, deletes, reorders or cuts the journal is found out offline."""

import csv
import io
import json
import os
import sqlite3
import struct
from pathlib import Path

import pytest
from nacl.signing import SigningKey
from tests.service.in_process import STRANGER, WALLETS_PASSPHRASE, Guardian, make_home, serving

from holdfast._core import checkpoint_body, signed_note
from holdfast.secrets import keystore
from holdfast.service.guardian.checkpoints import Checkpoints
from holdfast.service.home.folder import Home
from holdfast.service.journal.export import export
from holdfast.service.journal.interface import JournalError
from holdfast.service.journal.settings import JournalConfig
from holdfast.service.journal.signed_notes import snapshot_body
from holdfast.service.journal.verify import verify

EVENTS = 60


class LogSigner:
    """Signs notes as the signer process does, with the home's own log key."""

    def __init__(self, home: Home, origin: str) -> None:
        self.origin = origin
        self._key: SigningKey = keystore.open_log_key(
            home.log_key_path, bytearray(WALLETS_PASSPHRASE)
        )

    async def checkpoint(self, size: int, root: bytes) -> bytes:
        return self._sign(checkpoint_body(self.origin, size, root))

    async def snapshot_note(self, size: int, root: bytes, sha256: bytes) -> bytes:
        return self._sign(snapshot_body(self.origin, size, root, sha256))

    def _sign(self, body: bytes) -> bytes:
        signature = self._key.sign(body).signature
        return signed_note(body, self.origin, bytes(self._key.verify_key), signature)


def notes_of(guardian: Guardian) -> Checkpoints:
    inside = guardian.inside
    signer = LogSigner(guardian.home, inside.identity.origin)
    return Checkpoints(inside.core, inside.journal, signer, JournalConfig())


async def written(tmp_path: Path, *, signed: bool) -> Home:
    """A home with some events, a checkpoint in the middle and, if `signed`, one at the end."""
    home = make_home(tmp_path)
    async with serving(home) as guardian:
        line = await guardian.agent()
        notes = notes_of(guardian)
        for value in range(1, EVENTS + 1):
            await line.pay(STRANGER, value)
            if value == EVENTS // 2:
                await notes.snapshot()
        if signed:
            await notes.checkpoint()
    return home


@pytest.fixture
async def signed_home(tmp_path: Path) -> Home:
    return await written(tmp_path, signed=True)


def change(home: Home, *statements: str) -> None:
    db = sqlite3.connect(home.journal_path)
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()


def rows(home: Home, query: str) -> list[tuple[int, ...]]:
    db = sqlite3.connect(home.journal_path)
    found = db.execute(query).fetchall()
    db.close()
    return found


async def test_an_untouched_journal_is_proven(signed_home: Home) -> None:
    report = verify(signed_home.path)
    assert report.ok, report.faults
    assert report.checkpoints == 3
    assert report.snapshots == 1
    assert report.size == report.signed_size + 1 == report.proven_size
    assert (report.unproven, report.set_aside) == (0, 0)
    assert len(bytes.fromhex(report.state_digest)) == 32
    assert json.dumps(report.as_dict())


EDIT = (
    "UPDATE event SET data = CAST(replace(CAST(data AS TEXT), 'deny', 'dony') AS BLOB)"
    " WHERE seq = 20"
)
SWAP = (
    "UPDATE event SET seq = -1 WHERE seq = 20",
    "UPDATE event SET seq = 20 WHERE seq = 21",
    "UPDATE event SET seq = 21 WHERE seq = -1",
)


@pytest.mark.parametrize(
    ("statements", "code", "seq"),
    [
        ((EDIT,), "checkpoint_mismatch", None),
        (("DELETE FROM event WHERE seq = 20",), "journal_gap", 20),
        (SWAP, "record_out_of_order", 20),
        (("DELETE FROM event WHERE seq > 50",), "journal_cut", 51),
        (("UPDATE event SET data = x'7b7d' WHERE seq = 20",), "record_out_of_order", 20),
        (("UPDATE event SET data = x'ff' WHERE seq = 20",), "record_unreadable", 20),
        (("UPDATE checkpoint SET note = x'00'",), "checkpoint_bad", None),
        (("UPDATE snapshot SET data = x'00'",), "snapshot_bad", None),
    ],
)
async def test_a_change_is_named(
    signed_home: Home, statements: tuple[str, ...], code: str, seq: int | None
) -> None:
    change(signed_home, *statements)
    report = verify(signed_home.path)
    assert not report.ok
    found = [fault for fault in report.faults if fault.code == code]
    assert found, report.faults
    if seq is not None:
        assert found[0].seq == seq


async def test_a_cut_after_the_last_checkpoint_is_found_without_an_anchor(tmp_path: Path) -> None:
    home = await written(tmp_path, signed=False)
    whole = verify(home.path)
    assert whole.ok
    change(home, f"DELETE FROM event WHERE seq >= {whole.size - 5}")
    assert {fault.code for fault in verify(home.path).faults} == {"journal_cut"}


async def test_a_cut_of_events_and_their_signatures_is_found_with_an_anchor(tmp_path: Path) -> None:
    home = await written(tmp_path, signed=False)
    whole = verify(home.path)
    (size,) = rows(home, "SELECT size FROM proof ORDER BY size DESC LIMIT 1 OFFSET 3")[0]
    change(home, f"DELETE FROM event WHERE seq >= {size}", f"DELETE FROM proof WHERE size > {size}")
    (fault,) = verify(home.path).faults
    assert (fault.code, str(whole.size) in fault.text) == ("journal_cut", True)
    with pytest.raises(JournalError, match=r"remove `journal\.size`"):
        async with serving(home):
            pass
    # Whoever can cut the journal can also take this number away.
    home.journal_path.with_suffix(".size").unlink()
    assert verify(home.path).ok
    for anchor in (whole.root, f"{whole.size}:{whole.root}"):
        report = verify(home.path, anchor)
        assert [fault.code for fault in report.faults] == ["anchor_mismatch"]


async def test_an_anchor_of_any_earlier_moment_is_recognised(signed_home: Home) -> None:
    report = verify(signed_home.path)
    db = sqlite3.connect(signed_home.journal_path)
    rows = db.execute("SELECT data FROM event ORDER BY seq LIMIT 17").fetchall()
    db.close()
    from holdfast._core import LogTree

    tree = LogTree()
    tree.extend([bytes(row[0]) for row in rows])
    assert verify(signed_home.path, tree.root.hex()).anchor_size == 17
    assert verify(signed_home.path, f"17:{tree.root.hex()}").anchor_size == 17
    wrong = verify(signed_home.path, f"18:{tree.root.hex()}")
    assert [fault.code for fault in wrong.faults] == ["anchor_mismatch"]
    assert verify(signed_home.path, report.root).ok
    with pytest.raises(JournalError, match="64 hex digits"):
        verify(signed_home.path, "nonsense")


async def test_a_daemon_does_not_start_on_a_journal_that_was_cut_or_edited(
    signed_home: Home,
) -> None:
    change(signed_home, "DELETE FROM event WHERE seq > 50")
    with pytest.raises(JournalError, match="journal_cut"):
        async with serving(signed_home):
            pass
    change(signed_home, "DELETE FROM snapshot", EDIT)
    with pytest.raises(JournalError):
        async with serving(signed_home):
            pass


async def test_a_start_from_a_snapshot_gives_the_state_of_a_full_replay(signed_home: Home) -> None:
    async with serving(signed_home) as guardian:
        quick = guardian.core.guard.state_digest()
        size = guardian.core.guard.size
    report = verify(signed_home.path)
    assert report.ok
    change(signed_home, "DELETE FROM snapshot")
    db = sqlite3.connect(signed_home.journal_path)
    rows = db.execute("SELECT data FROM event WHERE seq < ? ORDER BY seq", (size,)).fetchall()
    db.close()
    from holdfast._core import Guard

    assert Guard.replay([bytes(row[0]) for row in rows]).state_digest() == quick


async def test_a_snapshot_that_was_changed_is_passed_over(signed_home: Home) -> None:
    db = sqlite3.connect(signed_home.journal_path)
    ((data,),) = db.execute("SELECT data FROM snapshot").fetchall()
    spoilt = bytearray(data)
    spoilt[len(spoilt) // 2] ^= 1
    import hashlib

    db.execute(
        "UPDATE snapshot SET data = ?, sha256 = ?",
        (bytes(spoilt), hashlib.sha256(spoilt).digest()),
    )
    db.commit()
    db.close()
    async with serving(signed_home) as guardian:
        assert guardian.core.guard.size > EVENTS


async def test_the_journal_leaves_as_text(signed_home: Home) -> None:
    lines, table = io.StringIO(), io.StringIO()
    assert export(signed_home.path, "jsonl", lines) == export(signed_home.path, "csv", table)
    events = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [event["seq"] for event in events] == list(range(len(events)))
    rows = list(csv.DictReader(io.StringIO(table.getvalue())))
    assert [row["kind"] for row in rows] == [event["kind"] for event in events]


def test_a_torn_file_is_refused_with_words(tmp_path: Path) -> None:
    broken = tmp_path / "journal.sqlite"
    broken.write_bytes(b"SQLite format 3\x00" + struct.pack(">H", 4096) + os.urandom(5000))
    with pytest.raises(JournalError, match="cannot be read"):
        verify(broken)


async def test_a_file_that_is_damaged_further_on_is_refused_with_words(signed_home: Home) -> None:
    file = signed_home.journal_path
    db = sqlite3.connect(file)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (size,) = db.execute("PRAGMA page_size").fetchone()
    (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'event'").fetchone()
    db.close()
    data = bytearray(file.read_bytes())
    data[(root - 1) * size : root * size] = os.urandom(size)
    file.write_bytes(data)
    with pytest.raises(JournalError, match=r"journal_unreadable: .* cannot be read as a journal"):
        verify(signed_home.path)
    with pytest.raises(JournalError, match="journal_unreadable"):
        export(signed_home.path, "jsonl", io.StringIO())
    with pytest.raises(JournalError, match="journal_unreadable"):
        async with serving(signed_home):
            pass
