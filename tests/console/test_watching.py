"""Looking around: feed, filter, pause, panes, help, palette, and what is remembered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.console.conftest import Stage, make_stage
from tests.support.conditions import examples
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.widgets import Static

from holdfast.console import settings as remembered
from holdfast.console.dialogs import Dialog
from holdfast.console.panes import BannerBar
from holdfast.operator.actions import ACTIONS, BY_KEY, PANES, footer_actions
from holdfast.service.guardian.clock_watch import judge


def started(number: int) -> dict[str, Any]:
    return {"version": f"v{number}"}


async def push(stage: Stage, pilot: Pilot[Any], count: int) -> None:
    for number in range(count):
        stage.guardian.event("guardian.started", started(number))
    await stage.seen(pilot, stage.guardian.server.seq)
    await pilot.pause(0.15)


async def test_the_feed_follows_until_the_operator_moves_and_again_with_g(busy: Stage) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        feed = busy.app.main.feed
        await pilot.press("2", "up", "up")
        row = feed.feed.by_serial(feed.cursor or 0)
        top = feed.top_index()
        await push(busy, pilot, 30)
        assert feed.feed.by_serial(feed.cursor or 0) == row
        assert feed.top_index() == top
        await pilot.press("G")
        assert feed.cursor == feed.feed.serial_at(len(feed.feed) - 1)
        await push(busy, pilot, 30)
        assert feed.top_index() == len(feed.feed) - feed.page_rows
        await pilot.press("g")
        assert feed.top_index() == 0


async def test_g_selects_the_newest_row_and_its_request(busy: Stage) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        busy.app.select("r25")
        busy.guardian.event("request.denied", {"id": "r26", "by": "ana", "reasons": []})
        await busy.seen(pilot, busy.guardian.server.seq)
        await pilot.pause(0.15)
        await pilot.press("2", "G")
        await busy.until(pilot, lambda: busy.app.selected_id == "r26")
        feed = busy.app.main.feed
        assert feed.cursor_index() == len(feed.feed) - 1
        assert feed.follow, "it goes on following"
        await push(busy, pilot, 30)
        assert busy.app.selected_id == "r26", "what arrives selects nothing"


async def test_a_pause_holds_the_screen_and_counts_what_is_new(busy: Stage) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        rows = len(busy.app.model.feed)
        await pilot.press("p")
        await push(busy, pilot, 12)
        assert len(busy.app.model.feed) == rows
        assert "PAUSED +12 new" in str(busy.app.main.feed.border_title)
        await pilot.press("p")
        assert len(busy.app.model.feed) == rows + 12


async def test_a_filter_is_typed_and_cleared_and_hides_nothing_tomorrow(busy: Stage) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        rows = len(busy.app.model.feed)
        await pilot.press("slash", *"hijacked", "enter")
        assert len(busy.app.model.feed) == 2
        await pilot.press("s")
        assert remembered.load(busy.home / "config" / "console.json").filter == ""
        await pilot.press("slash", "escape")
        assert len(busy.app.model.feed) == rows


async def test_letters_typed_into_the_filter_start_no_action(busy: Stage) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        await pilot.press("slash", *"fadtq")
        assert busy.app.screen is busy.app.main
        assert busy.app.model.feed.needle == "fadtq"


async def test_choices_are_remembered_in_json(busy: Stage) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        await pilot.press("s", "T", "4", "s")
    kept = json.loads((busy.home / "config" / "console.json").read_text())
    assert kept["sort"] == "amount"
    assert kept["theme"] != "night"
    assert kept["pane"] == "limits"


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"theme": 7, "sort": "x", "pane": [], "confirm_usd_micro": -1}', "\0"]
)
def test_bad_settings_are_defaults(tmp_path: Any, text: str) -> None:
    path = tmp_path / "console.json"
    path.write_text(text)
    assert remembered.load(path) == remembered.Settings()


async def test_tab_goes_through_every_pane(busy: Stage) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        seen = []
        for _ in PANES:
            await pilot.press("tab")
            seen.append(busy.app.main.pane)
            focused = busy.app.focused
            assert focused is not None
            assert focused.id == busy.app.main.pane
            assert focused.region.height > 3
        assert sorted(seen) == sorted(PANES)


async def test_what_cannot_be_done_says_why_instead_of_vanishing(idle: Stage) -> None:
    async with idle.run() as pilot:
        await idle.ready(pilot)
        for key, why in (("a", "no request is selected"), ("t", "nothing is frozen")):
            await pilot.press(key)
            said = [notice.message for notice in idle.app._notifications]
            assert any(why in message for message in said), said
        footer = str(idle.app.main.footer._words())
        assert all(action.label in footer for action in footer_actions("pending"))


async def test_help_and_palette_are_made_from_the_registry(busy: Stage) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        await pilot.press("question_mark")
        await pilot.pause(0.1)
        text = str(busy.app.screen.query_one("#help-scroll Static", Static).content)
        assert all(action.help.split()[0] in text for action in ACTIONS)
        assert "not now: nothing is frozen" in text
        await pilot.press("escape", "ctrl+p")
        await busy.until(pilot, lambda: isinstance(busy.app.screen, CommandPalette))
        await pilot.press(*"pane-limits")
        await pilot.pause(0.4)
        await pilot.press("enter")
        await busy.until(pilot, lambda: busy.app.main.pane == "limits")


def test_no_two_actions_share_a_key_or_an_id() -> None:
    assert len(BY_KEY) == sum(len(action.keys) for action in ACTIONS)
    assert len({action.id for action in ACTIONS}) == len(ACTIONS)
    assert {a.id for a in ACTIONS if a.needs_confirmation} >= {"approve", "deny", "thaw", "quit"}


async def test_every_action_does_something(busy: Stage) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        assert set(busy.app._commands._by_id) == {action.id for action in ACTIONS}


@pytest.mark.parametrize("key", ["f", "q", "question_mark", "a"])
async def test_a_freeze_is_visible_on_every_screen(busy: Stage, key: str) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        await pilot.press(key)
        await busy.until(pilot, lambda: isinstance(busy.app.screen, Dialog))
        data = {"freeze": 29, "scope": {"kind": "everything"}, "reason": "x", "actor": "bo"}
        busy.guardian.event("freeze.set", data)
        await busy.until(pilot, lambda: busy.app.model.frozen_everything)
        bar = busy.app.screen.query_one(BannerBar)
        await busy.until(pilot, lambda: "FROZEN" in bar.render().plain)
        await busy.until(pilot, lambda: bar.region.height == 3)
        assert bar.region.y == 0


async def test_an_export_holds_the_rows_that_are_shown(busy: Stage) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        await pilot.press("slash", *"hijacked", "enter", "e")
        await pilot.pause(0.1)
    files = list((busy.home / "exports").iterdir())
    assert len(files) == 1
    assert files[0].stat().st_mode & 0o777 == 0o600
    rows = [json.loads(line) for line in files[0].read_text().splitlines()]
    assert [row["agent"] for row in rows] == ["hijacked", "hijacked"]


async def test_the_connection_comes_back_and_resumes_where_it_was(busy: Stage) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        seq, rows = busy.app.client.seq, len(busy.app.model.feed)
        busy.guardian.stop()
        await busy.until(pilot, lambda: not busy.app.client.connected)
        busy.guardian.event("guardian.stopped", {})
        busy.guardian.event("guardian.started", started(1))
        busy.guardian.start()
        await busy.until(pilot, lambda: len(busy.app.model.feed) == rows + 2)
        assert busy.guardian.asked("subscribe")[-1]["from_seq"] == seq


async def test_alerts_that_could_not_be_sent_are_on_screen(busy: Stage) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        alerts = {"pending": 3, "failed": 2, "last_error": "ntfy: 502 bad gateway"}
        busy.guardian.health(1_772_625_600_000, alerts=alerts)
        line = busy.app.main.health
        await busy.until(pilot, lambda: "2 alerts failed ntfy: 502" in line.render().plain)


async def test_a_price_that_is_missing_is_on_screen(busy: Stage) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        text = "eth has had no price for 6 minutes: \x1b[2Jfeed"
        alarm = {"asset": "eth", "source": None, "code": "price_stale", "text": text}
        busy.guardian.health(1_772_625_600_000, prices=[alarm])
        line = busy.app.main.health
        await busy.until(pilot, lambda: "✗ eth has had no price for 6" in line.render().plain)
        assert "\x1b" not in line.render().plain


async def test_what_is_not_well_is_on_screen(busy: Stage) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        found = {"code": "signer_gone", "severity": "critical", "text": "the signer ended \x1b[2J"}
        signer = {"ok": False, "text": "the signer ended"}
        busy.guardian.health(1_772_625_600_000, conditions=[found], signer=signer)
        line = busy.app.main.health
        await busy.until(pilot, lambda: "✗ the signer ended" in line.render().plain)
        assert line.render().plain.count("the signer ended") == 1
        assert "\x1b" not in line.render().plain


async def test_each_condition_is_on_screen(busy: Stage) -> None:
    async with busy.run(size=(200, 50)) as pilot:
        await busy.ready(pilot)
        line = busy.app.main.health
        for found in examples():
            told = {"code": found.code, "severity": found.severity, "text": found.text}
            busy.guardian.health(1_772_625_600_000, conditions=[{**told, "next": found.step}])
            await busy.until(pilot, lambda text=found.text: text in line.render().plain)


@pytest.mark.parametrize(("ahead", "chains"), [(172_800_000, True), (-172_800_000, False)])
async def test_clocks_that_are_apart_are_on_screen(busy: Stage, ahead: int, chains: bool) -> None:
    (found,) = judge(1_772_625_600_000 + ahead, 1_772_625_600_000, chains=chains)
    told = {"code": found.code, "severity": found.severity, "text": found.text}
    async with busy.run() as pilot:
        await busy.ready(pilot)
        busy.guardian.health(1_772_625_600_000, conditions=[{**told, "next": found.step}])
        line = busy.app.main.health
        await busy.until(pilot, lambda: "2 d 0 h ahead of the" in line.render().plain)


async def test_a_theme_can_be_asked_for_by_name(home: Any) -> None:
    stage = make_stage(home, "idle", theme="day")
    try:
        async with stage.run() as pilot:
            await stage.ready(pilot)
            assert stage.app.theme == "day"
    finally:
        stage.guardian.close()
