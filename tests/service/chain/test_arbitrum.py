"""What data costs on Arbitrum is inside of the gas, and counts once.

The estimate has it, the cap binds it, and the limits count it once. A real chain, behind a node
that answers as Arbitrum's does.
"""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.anvil import Anvil
from tests.support.guardian import Guardian
from tests.support.proxy import NodeProxy, result

LIMIT = """
[[limit]]
id = "fees"
per = "agent"
effects = ["fee"]
assets = ["eth"]
measure = "amount"
max = "1"
window = "24h"
on_exceed = "deny"
"""
# Of what a transfer takes, most is for its data.
GAS = 380_000
GAS_FOR_L1 = GAS - 21_000


@pytest.fixture
async def guardian(tmp_path: Path, anvil: Anvil, proxy: NodeProxy) -> AsyncIterator[Guardian]:
    made = Guardian.make(tmp_path / "home", anvil, url=proxy.url)
    made.more = LIMIT
    await made.open()
    yield made
    await made.close()


def as_arbitrum(proxy: NodeProxy, estimate: int) -> None:
    """The estimate with the gas for the data; receipts that say the part of it again."""

    def hook(call: dict[str, Any], forward: Callable[[], bytes]) -> bytes:
        if call["method"] == "eth_estimateGas":
            return result(call, hex(estimate))
        answer = json.loads(forward())
        if call["method"] == "eth_getTransactionReceipt" and answer.get("result"):
            answer["result"] |= {"gasUsed": hex(GAS), "gasUsedForL1": hex(GAS_FOR_L1)}
        return json.dumps(answer).encode()

    proxy.hook = hook


def used(guardian: Guardian) -> tuple[int, int]:
    """wei of fees that are posted and held."""
    rows = json.loads(guardian.core.guard.limits(None, guardian.core.clock.now_ms()))
    (row,) = [each for each in rows if each["limit"] == "fees"]
    return int(row["used"]), int(row["reserved"])


async def test_gas_for_data_is_ordered_within_the_cap_and_counted_once(
    guardian: Guardian, proxy: NodeProxy, anvil: Anvil
) -> None:
    as_arbitrum(proxy, GAS)
    request = guardian.pay()
    # Until it is settled the limit counts the whole cap.
    assert used(guardian) == (0, 500_000 * 100 * 10**9)
    await guardian.until(request, "confirmed")
    (ordered,) = guardian.events("request.authorised", request)
    assert ordered["order"]["gas"] == GAS * 5 // 4
    (settled,) = guardian.events("request.settled", request)
    (signed,) = guardian.events("request.signed", request)
    price = int(anvil.call("eth_getTransactionReceipt", signed["hash"])["effectiveGasPrice"], 16)
    assert int(settled["fee_wei"]) == GAS * price
    assert used(guardian) == (GAS * price, 0)


async def test_an_estimate_with_a_quarter_more_than_the_cap_is_ordered_with_the_cap(
    guardian: Guardian, proxy: NodeProxy
) -> None:
    as_arbitrum(proxy, 450_000)
    request = guardian.pay()
    await guardian.until(request, "confirmed")
    (ordered,) = guardian.events("request.authorised", request)
    assert ordered["order"]["gas"] == 500_000


async def test_gas_for_data_over_the_cap_is_not_signed(
    guardian: Guardian, proxy: NodeProxy
) -> None:
    as_arbitrum(proxy, 500_001)
    request = guardian.pay()
    await guardian.until(request, "failed")
    (failed,) = guardian.events("request.failed", request)
    assert failed["code"] == "gas_over_cap"
    assert guardian.events("request.signed", request) == []
    assert used(guardian) == (0, 0)
