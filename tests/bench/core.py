"""The core's decision, alone: in Rust, through the binding, and against plain Python."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey
from tests.bench.plain import Evaluator
from tests.bench.policies import bench_policy, transfer_params, vendor
from tests.bench.rows import Row, percentile
from tests.support.facts import NO_FACTS
from tests.support.signed_policy import load_policy

from holdfast._core import Guard

REPO = Path(__file__).resolve().parents[2]
START_MS = 1_780_000_000_000
WARM, COUNT = 2_000, 20_000
ADDRESSES = 10_000
# `The same` within what two runs of one benchmark differ here.
SAME = 1.25


def rust_latency() -> dict[str, Any]:
    """What the core's own example measures, as it prints it."""
    command = ["cargo", "run", "--release", "--locked", "--quiet", "-p", "holdfast-core"]
    done = subprocess.run(
        [*command, "--example", "latency", "--", "--json"],
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=1800,
        check=True,
    )
    return dict(json.loads(done.stdout))


def guard_with(policy: str) -> Guard:
    """A new guard under a policy."""
    key = SigningKey(bytes(32))
    public_key = bytes(key.verify_key).hex()
    genesis = {
        "origin": "holdfast.local/bench",
        "log_key": public_key,
        "operators": [{"id": "operator", "public_key": "0x" + public_key}],
        "version": "bench",
    }
    guard, _ = Guard.create(json.dumps(genesis).encode(), START_MS)
    load_policy(guard, policy, START_MS, key=key, key_id="operator", log_key=public_key)
    return guard


def timed(submit: Callable[[bytes, int], object], count: int = COUNT) -> tuple[float, float]:
    """p50 and p99 in µs over payments to many vendors, each of another amount."""
    calls = [transfer_params(vendor(n % ADDRESSES), 1_000 + n) for n in range(WARM + count)]
    taken = []
    clock = time.perf_counter_ns
    for number, call in enumerate(calls):
        begun = clock()
        submit(call, START_MS + number)
        taken.append(clock() - begun)
    measured = taken[WARM:]
    return percentile(measured, 0.5) / 1000, percentile(measured, 0.99) / 1000


def bound(rules: int) -> tuple[float, float]:
    """Through the binding: `Guard.submit`, records included. Every payment is granted."""
    guard = guard_with(bench_policy(rules=rules, addresses=ADDRESSES))

    def submit(params: bytes, now_ms: int) -> None:
        applied = guard.submit("load", "eth_sendTransaction", params, NO_FACTS, now_ms)
        assert applied.status == "go", applied.answer
        assert applied.records

    return timed(submit)


def plain(rules: int, count: int) -> tuple[float, float]:
    """The plain-Python evaluator on the same policy and payments."""
    evaluator = Evaluator(bench_policy(rules=rules, addresses=ADDRESSES))
    return timed(lambda params, now_ms: evaluator.submit("load", params, now_ms), count)


def rows() -> list[Row]:
    """Every figure of the core."""
    out = []
    rust = rust_latency()
    for name, key, bar in (
        ("decision, 20 rules, p50", "p50_us", 5.0),
        ("decision, 20 rules, p99", "p99_us", 20.0),
    ):
        out.append(Row(name, rust["rules_20"][key], "µs", bar, note="Rust, bytes to hashed event"))
    ratio = rust["rules_10000"]["p50_us"] / rust["rules_20"]["p50_us"]
    out.append(Row("decision, 10,000 rules / 20 rules", ratio, "x", 2.0, note="Rust, p50"))
    full = rust["window_1000000"]["p50_us"]
    ratio = full / rust["rules_20"]["p50_us"]
    name = "decision, 1,000,000 window entries / a few"
    out.append(Row(name, ratio, "x", SAME, note=f"Rust, p50, 30 days: {full:.2f} µs"))
    for name, key, bar, note in (
        ("decoding an ERC-20 transfer, p50", "decode_transfer", 1.5, ""),
        ("decoding a plan of five commands, p50", "decode_plan", 25.0, "Universal Router"),
        ("decoding the largest batch, p50", "decode_batch", None, "584 transfers, 128 KiB"),
    ):
        out.append(Row(name, rust[key]["p50_us"], "µs", bar, note=f"Rust {note}".strip()))
    p50, p99 = bound(20)
    out.append(Row("decision through the binding, p50", p50, "µs", note=f"p99 {p99:.1f} µs"))
    slow50, slow99 = plain(20, COUNT)
    note = f"p99 {slow99:.1f} µs; {slow50 / p50:.1f} x the core through the binding"
    out.append(Row("plain Python, 20 rules, p50", slow50, "µs", note=note))
    many50, _ = plain(10_000, 1_000)
    out.append(Row("plain Python, 10,000 rules, p50", many50, "µs"))
    return out
