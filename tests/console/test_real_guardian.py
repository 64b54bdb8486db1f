"""The console on a real guardian's core, journal and sockets: what is pressed is on disk."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.service.in_process import (
    OPERATOR_PASSPHRASE,
    SHOP,
    STRANGER,
    VENDOR,
    Guardian,
    make_home,
    serving,
)
from textual.pilot import Pilot

from holdfast.console.app import HoldfastApp
from holdfast.console.deciding import DecisionScreen
from holdfast.console.dialogs import ThawScreen

FINNEY = 10**15


class Clock:
    """Real time plus what a test skips, so nobody waits out the deaf second."""

    def __init__(self) -> None:
        import time

        self._real = time.monotonic
        self.skipped = 0.0

    def __call__(self) -> float:
        return self._real() + self.skipped


async def until(pilot: Pilot[Any], true: Callable[[], object]) -> None:
    for _ in range(500):
        if true():
            return
        await pilot.pause(0.02)
    raise AssertionError("never became true")


@asynccontextmanager
async def console(home: Path) -> AsyncIterator[tuple[Guardian, HoldfastApp, Pilot[None], Clock]]:
    """A served home and the console on it, the operator's key already open."""
    clock = Clock()
    async with serving(make_home(home), hold_ms=50) as guardian:
        app = HoldfastApp(guardian.home.path, clock=clock, config=home / "config")
        async with app.run_test(size=(120, 40)) as pilot:
            await until(pilot, lambda: app.client.connected)
            assert await app.session.unlock(bytearray(OPERATOR_PASSPHRASE)) is None
            yield guardian, app, pilot, clock


def state(guardian: Guardian, ident: str) -> str:
    view = json.loads(guardian.core.guard.request(ident) or b"{}")
    return str(view["state"])


def is_ready(app: HoldfastApp) -> bool:
    """Whether a decision is on screen, and what is decided was decoded again."""
    return isinstance(app.screen, DecisionScreen) and not app.screen.decision.unchecked


async def test_approving_on_screen_approves_in_the_core(home: Path) -> None:
    async with console(home) as (guardian, app, pilot, clock):
        agent = await guardian.agent()
        answer = await agent.pay(SHOP, FINNEY)
        ident = answer["error"]["data"]["requestId"]
        await until(pilot, lambda: app.selected_id == ident)
        await until(pilot, lambda: app.model.requests[ident].usd == 3_000_000)
        await pilot.press("a")
        await until(pilot, lambda: is_ready(app))
        clock.skipped += 1.1
        await pilot.press("y")
        clock.skipped += 0.2
        await until(pilot, lambda: state(guardian, ident) == "authorising")
        await until(pilot, lambda: app.model.requests[ident].state == "authorising")
        assert app.model.pending == []


async def test_a_large_payment_is_approved_by_typing_the_payees_middle(home: Path) -> None:
    async with console(home) as (guardian, app, pilot, clock):
        agent = await guardian.agent()
        answer = await agent.pay(SHOP, 1000 * FINNEY)
        ident = answer["error"]["data"]["requestId"]
        await until(pilot, lambda: app.selected_id == ident)
        await pilot.press("a")
        await until(pilot, lambda: is_ready(app))
        clock.skipped += 1.1
        for key in (*SHOP[20:24], "y"):
            await pilot.press(key)
            clock.skipped += 0.1
        clock.skipped += 0.2
        await until(pilot, lambda: state(guardian, ident) == "authorising")


async def test_denying_on_screen_denies_in_the_core(home: Path) -> None:
    async with console(home) as (guardian, app, pilot, clock):
        agent = await guardian.agent()
        answer = await agent.pay(SHOP, FINNEY)
        ident = answer["error"]["data"]["requestId"]
        await until(pilot, lambda: app.selected_id == ident)
        await pilot.press("d")
        await until(pilot, lambda: is_ready(app))
        clock.skipped += 1.1
        await pilot.press("y")
        clock.skipped += 0.2
        await until(pilot, lambda: state(guardian, ident) == "denied")


async def test_the_kill_switch_and_the_thaw(home: Path) -> None:
    async with console(home) as (guardian, app, pilot, clock):
        agent = await guardian.agent()
        waiting = (await agent.pay(SHOP, FINNEY))["error"]["data"]["requestId"]
        await until(pilot, lambda: app.selected_id == waiting)
        await pilot.press("f", "f")
        await until(pilot, lambda: app.model.frozen_everything)
        assert state(guardian, waiting) == "frozen"
        await until(pilot, lambda: app.model.requests[waiting].state == "frozen")
        denied = await agent.pay(VENDOR, FINNEY)
        assert denied["error"]["code"] == 4001
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, ThawScreen))
        clock.skipped += 1.1
        await pilot.press("y")
        clock.skipped += 0.2
        await until(pilot, lambda: app.model.status.freezes == [])
        assert json.loads(guardian.core.guard.status(guardian.core.clock.now_ms()))["freezes"] == []


async def test_what_the_screen_counts_is_what_the_core_counts(home: Path) -> None:
    async with console(home) as (guardian, app, pilot, _):
        agent = await guardian.agent()
        for payee in (VENDOR, SHOP, STRANGER, STRANGER):
            await agent.pay(payee, FINNEY)
        paid = (await guardian.until_open("authorising"))[0]["id"]
        await guardian.carry_out(paid)
        await until(pilot, lambda: app.model.status.seq == guardian.core.durable_size - 1)
        core = json.loads(guardian.core.guard.status(guardian.core.clock.now_ms()))["counts"]
        shown = {name: count for name, count in app.model.status.counts.items() if count}
        assert shown == {name: count for name, count in core.items() if count}
        assert app.model.requests[paid].state == state(guardian, paid)


MEMBERS = (
    "cancelling", "earlier", "fee_per_gas", "frozen_by", "hash", "nonce", "outcome",
    "priority_fee_per_gas", "since", "state",
)  # fmt: skip


async def test_what_takes_the_place_of_a_payment_is_as_the_core_has_it(home: Path) -> None:
    async with console(home) as (guardian, app, pilot, _):
        agent = await guardian.agent()
        await agent.pay(VENDOR, FINNEY)
        paid = (await guardian.until_open("authorising"))[0]["id"]

        async def same() -> dict[str, Any]:
            """Folded from the events alone, and as the core answers."""
            await guardian.core.durable()
            newest = guardian.core.durable_size - 1
            await until(pilot, lambda: app.model.status.seq == newest)
            view = json.loads(guardian.core.guard.request(paid) or b"null")
            known = app.model.requests[paid].raw
            kept = {name: known.get(name) or None for name in MEMBERS}
            assert kept == {name: view.get(name) or None for name in MEMBERS}
            return dict(view)

        await guardian.carry_out(paid)
        await same()
        await guardian.replace("bump", paid, 20)
        assert (await same())["state"] == "sent"
        await guardian.replace("cancel", paid, 30)
        view = await same()
        assert view["cancelling"]
        assert len(view["earlier"]) == 2
        mined = {"outcome": "confirmed", "proved": True, "hash": view["hash"], "fee_wei": "1"}
        guardian.core.settle(paid, json.dumps(mined).encode())
        assert (await same())["state"] == "cancelled"


async def test_after_a_lost_connection_requests_are_as_the_core_has_them(home: Path) -> None:
    async with console(home) as (guardian, app, pilot, _):
        agent, operator = await guardian.agent(), await guardian.operator()
        waiting = (await agent.pay(SHOP, FINNEY))["error"]["data"]["requestId"]
        paid = (await agent.pay(VENDOR, FINNEY))["error"]["data"]["requestId"]
        await guardian.carry_out(paid)
        await until(pilot, lambda: app.model.feed_seq == guardian.core.durable_size - 1)
        writer = app.client._writer
        assert writer is not None
        writer.close()
        await until(pilot, lambda: not app.client.connected)
        scope = {"kind": "agent", "id": "agent"}
        seq = (await operator.operate("freeze", scope=scope, reason="", actor="me"))["freeze"]
        await until(pilot, lambda: app.client.connected)
        await until(pilot, lambda: app.model.feed_seq == guardian.core.durable_size - 1)
        model = app.model
        await until(pilot, lambda: model.requests[waiting].state == "frozen")
        freeze = model.frozen_for(model.requests[paid])
        assert freeze is not None
        assert freeze["freeze"] == seq
        await operator.operate("command", **guardian.command("thaw", freeze=seq))
        await until(pilot, lambda: model.frozen_for(model.requests[paid]) is None)
        assert model.requests[paid].state == state(guardian, paid)


async def test_the_feed_goes_on_after_the_connection_was_lost(home: Path) -> None:
    async with console(home) as (guardian, app, pilot, _):
        agent = await guardian.agent()
        await agent.pay(STRANGER, FINNEY)
        await until(pilot, lambda: app.model.feed_seq == guardian.core.durable_size - 1)
        writer = app.client._writer
        assert writer is not None
        writer.close()
        await until(pilot, lambda: not app.client.connected)
        await agent.pay(STRANGER, 2 * FINNEY)
        await until(pilot, lambda: app.client.connected)
        await until(pilot, lambda: app.model.feed_seq == guardian.core.durable_size - 1)
        rows = [app.model.feed.row(index) for index in range(len(app.model.feed))]
        denied = [row.request_id for row in rows if row is not None and row.word == "denied"]
        assert len(denied) == len(set(denied)) == 2
