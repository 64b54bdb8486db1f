"""The promises that stand between keys and money, on the real app over a real socket."""

from __future__ import annotations

import json

import pytest
from nacl.signing import VerifyKey
from tests.console.conftest import PASSPHRASE, Stage
from textual import events
from textual.pilot import Pilot

from holdfast.console.deciding import DecisionScreen
from holdfast.console.main_screen import MainScreen
from holdfast.operator import keys


def commands(stage: Stage) -> list[dict[str, object]]:
    return [json.loads(call["payload"]) for call in stage.guardian.asked("command")]


async def choose(stage: Stage, pilot: Pilot[None], ident: str) -> None:
    """Moves the cursor to a pending request with the arrow keys."""
    rows = [request.id for request in stage.app.model.pending]
    await pilot.press(*["up"] * len(rows), *["down"] * rows.index(ident))
    await stage.until(pilot, lambda: stage.app.selected_id == ident)


async def open_dialog(stage: Stage, pilot: Pilot[None], ident: str, key: str = "a") -> None:
    await stage.ready(pilot)
    await choose(stage, pilot, ident)
    assert await stage.app.session.unlock(bytearray(PASSPHRASE.encode())) is None
    await pilot.press(key)
    await stage.until(pilot, lambda: isinstance(stage.app.screen, DecisionScreen))


async def type_slowly(stage: Stage, pilot: Pilot[None], characters: str) -> None:
    for character in characters:
        stage.clock.now += 0.1
        await pilot.press(character)


async def quiet(stage: Stage, pilot: Pilot[None]) -> None:
    """Time passes without a key, and the dialog looks twice."""
    await stage.advance(pilot, 0.5)
    await pilot.pause(0.25)


def dialog(stage: Stage) -> DecisionScreen:
    assert isinstance(stage.app.screen, DecisionScreen)
    return stage.app.screen


async def test_the_passphrase_is_asked_once_and_opens_the_key(busy: Stage) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        await pilot.press("a")
        await busy.unlock(pilot)
        await busy.until(pilot, lambda: isinstance(busy.app.screen, DecisionScreen))
        await pilot.press("escape", "d")
        await busy.until(pilot, lambda: isinstance(busy.app.screen, DecisionScreen))


async def test_a_small_payment_takes_two_different_keys(busy: Stage) -> None:
    async with busy.run() as pilot:
        await open_dialog(busy, pilot, "r26")
        await busy.advance(pilot, 1.1)
        await pilot.press("a")
        await quiet(busy, pilot)
        assert commands(busy) == []
        await pilot.press("y")
        await quiet(busy, pilot)
        await busy.until(pilot, lambda: commands(busy))
    shown = next(v for v in busy.guardian.server.snapshot["requests"] if v["id"] == "r26")
    sent = commands(busy)[0]
    assert (sent["action"], sent["request"], sent["digest"]) == ("approve", "r26", shown["digest"])


async def test_a_command_is_signed_by_the_operator_key(busy: Stage) -> None:
    async with busy.run() as pilot:
        await open_dialog(busy, pilot, "r26")
        await busy.advance(pilot, 1.1)
        await pilot.press("y")
        await quiet(busy, pilot)
        await busy.until(pilot, lambda: commands(busy))
    call = busy.guardian.asked("command")[0]
    _, public_key = keys.describe(busy.home / "keys" / "operator.json")
    message = keys.COMMAND_PREFIX + call["payload"].encode()
    VerifyKey(public_key).verify(message, bytes.fromhex(call["signature"][2:]))


@pytest.mark.parametrize("ident", ["r25", "r27"])
async def test_a_large_or_unpriced_payment_needs_the_payee_typed(busy: Stage, ident: str) -> None:
    async with busy.run() as pilot:
        await open_dialog(busy, pilot, ident)
        await busy.advance(pilot, 1.1)
        await pilot.press("y")
        await quiet(busy, pilot)
        await type_slowly(busy, pilot, "0000y")
        await quiet(busy, pilot)
        assert commands(busy) == []
        payee = busy.app.model.requests[ident].main_effect
        assert payee is not None
        assert payee.to is not None
        await type_slowly(busy, pilot, payee.to[-4:])
        await type_slowly(busy, pilot, "y")
        await quiet(busy, pilot)
        assert commands(busy) == [], "the end is what a poisoned address copies"
        await type_slowly(busy, pilot, payee.to[20:24])
        await type_slowly(busy, pilot, "y")
        await quiet(busy, pilot)
        await busy.until(pilot, lambda: commands(busy))
    assert commands(busy)[0]["request"] == ident


async def test_keys_count_only_after_the_first_second(busy: Stage) -> None:
    async with busy.run() as pilot:
        await open_dialog(busy, pilot, "r26")
        await busy.advance(pilot, 0.9)
        await pilot.press("y")
        await quiet(busy, pilot)
        assert commands(busy) == []
        await busy.advance(pilot, 1.0)
        await pilot.press("y")
        await quiet(busy, pilot)
        await busy.until(pilot, lambda: commands(busy))


async def test_an_unbracketed_paste_approves_nothing(busy: Stage) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        await choose(busy, pilot, "r26")
        await busy.app.session.unlock(bytearray(PASSPHRASE.encode()))
        await pilot.press("a", "a", "y", "enter")
        await quiet(busy, pilot)
        await busy.advance(pilot, 5)
        await pilot.press("a", "a", "y", "enter")
        await quiet(busy, pilot)
        await busy.advance(pilot, 5)
        await pilot.press("y", "enter")
        await quiet(busy, pilot)
        assert commands(busy) == []


async def test_a_bracketed_paste_approves_nothing(busy: Stage) -> None:
    async with busy.run() as pilot:
        await open_dialog(busy, pilot, "r26")
        await busy.advance(pilot, 5)
        busy.app.screen.post_message(events.Paste("aay\n"))
        await quiet(busy, pilot)
        assert commands(busy) == []
        assert "paste" in dialog(busy).decision.notice


@pytest.mark.parametrize("opened", ["a", "d"])
@pytest.mark.parametrize("key", ["enter", "n", "escape"])
async def test_n_and_enter_go_back_and_decide_nothing(busy: Stage, opened: str, key: str) -> None:
    async with busy.run() as pilot:
        await open_dialog(busy, pilot, "r26", opened)
        await busy.advance(pilot, 1.1)
        await pilot.press(key)
        await busy.until(pilot, lambda: isinstance(busy.app.screen, MainScreen))
        await quiet(busy, pilot)
        assert commands(busy) == []
        assert "r26" in [request.id for request in busy.app.model.pending]


async def test_to_deny_takes_two_different_keys_too(busy: Stage) -> None:
    async with busy.run() as pilot:
        await open_dialog(busy, pilot, "r26", "d")
        await busy.advance(pilot, 1.1)
        await pilot.press("d")
        await quiet(busy, pilot)
        assert commands(busy) == []
        await pilot.press("y")
        await quiet(busy, pilot)
        await busy.until(pilot, lambda: commands(busy))
    assert (commands(busy)[0]["action"], commands(busy)[0]["request"]) == ("deny", "r26")


async def test_the_gap_is_shown_where_it_is_in_the_address(busy: Stage) -> None:
    async with busy.run() as pilot:
        await open_dialog(busy, pilot, "r25")
        payee = busy.app.model.requests["r25"].main_effect
        assert payee is not None
        assert payee.to is not None
        await busy.advance(pilot, 1.1)
        await type_slowly(busy, pilot, payee.to[20:22])
        await pilot.pause(0.2)
        shown = str(busy.app.screen.query_one("#decision-foot").render())
        assert f"{payee.to[:20]} {payee.to[20:22]}__ {payee.to[24:]}" in shown


async def test_a_list_that_moves_changes_nothing_of_what_is_approved(busy: Stage) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        await choose(busy, pilot, "r26")
        await busy.app.session.unlock(bytearray(PASSPHRASE.encode()))
        await pilot.press("a")
        for ident in ("r25", "r27"):
            reasons = [{"code": "denied_by_operator"}]
            busy.guardian.event("request.denied", {"id": ident, "by": "bo", "reasons": reasons})
        await busy.until(pilot, lambda: [r.id for r in busy.app.model.pending] == ["r26", "r28"])
        await busy.advance(pilot, 1.1)
        await pilot.press("y")
        await quiet(busy, pilot)
        await busy.until(pilot, lambda: commands(busy))
    assert commands(busy)[0]["request"] == "r26"


async def test_the_cursor_stays_on_its_request_when_rows_above_leave(busy: Stage) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        await choose(busy, pilot, "r26")
        busy.guardian.event("request.expired", {"id": "r27"})
        await busy.until(pilot, lambda: "r27" not in [r.id for r in busy.app.model.pending])
        assert busy.app.selected_id == "r26"
        busy.guardian.event("request.expired", {"id": "r26"})
        await busy.until(pilot, lambda: "r26" not in [r.id for r in busy.app.model.pending])
        await pilot.press("a")
        await pilot.pause(0.1)
        assert isinstance(busy.app.screen, MainScreen)
        assert busy.app.selected_id == busy.app.model.pending[0].id, "chosen to look at, not opened"


async def test_a_request_that_changes_starts_the_dialog_again(busy: Stage) -> None:
    async with busy.run() as pilot:
        await open_dialog(busy, pilot, "r25")
        await busy.advance(pilot, 1.1)
        typed = dialog(busy).decision.gap.missing
        await type_slowly(busy, pilot, typed)
        assert dialog(busy).decision.typed == typed
        busy.guardian.event(
            "request.approved", {"id": "r25", "by": "bo", "approvals": 1, "quorum": 2}
        )
        await busy.until(pilot, lambda: dialog(busy).decision.typed == "")
        await pilot.press("y")
        await quiet(busy, pilot)
        assert commands(busy) == []


async def test_approval_is_off_while_stale_and_says_why(busy: Stage) -> None:
    async with busy.run() as pilot:
        await open_dialog(busy, pilot, "r26")
        busy.guardian.stop()
        await busy.until(pilot, lambda: not busy.app.client.connected)
        busy.clock.now += 12
        await pilot.pause(0.25)
        await pilot.press("y")
        busy.clock.now += 1
        await busy.until(pilot, lambda: "STALE" in dialog(busy)._result)
        screen = dialog(busy)
        reason = screen.decision.blocked(
            "approve", busy.app.model.request("r26"), busy.app.model, busy.clock(), False
        )
        assert reason is not None
        assert reason.startswith("STALE 13 s")


async def test_approval_is_off_in_a_frozen_scope(busy: Stage) -> None:
    async with busy.run() as pilot:
        await open_dialog(busy, pilot, "r26")
        scope = {"kind": "agent", "id": "researcher"}
        data = {"freeze": 99, "scope": scope, "reason": "x", "actor": "bo", "ended": [], "held": []}
        busy.guardian.event("freeze.set", data)
        await busy.until(pilot, lambda: busy.app.model.status.freezes)
        await busy.advance(pilot, 1.1)
        await pilot.press("y")
        await quiet(busy, pilot)
        assert commands(busy) == []
        assert "frozen (agent researcher)" in dialog(busy)._result


async def test_approval_is_off_when_sealed(busy: Stage) -> None:
    async with busy.run() as pilot:
        await open_dialog(busy, pilot, "r26")
        busy.guardian.health(1772625601000, sealed="the disk is full")
        await busy.until(pilot, lambda: busy.app.model.status.sealed)
        await busy.advance(pilot, 1.1)
        await pilot.press("y")
        await quiet(busy, pilot)
        assert commands(busy) == []


async def test_what_the_guardian_refuses_is_shown_and_can_be_tried_again(busy: Stage) -> None:
    async with busy.run() as pilot:
        await open_dialog(busy, pilot, "r26")
        busy.guardian.server.refuse["command"] = ("expired", "the command is too old")
        await busy.advance(pilot, 1.1)
        await pilot.press("y")
        await quiet(busy, pilot)
        await busy.until(pilot, lambda: "too old" in dialog(busy)._result)


async def test_a_wrong_passphrase_opens_nothing(busy: Stage) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        await pilot.press("a")
        await busy.until(pilot, lambda: type(busy.app.screen).__name__ == "UnlockScreen")
        await pilot.press(*"wrong", "enter")
        await pilot.pause(0.3)
        assert not busy.app.unlocked
        assert type(busy.app.screen).__name__ == "UnlockScreen"


async def test_the_key_is_forgotten_when_idle(busy: Stage) -> None:
    async with busy.run() as pilot:
        await open_dialog(busy, pilot, "r26")
        await pilot.press("escape")
        busy.clock.now += 901
        await busy.until(pilot, lambda: not busy.app.unlocked)


async def test_freezing_everything_takes_two_keys_and_no_passphrase(busy: Stage) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        await pilot.press("f", "f")
        await busy.until(pilot, lambda: busy.guardian.asked("freeze"))
    assert busy.guardian.asked("freeze")[0]["scope"] == {"kind": "everything"}


async def test_freeze_is_reachable_from_inside_the_approval(busy: Stage) -> None:
    async with busy.run() as pilot:
        await open_dialog(busy, pilot, "r26")
        await pilot.press("ctrl+f", "f")
        await busy.until(pilot, lambda: busy.guardian.asked("freeze"))


def key(name: str) -> events.Key:
    return events.Key(name, name if len(name) == 1 else None)


async def test_keys_typed_ahead_never_close_more_than_their_own_dialog(busy: Stage) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        await pilot.press("question_mark")
        help_screen = busy.app.screen
        for name in ("q", "q", "escape", "enter"):
            help_screen.post_message(key(name))
        await busy.until(pilot, lambda: isinstance(busy.app.screen, MainScreen))
        await pilot.pause(0.1)
        assert [type(s).__name__ for s in busy.app.screen_stack[1:]] == ["MainScreen"]


async def test_freeze_keys_typed_faster_than_screens_change_still_freeze(busy: Stage) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        await pilot.press("question_mark")
        help_screen = busy.app.screen
        for name in ("ctrl+f", "f", "q", "q"):
            help_screen.post_message(key(name))
        await busy.until(pilot, lambda: busy.guardian.asked("freeze"))
        await busy.until(pilot, lambda: isinstance(busy.app.screen, MainScreen))
        main = busy.app.screen
        for name in ("f", "f"):
            main.post_message(key(name))
        await busy.until(pilot, lambda: len(busy.guardian.asked("freeze")) == len("ff"))
        assert busy.app.screen is main


async def test_opening_the_freeze_menu_takes_back_an_answer_not_yet_sent(busy: Stage) -> None:
    async with busy.run() as pilot:
        await open_dialog(busy, pilot, "r26")
        await busy.advance(pilot, 1.1)
        await pilot.press("y", "ctrl+f", "escape")
        await quiet(busy, pilot)
        await quiet(busy, pilot)
        assert commands(busy) == []
        assert "freeze menu" in dialog(busy).decision.notice


async def test_a_passphrase_opened_under_the_freeze_menu_closes_its_own_dialog(
    busy: Stage,
) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        await choose(busy, pilot, "r26")
        await pilot.press("a")
        await busy.until(pilot, lambda: type(busy.app.screen).__name__ == "UnlockScreen")
        await pilot.press(*["space" if c == " " else c for c in PASSPHRASE], "enter", "ctrl+f")
        await busy.until(pilot, lambda: busy.app.unlocked)
        await pilot.pause(0.1)
        if type(busy.app.screen).__name__ == "FreezeScreen":
            await pilot.press("escape")
        await busy.until(pilot, lambda: isinstance(busy.app.screen, DecisionScreen))
        assert [type(s).__name__ for s in busy.app.screen_stack[1:]] == [
            "MainScreen",
            "DecisionScreen",
        ]


async def test_a_freeze_that_nobody_hears_leaves_the_freeze_file(busy: Stage) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        busy.guardian.stop()
        await busy.until(pilot, lambda: not busy.app.client.connected)
        await pilot.press("f", "f")
        await busy.until(pilot, lambda: (busy.home / "FREEZE").exists())


@pytest.mark.parametrize("key", ["q", "ctrl+q", "ctrl+c"])
async def test_leaving_asks_first(busy: Stage, key: str) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        await pilot.press(key)
        await pilot.pause(0.1)
        assert busy.app.is_running
        assert type(busy.app.screen).__name__ == "QuitScreen"
        await pilot.press("enter")
        await busy.until(pilot, lambda: isinstance(busy.app.screen, MainScreen))


@pytest.mark.parametrize(
    ("stops", "words"),
    [
        (False, ["The guardian keeps running", " leave"]),
        (True, ["The guardian stops with it", " leave and stop the guardian"]),
    ],
)
async def test_leaving_says_and_offers_what_the_guardian_does(
    busy: Stage, stops: bool, words: list[str]
) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        busy.app.stops_guardian = stops
        await pilot.press("q")
        await pilot.pause(0.1)
        shown = "\n".join(str(each.render()) for each in busy.app.screen.query("Static"))
        assert all(each in shown for each in words), shown


async def test_nothing_dangerous_is_an_action_that_markup_could_name(busy: Stage) -> None:
    for name in ("approve", "deny", "freeze", "thaw", "dispatch", "quit_now"):
        for node in (busy.app, MainScreen, DecisionScreen):
            assert not hasattr(node, f"action_{name}")
    async with busy.run() as pilot:
        await busy.ready(pilot)
        await busy.app.run_action("app.simulate_key('f')")
        await pilot.pause(0.1)
        assert isinstance(busy.app.screen, MainScreen)


async def test_read_only_can_neither_decide_nor_freeze(home, busy: Stage) -> None:
    busy.app.read_only = True
    async with busy.run() as pilot:
        await busy.ready(pilot)
        await pilot.press("a", "d", "f", "t")
        await pilot.pause(0.1)
        assert isinstance(busy.app.screen, MainScreen)
