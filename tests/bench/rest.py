"""Start with a long journal, and what an idle daemon costs."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import time
from pathlib import Path

from nacl.signing import SigningKey
from tests.bench.policies import bench_policy, transfer_params, vendor
from tests.bench.rows import Row
from tests.support.facts import NO_FACTS
from tests.support.signed_policy import load_policy

from holdfast._core import checkpoint_body, signed_note
from holdfast.demo.chain import Chain
from holdfast.demo.guardian import OPERATOR_PASSPHRASE, WALLETS_PASSPHRASE, DemoGuardian
from holdfast.secrets import sealed
from holdfast.secrets.passing_key import PassingKey
from holdfast.service.guardian.session import begin
from holdfast.service.journal.interface import Snapshot, Writer
from holdfast.service.journal.open import open_writer
from holdfast.service.journal.replay import restore
from holdfast.service.journal.signed_notes import snapshot_body

EVENTS = 1_000_000
TAIL = 50_000  # events after the last snapshot: as many as there can be by the default config
BATCH = 4096
IDLE_S = 10.0
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def fill(demo: DemoGuardian, events: int, tail: int) -> None:
    """Gives a stopped guardian a journal of `events`, decided by the core as in life."""
    journal = open_writer(demo.home.journal_path)
    restored = restore(journal.reader)
    key_file = demo.home.log_key_path.read_bytes()
    key = sealed.unseal(key_file, bytearray(WALLETS_PASSPHRASE.encode()))
    begin(journal, restored, PassingKey(key_file, bytearray(WALLETS_PASSPHRASE.encode())))
    guard, origin = restored.guard, restored.identity.origin
    failed: list[Exception] = []
    journal.start(lambda _size: None, failed.append)
    now = guard.last_at + 1
    policy = bench_policy(wallet=demo.wallets[0], spent_out=True)
    signed = load_policy(
        guard,
        policy,
        now,
        key=sealed.unseal(demo.home.operator_key_path.read_bytes(), OPERATOR_PASSPHRASE.encode()),
        key_id=demo.operator_id,
        log_key=bytes(key.verify_key).hex(),
    )
    batch = list(signed.records)
    stored = False
    while guard.size < events:
        number = guard.size
        call = transfer_params(vendor(number % 10_000), 1_000 + number, wallet=demo.wallets[0])
        batch += guard.submit(
            "load", "eth_sendTransaction", call, NO_FACTS, now + number // 4
        ).records
        if len(batch) >= BATCH:
            journal.append(batch, guard.size, guard.root)
            batch = []
        if not stored and guard.size >= events - tail:
            journal.append(batch, guard.size, guard.root)
            batch, stored = [], True
            store(journal, key, origin, guard.size, guard.root, guard.snapshot())
    if batch:
        journal.append(batch, guard.size, guard.root)
    journal.close()
    if failed:
        raise failed[0]


def store(
    journal: Writer, key: SigningKey, origin: str, size: int, root: bytes, data: bytes
) -> None:
    """A checkpoint and a snapshot, as the guardian stores them."""

    def note(body: bytes) -> bytes:
        public = bytes(key.verify_key)
        return signed_note(body, origin, public, key.sign(body).signature)

    sha256 = hashlib.sha256(data).digest()
    journal.add_checkpoint(size, note(checkpoint_body(origin, size, root)))
    bound = note(snapshot_body(origin, size, root, sha256))
    journal.add_snapshot(Snapshot(size, root, sha256, data, bound))


def socket_opens(demo: DemoGuardian) -> float:
    """Seconds from starting the process until the operator socket answers."""
    begun = time.perf_counter()
    demo.start(wait_s=600)
    return time.perf_counter() - begun


def start_rows(events: int = EVENTS) -> list[Row]:
    """How long a start takes with a long journal."""
    with (
        tempfile.TemporaryDirectory(prefix="hf-") as folder,
        Chain() as chain,
        DemoGuardian(Path(folder) / "home", chain) as demo,
    ):
        demo.policy(bench_policy(wallet=demo.wallets[0], spent_out=True))
        demo.config("")
        fill(demo, events, min(TAIL, events // 2))
        size = demo.home.journal_path.stat().st_size >> 20
        taken = []
        for _ in range(3):
            taken.append(socket_opens(demo))
            demo.kill()
    note = f"{min(TAIL, events // 2):,} after the snapshot; journal {size} MiB"
    return [Row(f"start to open socket, {events:,} events", sorted(taken)[1], "s", 2.0, note=note)]


def processes(pid: int) -> list[int]:
    """The process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in processes(int(child)))]


def memory_mb(pid: int) -> float:
    """Proportional set size: shared pages count once over all who share them."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1000
    return 0.0


def cpu_s(pid: int) -> float:
    """User and system time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def idle_rows() -> list[Row]:
    """Memory and processor time of a daemon with nothing to do, its signer included."""
    with (
        tempfile.TemporaryDirectory(prefix="hf-") as folder,
        Chain() as chain,
        DemoGuardian(Path(folder) / "home", chain) as demo,
    ):
        demo.policy(bench_policy(wallet=demo.wallets[0]))
        demo.start()
        threading.Event().wait(IDLE_S / 2)
        pids = processes(demo.pid)
        begun = sum(cpu_s(pid) for pid in pids)
        threading.Event().wait(IDLE_S)
        spent = sum(cpu_s(pid) for pid in pids) - begun
        parts = [memory_mb(pid) for pid in pids]
    note = "daemon " + " + signer ".join(f"{part:.0f}" for part in parts) + " MB"
    return [
        Row("idle, memory of all its processes", sum(parts), "MB", 120.0, note=note),
        Row("idle, processor", 100 * spent / IDLE_S, "% of a core", 1.0),
    ]
