"""Durable verdicts over the socket: load from another process against a real daemon."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.policies import TOKEN, bench_policy, vendor
from tests.bench.rows import Row, percentile

from holdfast.agent.signed import RequestKey
from holdfast.demo.chain import Chain
from holdfast.demo.guardian import DemoGuardian

REPO = Path(__file__).resolve().parents[2]
SEED = "11" * 32
CLIENTS = 64
ROUNDS = 3


@contextmanager
def guardian(**policy: Any) -> Iterator[DemoGuardian]:
    """A running daemon with the benchmark's policy, under which every payment is over a limit."""
    with (
        tempfile.TemporaryDirectory(prefix="hf-") as folder,
        Chain() as chain,
        DemoGuardian(Path(folder) / "home", chain) as demo,
    ):
        demo.policy(bench_policy(wallet=demo.wallets[0], spent_out=True, **policy))
        demo.config("")
        demo.start()
        yield demo


def load_command(socket: str, wallet: str, *more: str) -> list[str]:
    """The load generator's command line."""
    command = [sys.executable, "-m", "tests.bench.load", socket, "--wallet", wallet]
    return [*command, "--token", TOKEN, "--to", vendor(0), *more]


def load(socket: str, wallet: str, *more: str) -> dict[str, Any]:
    """One run of the load generator; every answer must be as expected."""
    done = subprocess.run(
        load_command(socket, wallet, *more),
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the load generator failed: {done.stderr[-2000:]}")
    told = dict(json.loads(done.stdout))
    if told["unexpected"]:
        raise RuntimeError(f"{told['unexpected']} unexpected answers, e.g. {told['sample']}")
    return told


def best_of(rounds: int, run: Any) -> dict[str, Any]:
    """The run with the median rate."""
    told = sorted((run() for _ in range(rounds)), key=lambda one: one["per_s"])
    return dict(told[len(told) // 2])


def echo(seconds: str) -> dict[str, Any]:
    """The bare asyncio echo under the same load."""
    with tempfile.TemporaryDirectory(prefix="hf-") as folder:
        path = str(Path(folder) / "echo.sock")
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.echo", path], cwd=REPO, stdout=subprocess.PIPE
        )
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == b"ready\n"
            more = ("--expect", "result", "--seconds", seconds)
            return best_of(ROUNDS, lambda: load(path, "0x" + "11" * 20, *more))
        finally:
            server.kill()
            server.communicate()


def freezes_under_load(demo: DemoGuardian, seconds: float) -> tuple[list[float], dict[str, Any]]:
    """Milliseconds from asking for a freeze to its acknowledgement, while 64 clients send."""
    command = load_command(demo.agent_socket("load"), demo.wallets[0], "--seconds", str(seconds))
    running = subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, text=True)
    taken = []
    with demo.connect(key=False) as operator:
        time.sleep(1.0)  # the load reaches its level
        while running.poll() is None:
            begun = time.perf_counter()
            operator.freeze("agent", "other-1", "bench")
            taken.append((time.perf_counter() - begun) * 1000)
            time.sleep(0.02)
    out, _ = running.communicate()
    return taken[:-5], dict(json.loads(out))


def rows(seconds: float = 5.0) -> list[Row]:
    """Every figure over the socket."""
    span = str(seconds)
    bare = echo(span)
    out = [Row("bare asyncio echo, 64 clients", bare["per_s"], "/s", note="baseline, same load")]
    with guardian() as demo:
        socket, wallet = demo.agent_socket("load"), demo.wallets[0]
        load(socket, wallet, "--seconds", "1")
        many = best_of(ROUNDS, lambda: load(socket, wallet, "--seconds", span))
        one = best_of(ROUNDS, lambda: load(socket, wallet, "--seconds", span, "--clients", "1"))
        frozen, loaded = freezes_under_load(demo, 2 * seconds)
    share = many["per_s"] / bare["per_s"]
    out += [
        Row(
            "durable verdicts, 64 clients",
            many["per_s"],
            "/s",
            10_000,
            most=False,
            note=f"{share:.2f} of the echo",
        ),
        Row("the same, p99", many["p99_us"] / 1000, "ms", 25.0),
        Row("one client, p50", one["p50_us"] / 1000, "ms", 1.5),
        Row(
            "freeze acknowledged under that load, p99",
            percentile(frozen, 0.99),
            "ms",
            50.0,
            note=f"{len(frozen)} freezes at {loaded['per_s']:,.0f} verdicts/s",
        ),
    ]
    key = RequestKey(bytes.fromhex(SEED))
    with guardian(public_key=key.public_key) as demo:
        socket, wallet = demo.agent_socket("load"), demo.wallets[0]
        more = ("--seconds", span, "--sign", SEED, "--expect", '"code":4001')
        signed = best_of(ROUNDS, lambda: load(socket, wallet, *more))
    out += [
        Row("durable verdicts, ed25519-signed", signed["per_s"], "/s", 6_000, most=False),
        Row("the same, p99", signed["p99_us"] / 1000, "ms", 25.0),
    ]
    return out
