"""What the program exists for: allowed payments, decided, on disk, signed, and each verified."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eth_account import Account
from tests.bench import peer, wire
from tests.bench.flood import guardian
from tests.bench.load import payments
from tests.bench.node import fast_chain
from tests.bench.policies import TOKEN, bench_policy, vendor
from tests.bench.rest import fill
from tests.bench.rows import Row, percentile
from tests.bench.wire import best_of, load
from tests.support.terminal import Terminal

from holdfast.demo.guardian import DemoGuardian

ROUNDS = 3
BEHIND = 100_000
# What one client may wait for besides its two syncs, on a machine whose echo makes ECHO_PER_S.
OWN_MS = 1.5
ECHO_PER_S = 90_000
COLUMNS, LINES = 200, 50


def documents() -> Iterator[str]:
    """The x402 documents of the load, each another one."""
    for frame in payments(TOKEN, Account.create().address, vendor(0), 1):
        yield json.dumps(json.loads(frame)["params"][1])


def bare(seconds: float) -> float:
    """The same payments a second by eth-account alone: no policy, no journal, no socket."""
    account, source = Account.create(), documents()
    count, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        account.sign_typed_data(full_message=json.loads(next(source)))
        count += 1
    return count / (time.perf_counter() - begun)


def sync_ms() -> float:
    """The median of writing 8 KB into a file and syncing it, in ms, where the homes are.

    The file has its room already, as a write-ahead log that is used again.
    """
    with tempfile.TemporaryDirectory(prefix="hf-") as folder:
        path = Path(folder) / "log"
        path.write_bytes(bytes(300 * 8192))
        file = os.open(path, os.O_WRONLY)
        os.fsync(file)
        taken = []
        for _ in range(300):
            begun = time.perf_counter()
            os.write(file, b"x" * 8192)
            os.fdatasync(file)
            taken.append((time.perf_counter() - begun) * 1000)
        os.close(file)
    return percentile(taken, 0.5)


def x402(demo: DemoGuardian, seconds: float, *more: str) -> dict[str, Any]:
    """One run of payments whose signatures are verified afterwards."""
    given = ("--pay", "--verify", "--expect", '"result"', "--seconds", str(seconds))
    return load(demo.agent_socket("load"), demo.wallets[0], *given, *more)


def journal_bytes(demo: DemoGuardian) -> int:
    """What all events take in the journal."""
    db = sqlite3.connect(f"file:{demo.home.journal_path}?mode=ro", uri=True)
    try:
        return int(db.execute("SELECT sum(length(data)) FROM event").fetchone()[0])
    finally:
        db.close()


def transactions(seconds: float) -> dict[str, Any]:
    """`eth_sendTransaction`, each to its hash, at a node that answers at once."""
    with (
        fast_chain() as chain,
        tempfile.TemporaryDirectory(prefix="hf-") as folder,
        DemoGuardian(Path(folder) / "home", chain) as demo,  # type: ignore[arg-type]
    ):
        begin(demo)
        path, wallet = demo.agent_socket("load"), demo.wallets[0]
        given = ("--expect", '"result"', "--seconds", str(seconds))
        load(path, wallet, "--expect", '"result"', "--seconds", "1")
        return best_of(ROUNDS, lambda: load(path, wallet, *given))


def begin(demo: DemoGuardian) -> None:
    """Starts it with the policy of the benchmarks, and waits for the keys."""
    demo.policy(bench_policy(wallet=demo.wallets[0]))
    demo.config("")
    demo.start(wait_s=600)
    with demo.connect(key=False) as operator:
        while not operator.call("status")["health"]["signer"]["ok"]:
            time.sleep(0.05)


@contextmanager
def watched(demo: DemoGuardian) -> Iterator[None]:
    """A real console on a terminal of its own."""
    env = {**os.environ, "TERM": "xterm-256color", "XDG_CONFIG_HOME": str(demo.home.path)}
    command = [sys.executable, "-m", "holdfast", "console", "--home", str(demo.home.path)]
    terminal = Terminal(command, env, COLUMNS, LINES)
    try:
        terminal.wait_for("LIVE")
        yield
    finally:
        terminal.close()


def beside_a_console(seconds: float) -> dict[str, Any]:
    """The payments of `x402` with many requests behind them and a console that shows them."""
    with (
        fast_chain() as chain,
        tempfile.TemporaryDirectory(prefix="hf-") as folder,
        DemoGuardian(Path(folder) / "home", chain) as demo,  # type: ignore[arg-type]
    ):
        fill(demo, BEHIND, BEHIND // 2)
        begin(demo)
        with watched(demo):
            x402(demo, 1.0)
            return x402(demo, seconds)


def rows(seconds: float = 5.0) -> list[Row]:
    """64 clients of one agent, one client alone, transactions, and a console beside."""
    alone, synced = bare(seconds), sync_ms()
    echo = wire.echo(str(seconds))["per_s"]
    with wire.guardian() as demo:
        path, wallet = demo.agent_socket("load"), demo.wallets[0]
        load(path, wallet, "--seconds", "1")
        verdicts = best_of(ROUNDS, lambda: load(path, wallet, "--seconds", str(seconds)))["per_s"]
    with guardian() as demo:
        x402(demo, 1.0)
        before = journal_bytes(demo)
        paid = x402(demo, seconds)
        grown = (journal_bytes(demo) - before) / paid["calls"]
        many = best_of(ROUNDS, lambda: x402(demo, seconds))
        one = x402(demo, seconds, "--clients", "1")
    per_s = many["per_s"]
    most_ms = 2 * synced + OWN_MS * ECHO_PER_S / echo
    sent, shown = transactions(seconds)["per_s"], beside_a_console(seconds)["per_s"]
    return [
        Row("bare eth-account, the same payments", alone, "/s", note="baseline, one core"),
        *peer.rows(documents(), seconds),
        Row("bare asyncio echo, 64 clients", echo, "/s", note="baseline, same load"),
        Row("durable verdicts, 64 clients", verdicts, "/s", note="baseline: denials, one sync"),
        Row("8 KB written and synced, p50", synced, "ms", note="baseline"),
        Row("allowed payments, signed and verified, 64 clients", per_s, "/s"),
        Row("the same, of bare eth-account", per_s / alone, "x", 5.0, most=False),
        Row("the same, of durable verdicts", per_s / verdicts, "x", 0.25, most=False),
        Row("the same, p99", many["p99_us"] / 1000, "ms"),
        Row(
            "one client, p50",
            one["p50_us"] / 1000,
            "ms",
            most_ms,
            note="bar: two syncs, and 1.5 ms where the echo makes 90,000/s",
        ),
        Row("journal for each payment", grown, "bytes"),
        Row("transactions at a node that answers at once, 64 clients", sent, "/s"),
        Row("the same, of the signatures", sent / per_s, "x", 0.5, most=False),
        Row(
            "signatures beside a console, 100,000 events behind",
            shown / per_s,
            "x",
            0.5,
            most=False,
            note=f"{shown:,.0f} /s",
        ),
    ]
