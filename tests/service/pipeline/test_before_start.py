"""What is from before a start: nothing of it leaves before it is known how long ago that was."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.anvil import Anvil
from tests.support.guardian import Guardian, eventually
from tests.support.proxy import NodeProxy

from holdfast._core import AuthoriseFacts
from holdfast.service.guardian.clock_watch import ClockWatch
from holdfast.service.runtime.clock import Clock, wall_ms

MINUTE = 60_000
DAY = 24 * 60 * MINUTE
FACTS = AuthoriseFacts(gas=21000, max_fee_per_gas=4 * 10**9, max_priority_fee_per_gas=10**9)
GWEI = 10**9


@pytest.fixture
async def guardian(
    tmp_path: Path, anvil: Anvil, proxy: NodeProxy, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Guardian]:
    """One whose pauses are short, and that paid once."""
    monkeypatch.setattr("holdfast.service.pipeline.upkeep.RESEND_SECONDS_MIN", 0.05)
    monkeypatch.setattr("holdfast.service.pipeline.upkeep.RESEND_SECONDS_MAX", 0.2)
    monkeypatch.setattr("holdfast.service.pipeline.upkeep.BUMP_SECONDS", 0.1)
    monkeypatch.setattr("holdfast.service.pipeline.driver.RETRY_SECONDS_MAX", 0.5)
    made = Guardian.make(tmp_path / "home", anvil, url=proxy.url)
    made.settings = replace(made.settings, poll_ms=50)
    await made.open()
    await made.until(made.pay(), "confirmed")
    yield made
    await made.close()


async def signed(guardian: Guardian) -> str:
    """A payment that is signed and that no node has."""
    assert guardian.sender is not None
    assert guardian.signer is not None
    await guardian.sender.stop()
    request = guardian.pay(4242)
    guardian.core.authorise(request, FACTS)
    await guardian.core.durable()
    made = await guardian.signer.sign(guardian.order_seq(request))
    guardian.core.signed(request, made.payload)
    await guardian.core.durable()
    return request


async def back_after(guardian: Guardian, ms: int) -> None:
    """The next start, so much later by the system's clock."""
    await guardian.halt()
    guardian.clock = Clock(lambda: wall_ms() + ms)
    await guardian.open()
    assert guardian.clock.is_unconfirmed


async def some_rounds(proxy: NodeProxy) -> None:
    """The guardian looks at its chain a few times more."""
    asked = len(proxy.calls)
    await eventually(lambda: len(proxy.calls) > asked + 40)


def mine_at(anvil: Anvil, ms: int) -> None:
    anvil.call("anvil_setNextBlockTimestamp", hex(ms // 1000))
    anvil.call("evm_mine")


def why(guardian: Guardian, request: str) -> str:
    waits: dict[str, Any] = guardian.waiting.of(guardian.core.guard, request) or {}
    return str(waits.get("why", ""))


async def test_bytes_of_three_days_ago_are_held_also_where_the_node_is_there_before_the_clock(
    guardian: Guardian, anvil: Anvil, proxy: NodeProxy
) -> None:
    request = await signed(guardian)
    sent = proxy.sent()
    mine_at(anvil, wall_ms() + 3 * DAY)
    await back_after(guardian, 3 * DAY)
    await eventually(lambda: "no chain confirms the system's clock" in why(guardian, request))
    sender = guardian.sender
    assert sender is not None
    assert "holdfast clock set" in sender.refused(request), "the condition says it too"
    await some_rounds(proxy)
    assert guardian.state(request) == "signed"
    watch = ClockWatch(guardian.core, guardian.conditions, chains=True)
    watch.take(guardian.chains)
    running = asyncio.create_task(watch.run())
    await guardian.until(request, "held")
    running.cancel()
    assert proxy.sent() == sent
    digest = guardian.view(request)["digest"]
    guardian.command("approve", request=request, digest=digest)
    await guardian.until(request, "confirmed")
    assert guardian.received() == 1000 + 4242


async def test_bytes_of_five_minutes_ago_are_sent_once_a_chain_confirms_the_clock(
    guardian: Guardian, anvil: Anvil, proxy: NodeProxy
) -> None:
    request = await signed(guardian)
    sent = proxy.sent()
    await back_after(guardian, 5 * MINUTE)
    await some_rounds(proxy)
    assert (guardian.state(request), proxy.sent()) == ("signed", sent)
    guardian.clock.confirm([wall_ms() + 5 * MINUTE])
    await guardian.until(request, "confirmed")


async def test_what_was_sent_before_the_start_is_neither_sent_again_nor_given_a_higher_fee(
    guardian: Guardian, anvil: Anvil, proxy: NodeProxy
) -> None:
    anvil.call("evm_setAutomine", False)
    request = guardian.pay(4242)
    view = await guardian.until(request, "sent")
    sent = proxy.sent()
    await back_after(guardian, 5 * MINUTE)
    anvil.call("anvil_dropAllTransactions")
    anvil.call("anvil_setNextBlockBaseFeePerGas", hex(20 * GWEI))
    anvil.call("evm_mine")
    await some_rounds(proxy)
    assert proxy.sent() == sent
    assert guardian.view(request)["hash"] == view["hash"]
    guardian.clock.confirm([wall_ms() + 5 * MINUTE])
    await eventually(lambda: guardian.view(request)["hash"] != view["hash"])


async def test_what_is_new_is_sent_while_the_clock_is_not_confirmed(guardian: Guardian) -> None:
    await back_after(guardian, 3 * DAY)
    await guardian.until(guardian.pay(5), "confirmed")


async def test_a_request_that_waited_for_its_chain_for_days_fails_and_is_not_paid(
    guardian: Guardian, proxy: NodeProxy
) -> None:
    proxy.hook = lambda call, forward: None
    request = guardian.pay(4242)
    await eventually(lambda: why(guardian, request) != "")
    assert guardian.state(request) == "authorising"
    proxy.hook = None
    await back_after(guardian, 3 * DAY)
    await eventually(lambda: "no chain confirms the system's clock" in why(guardian, request))
    guardian.clock.confirm([wall_ms() + 3 * DAY])
    await guardian.until(request, "failed")
    (reason,) = guardian.view(request)["end_reasons"]
    assert reason["code"] == "chain_unavailable"
    await guardian.until(guardian.pay(7), "confirmed")
    assert guardian.received() == 1007
