"""Alarms: the most severe first, in header and footer, and all of it in full on a key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.console.conftest import START_MS, Stage
from textual.containers import VerticalScroll
from textual.pilot import Pilot
from textual.widgets import Static

from holdfast.console.alarms import AlarmsScreen
from holdfast.console.panes import BannerBar

Snap = Callable[..., bool]
WALLET = "0xdD7B4bD8F05eC1A7dD0C7BDf1D7d9A1fB1f6B3aC"
DOWN = {
    "code": "endpoint_down",
    "severity": "warning",
    "chain_id": 31337,
    "wallet": None,
    "text": "endpoint `second` of chain 31337 gives no answer: connection refused",
    "next": "fix it, or name another in config.toml (`holdfast config apply`), and start again",
    "since_ms": START_MS - 61_000,
}
STUCK = {
    "code": "nonce_stuck",
    "severity": "action",
    "chain_id": 31337,
    "wallet": WALLET,
    "text": f"payment r32 (nonce 2) of wallet {WALLET} on chain 31337 was sent 3 min ago and is "
    "not mined; 1 payment waits behind it",
    "next": "`holdfast bump r32` pays a higher fee, `holdfast cancel r32` takes it back",
    "since_ms": START_MS - 180_000,
}
FOREIGN = {
    "code": "foreign_transaction",
    "severity": "critical",
    "chain_id": 31337,
    "wallet": WALLET,
    "text": f"a transaction of wallet {WALLET} on chain 31337 that the guardian did not sign was "
    "mined at nonce 7: its key is known outside",
    "next": "move everything of value to a new wallet at once, then find out who has the key",
    "since_ms": START_MS - 9_000,
}
# A warning first and an endpoint that fails: what comes first must not depend on that.
FOUND = [DOWN, STUCK, FOREIGN]
CHAINS = [
    {
        "chain_id": 31337,
        "ok": True,
        "text": "",
        "endpoints": [{"name": "second", "ok": False, "text": "connection refused"}],
    }
]


async def tell(stage: Stage, pilot: Pilot[Any], found: list[dict[str, Any]]) -> None:
    await stage.ready(pilot)
    stage.guardian.health(START_MS, conditions=found, chains=CHAINS if found else [])
    held = stage.app.model.status
    await stage.until(pilot, lambda: held.health.get("conditions") == found)
    await pilot.pause(0.3)


async def open_screen(stage: Stage, pilot: Pilot[Any]) -> str:
    await pilot.press("A")
    await stage.until(pilot, lambda: isinstance(stage.app.screen, AlarmsScreen))
    await pilot.pause(0.3)
    return str(stage.app.screen.query_one("#alarms-text", Static).content)


async def test_the_most_severe_is_shown_first_and_how_many_more_there_are(busy: Stage) -> None:
    async with busy.run() as pilot:
        await tell(busy, pilot, FOUND)
        line = busy.app.main.health.render().plain
        assert line.startswith(" ✗ a transaction of wallet 0xdD7B")
        assert "… +2 more (A)" in line
        assert line.index("(A)") < 80


async def test_the_header_says_critical_in_glyph_word_and_colour_until_it_is_over(
    busy: Stage,
) -> None:
    async with busy.run() as pilot:
        await tell(busy, pilot, [DOWN, STUCK])
        bar = busy.app.screen.query_one(BannerBar)
        assert "● LIVE" in bar.render().plain
        await tell(busy, pilot, FOUND)
        assert "✗ CRITICAL  a transaction of wallet" in bar.render().plain
        assert bar.has_class("-alarm")
        await tell(busy, pilot, [])
        assert "● LIVE" in bar.render().plain


async def test_a_freeze_does_not_hide_that_something_is_critical(busy: Stage) -> None:
    async with busy.run() as pilot:
        await tell(busy, pilot, FOUND)
        data = {"freeze": 29, "scope": {"kind": "everything"}, "reason": "x", "actor": "bo"}
        busy.guardian.event("freeze.set", data)
        bar = busy.app.screen.query_one(BannerBar)
        await busy.until(pilot, lambda: "FROZEN · CRITICAL" in bar.render().plain)


async def test_a_key_shows_each_in_full_with_its_severity_next_step_and_time(busy: Stage) -> None:
    async with busy.run() as pilot:
        await tell(busy, pilot, FOUND)
        text = await open_screen(busy, pilot)
        assert [text.index(word) for word in ("CRITICAL", "ACTION", "WARNING")] == sorted(
            text.index(word) for word in ("CRITICAL", "ACTION", "WARNING")
        )
        flat = " ".join(text.split())
        for each in FOUND:
            assert str(each["text"]) in flat
            assert f"next: {each['next']}" in flat
        assert "since 2026-03-04 11:57:00Z, for 3:00" in flat
        assert flat.count("connection refused") == 1, "an endpoint is told of once"
        scroll = busy.app.screen.query_one("#alarms-body", VerticalScroll)
        assert scroll.max_scroll_y > 0
        await pilot.press("end")
        await busy.until(pilot, lambda: scroll.scroll_y == scroll.max_scroll_y)
        busy.guardian.health(START_MS, conditions=[], chains=[])
        shown = busy.app.screen.query_one("#alarms-text", Static)
        await busy.until(pilot, lambda: "no alarms" in str(shown.content))
        await pilot.press("escape")
        await busy.until(pilot, lambda: busy.app.screen is busy.app.main)


async def test_the_footer_offers_the_key_while_something_is_not_well(idle: Stage) -> None:
    async with idle.run() as pilot:
        await idle.ready(pilot)
        assert "A alarms" not in idle.app.main.footer.render().plain
        await pilot.press("A")
        assert idle.app.screen is idle.app.main
        assert any("there are no alarms" in each.message for each in idle.app._notifications)
        await tell(idle, pilot, [DOWN])
        assert "A alarms" in idle.app.main.footer.render().plain


async def test_words_of_others_forge_nothing_on_the_screen(busy: Stage) -> None:
    async with busy.run() as pilot:
        await tell(busy, pilot, [DOWN | {"text": "\x1b[2J\n ✓ no alarms", "next": "\x1b]2;x\x07"}])
        text = await open_screen(busy, pilot)
        assert "\x1b" not in text
        assert "✓" not in text


@pytest.mark.parametrize("size", [(80, 24), (200, 50)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("opened", [False, True], ids=["main", "all"])
def test_screen(snap_compare: Snap, busy: Stage, opened: bool, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await tell(busy, pilot, FOUND)
        if opened:
            await open_screen(busy, pilot)

    assert snap_compare(busy.app, terminal_size=size, run_before=before)
