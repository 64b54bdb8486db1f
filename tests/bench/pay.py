"""What the program exists for: allowed payments, decided, on disk, signed, and each verified."""

from __future__ import annotations

import json
import time
from typing import Any

from eth_account import Account
from tests.bench.flood import guardian
from tests.bench.load import payments
from tests.bench.policies import TOKEN, vendor
from tests.bench.rows import Row
from tests.bench.wire import best_of, load

ROUNDS = 3


def bare(seconds: float) -> float:
    """The same payments a second by eth-account alone: no policy, no journal, no socket."""
    account = Account.create()
    source = payments(TOKEN, account.address, vendor(0), 1)
    count, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        document = json.loads(next(source))["params"][1]
        account.sign_typed_data(full_message=document)
        count += 1
    return count / (time.perf_counter() - begun)


def rows(seconds: float = 5.0) -> list[Row]:
    """64 clients of one agent, and one client alone."""
    alone = bare(seconds)
    with guardian() as house:
        path, wallet = house.agent_socket("load"), house.wallets[0]

        def run(*more: str) -> dict[str, Any]:
            given = ("--pay", "--verify", "--expect", '"result"', "--seconds", str(seconds))
            return load(path, wallet, *given, *more)

        run("--seconds", "1")
        many = best_of(ROUNDS, run)
        one = run("--clients", "1")
    per_s = many["per_s"]
    return [
        Row("bare eth-account, the same payments", alone, "/s", note="baseline, one core"),
        Row(
            "allowed payments, signed and verified, 64 clients",
            per_s,
            "/s",
            note=f"{per_s / alone:.2f} of bare eth-account",
        ),
        Row("the same, p99", many["p99_us"] / 1000, "ms"),
        Row(
            "one client, p50", one["p50_us"] / 1000, "ms", note=f"p99 {one['p99_us'] / 1000:.3g} ms"
        ),
    ]
