"""A snapshot of an earlier version is passed over: the events say the same."""

import hashlib
import sqlite3
from pathlib import Path

from tests.service.in_process import log_key, serving
from tests.service.journal.test_journal_verify import EVENTS, written

from holdfast.service.home.folder import Home
from holdfast.service.journal.open import open_reader
from holdfast.service.journal.signed_notes import LogIdentity, sign_note, snapshot_body
from holdfast.service.journal.verify import verify


def of_another_version(home: Home) -> None:
    """As the snapshot lies there after an update: well signed, in the format of before."""
    reader = open_reader(home.journal_path)
    (snapshot,) = reader.snapshots()
    origin = LogIdentity.of_genesis(reader.records(0, 1)[0]).origin
    reader.close()
    data = bytes([snapshot.data[0] - 1]) + snapshot.data[1:]
    sha256 = hashlib.sha256(data).digest()
    body = snapshot_body(origin, snapshot.size, snapshot.root, sha256)
    note = sign_note(log_key(home), origin, body)
    db = sqlite3.connect(home.journal_path)
    db.execute("UPDATE snapshot SET data = ?, sha256 = ?, note = ?", (data, sha256, note))
    db.commit()
    db.close()


async def test_the_first_start_of_a_new_version_reads_every_event(tmp_path: Path) -> None:
    home = await written(tmp_path, signed=True)
    of_another_version(home)
    assert verify(home.path).ok
    async with serving(home) as guardian:
        assert guardian.core.guard.size > EVENTS
