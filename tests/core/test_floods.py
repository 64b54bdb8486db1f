"""What an agent repeats as fast as it can must not cost the guardian more and more."""

from __future__ import annotations

from tests.bench.core import START_MS, guard_with
from tests.bench.policies import bench_policy, transfer_params, vendor
from tests.support.facts import NO_FACTS

TIMES = 3_000


def test_a_denied_request_repeated_thousands_of_times_leaves_nothing_behind() -> None:
    guard = guard_with(bench_policy(addresses=1, spent_out=True))
    call = transfer_params(vendor(0), 5_000_000)

    def flood() -> int:
        for number in range(TIMES):
            now_ms = START_MS + number % 7
            applied = guard.submit("load", "eth_sendTransaction", call, NO_FACTS, now_ms)
            assert applied.status == "denied"
        return len(guard.snapshot())

    assert flood() >= flood() - 1_000  # bytes; only counters may grow
