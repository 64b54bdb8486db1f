"""Rows added, changed or removed behind any signature.

A start refuses, or begins with exactly what was proven, and frozen if there was anything else.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.perimeter import forging
from tests.perimeter.forging import database
from tests.service.in_process import SHOP, STRANGER, VENDOR, log_key, make_home, serving
from tests.service.journal.test_journal_verify import notes_of

from holdfast._core import Guard, LogTree
from holdfast.service.guardian.session import begin
from holdfast.service.home.folder import Home
from holdfast.service.journal.interface import JournalError
from holdfast.service.journal.open import open_writer
from holdfast.service.journal.replay import restore
from holdfast.service.journal.verify import verify

Rows = list[tuple[int, bytes]]


class Honest(NamedTuple):
    """A journal that nobody touched: its file, its records, the root and state after each."""

    home: Home
    file: Path
    rows: Rows
    roots: list[bytes]
    requests: list[str]


async def honest(folder: Path) -> Honest:
    """Events of every kind.

    Decisions, pending requests, a payment carried out, an order not signed, a freeze and its thaw;
    checkpoints in the middle, proofs to the end.
    """
    home = make_home(folder)
    async with serving(home) as guardian:
        line = await guardian.agent()
        for value in range(1, 4):
            await line.pay(STRANGER, value)
        await notes_of(guardian).checkpoint()
    async with serving(home) as guardian:
        requests = []
        line = await guardian.agent()
        for to in (VENDOR, VENDOR, SHOP):
            call = {"method": "eth_sendTransaction", "params": [{"to": to, "value": "0x9"}]}
            requests.append((await line.call("holdfast_submit", [call]))["result"]["requestId"])
        await guardian.carry_out(requests[0])
        operator = await guardian.operator()
        frozen = await operator.operate(
            "freeze", scope={"kind": "agent", "id": "other"}, reason="stop", actor="t"
        )
        await operator.operate("command", **guardian.command("thaw", freeze=frozen["freeze"]))
        await operator.operate(
            "freeze", scope={"kind": "agent", "id": "other"}, reason="", actor="t"
        )
        await notes_of(guardian).checkpoint()
        for value in range(11, 16):
            await line.pay(STRANGER, value)
    with database(home) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        rows = [(int(seq), bytes(data)) for seq, data in db.execute("SELECT * FROM event")]
    tree, roots = LogTree(), []
    for _, data in rows:
        tree.extend([data])
        roots.append(tree.root)
    file = folder / "honest.sqlite"
    shutil.copy(home.journal_path, file)
    return Honest(home, file, rows, roots, requests)


def changes_of(seed: random.Random, made: Honest, db: sqlite3.Connection) -> Callable[[], object]:
    """One change of one row, of a kind drawn at random, behind a place drawn at random."""
    size = len(made.rows)
    seq = seed.randrange(1, size)
    text = made.rows[seq][1].decode()

    def renumber(data: bytes, to: int) -> bytes:
        return forging.written(json.loads(data) | {"seq": to})

    def write(to: int, data: bytes) -> None:
        db.execute("INSERT OR REPLACE INTO event VALUES(?, ?)", (to, data))

    def add(forged: list[forging.Event]) -> None:
        for number, (kind, data) in enumerate(forged, end):
            at = json.loads(made.rows[-1][1])["at"]
            write(
                number,
                forging.written({"at": at, "data": data, "kind": kind, "seq": number, "v": 1}),
            )

    found = [json.loads(data) for _, data in made.rows]
    frozen = [event["seq"] for event in found if event["kind"] == "freeze.set"]
    swap = str(seed.randrange(10))
    place = seed.randrange(len(text))
    end = db.execute("SELECT max(seq) + 1 FROM event").fetchone()[0] or 0
    proof = db.execute("SELECT max(size) FROM proof").fetchone()[0] or size
    options: list[Callable[[], object]] = [
        lambda: add(forging.approval(found, seed.choice(made.requests))),
        lambda: add(forging.order(found, seed.choice(made.requests))),
        lambda: add(forging.thaw(found, frozen[-1])),
        lambda: write(seq, (text[:place] + swap + text[place + 1 :]).encode()),
        lambda: write(end, renumber(made.rows[seq][1], end)),
        lambda: write(seq, renumber(made.rows[seed.randrange(1, size)][1], seq)),
        lambda: write(seed.choice((-1, end + 3, 1 << 50)), made.rows[seq][1]),
        lambda: write(seq, b""),
        lambda: db.execute("DELETE FROM event WHERE seq = ?", (seq,)),
        lambda: db.execute("DELETE FROM event WHERE seq >= ?", (seq,)),
        lambda: db.execute("DELETE FROM proof WHERE size > ?", (seq,)),
        lambda: db.execute("INSERT OR REPLACE INTO proof VALUES(?, ?)", (end, os.urandom(64))),
        lambda: db.execute(
            "INSERT OR REPLACE INTO proof SELECT ?, signature FROM proof WHERE size = ?",
            (end, proof),
        ),
        lambda: db.execute("DELETE FROM checkpoint WHERE size > ?", (seq,)),
        lambda: db.execute("DELETE FROM session"),
        lambda: db.execute("UPDATE session SET from_size = ?", (seq,)),
        lambda: db.execute("UPDATE meta SET value = '1' WHERE key = 'format'"),
    ]
    return seed.choice(options)


def start(made: Honest, seed: random.Random) -> str:
    """Changes one to three rows of a fresh copy and starts on it; gives how that ended."""
    path = made.home.journal_path
    for end in ("-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)
    shutil.copy(made.file, path)
    with database(made.home) as db:
        for _ in range(seed.randint(1, 3)):
            changes_of(seed, made, db)()
            db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        left = [(int(seq), bytes(data)) for seq, data in db.execute("SELECT * FROM event")]
    report = verify(made.home.path)
    try:
        journal = open_writer(path)
    except JournalError:
        return "refused"
    try:
        restored = restore(journal.reader)
        begin(journal, restored, log_key(made.home))
        guard: Guard = restored.guard
        # Exactly a beginning of what the guardian wrote, whatever else was in the file.
        assert guard.root == made.roots[guard.size - 1]
        kept = [row for row in left if 0 <= row[0] < guard.size]
        assert kept == made.rows[: guard.size]
        if len(left) > len(kept):
            assert not report.ok
            assert journal.reader.pending_freeze() is not None
            assert journal.reader.set_aside() == len(left) - len(kept)
            return "frozen"
        # Nothing but whole commits, and their proofs, was taken from the end.
        assert journal.reader.pending_freeze() is None
        return "whole"
    except JournalError:
        assert not report.ok
        return "refused"
    finally:
        journal.close()


async def fuzz(folder: Path, count: int, first: int) -> dict[str, int]:
    made = await honest(folder)
    ends: dict[str, int] = {}
    for number in range(first, first + count):
        try:
            end = start(made, random.Random(number))
        except AssertionError as error:
            raise AssertionError(f"seed {number}") from error
        ends[end] = ends.get(end, 0) + 1
    return ends


async def test_changed_rows_lead_to_nothing_but_what_was_proven(tmp_path: Path) -> None:
    ends = await fuzz(tmp_path, 100, int(os.environ.get("HOLDFAST_SEED", "1")))
    assert ends["refused"] > 10
    assert ends["frozen"] > 5


@pytest.mark.prove
@pytest.mark.timeout(3600)
async def test_10_000_changed_journals_lead_to_nothing_but_what_was_proven(tmp_path: Path) -> None:
    ends = await fuzz(tmp_path, 10_000, 1_000)
    assert ends["refused"] > 1_000
    assert ends["frozen"] > 500
