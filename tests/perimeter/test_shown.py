"""What an operator signs is what is shown.

Also when another process of the same user has taken the place of the operator's socket.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.service.in_process import OPERATOR_PASSPHRASE, SHOP, Guardian, Json, make_home, serving
from tests.support.false_operator import Lie, replaced_socket
from tests.support.operator_cli import holdfast
from tests.support.threats import Book
from tests.support.threats_adapters import Core
from textual.pilot import Pilot

from holdfast.console.app import HoldfastApp
from holdfast.console.deciding import DecisionScreen
from holdfast.operator.seen import (
    BOUND,
    NOT_WHOLE,
    OTHER_DIGEST,
    OTHER_POLICY,
    digest_of,
    look,
)
from holdfast.secrets import authority

ETHER = 10**18
FINNEY = 10**15


async def waiting(guardian: Guardian, value: int) -> Json:
    """A payment to the shop that waits for approval; its view."""
    agent = await guardian.agent()
    ident = (await agent.pay(SHOP, value))["error"]["data"]["requestId"]
    return view_of(guardian, ident)


def view_of(guardian: Guardian, ident: str) -> Json:
    found: Json = json.loads(guardian.core.guard.request(ident) or b"null")
    return found


def lie_about(victim: Json, change: Callable[[Json], Json]) -> Lie:
    """Changes every view of the victim, wherever it comes."""

    def lie(method: str, result: Any) -> Any:
        if method == "request" and result.get("id") == victim["id"]:
            return change(result)
        if method == "subscribe":
            snapshot = result["snapshot"]
            snapshot["requests"] = [
                change(each) if each["id"] == victim["id"] else each
                for each in snapshot["requests"]
            ]
        return result

    return lie


def lies(harmless: Json) -> dict[str, Callable[[Json], Json]]:
    """Each makes two ether look like the harmless payment."""

    def effects(view: Json) -> Json:
        return {**view, **{name: harmless[name] for name in ("effects", "display", "warnings")}}

    def lines(view: Json) -> Json:
        return {**view, "display": harmless["display"]}

    def whole(view: Json) -> Json:
        shown = {name: harmless[name] for name in (*BOUND, "display", "warnings")}
        shown |= {"id": view["id"]}
        return {**view, **shown, "digest": digest_of({**view, **shown})}

    def whole_under_the_real_digest(view: Json) -> Json:
        return {**whole(view), "digest": view["digest"]}

    def another_request(view: Json) -> Json:
        return {**view, **harmless}

    return {
        each.__name__: each
        for each in (effects, lines, whole, whole_under_the_real_digest, another_request)
    }


LIES = ("effects", "lines", "whole", "whole_under_the_real_digest", "another_request")


@pytest.mark.parametrize("name", LIES)
async def test_the_command_line_signs_nothing_that_is_not_what_it_shows(
    tmp_path: Path, name: str
) -> None:
    async with serving(make_home(tmp_path), hold_ms=50) as guardian:
        harmless = await waiting(guardian, FINNEY)
        victim = await waiting(guardian, 2 * ETHER)
        change = lies(harmless)[name]
        async with replaced_socket(guardian.home, lie_about(victim, change)) as false:
            shown = change(victim)["digest"]
            done = await holdfast(guardian.home, "approve", victim["id"], "--digest", shown)
            assert done.code == 1, done
            if name != "whole":
                # The whole lie is signed as what it shows, and the guardian knows no such request.
                assert "command" not in [method for method, _ in false.asked]
                assert "nothing was sent" in done.err
        assert view_of(guardian, victim["id"])["state"] == "waiting-approval"
        assert view_of(guardian, victim["id"])["approvals"] == []
        told = await holdfast(guardian.home, "approve", victim["id"], "--digest", victim["digest"])
        assert told.code == 0, told
        assert "signing: approve" in told.err
        assert victim["digest"] in told.err
        assert "2 ETH" in told.err


@pytest.mark.parametrize("name", ["effects", "lines"])
async def test_show_says_that_what_it_shows_is_not_what_is_asked_for(
    tmp_path: Path, name: str
) -> None:
    async with serving(make_home(tmp_path), hold_ms=50) as guardian:
        harmless = await waiting(guardian, FINNEY)
        victim = await waiting(guardian, 2 * ETHER)
        assert (await holdfast(guardian.home, "show", victim["id"])).code == 0
        async with replaced_socket(guardian.home, lie_about(victim, lies(harmless)[name])):
            done = await holdfast(guardian.home, "show", victim["id"])
        assert done.code == 1
        assert "DO NOT APPROVE" in done.out
        assert "not_as_shown" in done.out


async def until(pilot: Pilot[Any], true: Callable[[], object]) -> None:
    for _ in range(500):
        if true():
            return
        await pilot.pause(0.02)
    raise AssertionError("never became true")


class Clock:
    """Real time plus what a test skips."""

    def __init__(self) -> None:
        self.skipped = 0.0

    def __call__(self) -> float:
        return asyncio.get_running_loop().time() + self.skipped


@pytest.mark.parametrize("name", LIES)
async def test_the_console_signs_nothing_that_is_not_what_it_shows(
    tmp_path: Path, name: str
) -> None:
    async with serving(make_home(tmp_path), hold_ms=50) as guardian:
        harmless = await waiting(guardian, FINNEY)
        victim = await waiting(guardian, 2 * ETHER)
        change = lies(harmless)[name]
        async with replaced_socket(guardian.home, lie_about(victim, change)) as false:
            clock = Clock()
            app = HoldfastApp(guardian.home.path, clock=clock, config=tmp_path / "config")
            async with app.run_test(size=(120, 40)) as pilot:
                await until(pilot, lambda: app.client.connected and app.model.pending)
                assert await app.session.unlock(bytearray(OPERATOR_PASSPHRASE)) is None
                app.select(victim["id"] if name != "another_request" else harmless["id"])
                await pilot.pause(0.2)
                await pilot.press("a")
                await until(pilot, lambda: isinstance(app.screen, DecisionScreen))
                screen = app.screen
                assert isinstance(screen, DecisionScreen)
                await until(pilot, lambda: not screen.decision.unchecked)
                clock.skipped += 1.1
                for key in (*SHOP[20:24], "y"):
                    await pilot.press(key)
                    clock.skipped += 0.1
                clock.skipped += 0.2
                await pilot.pause(0.3)
                if name not in ("whole", "another_request"):
                    assert screen.decision.faults
                    assert "command" not in [method for method, _ in false.asked]
        assert view_of(guardian, victim["id"])["state"] == "waiting-approval"
        assert view_of(guardian, victim["id"])["approvals"] == []


async def test_a_key_signs_for_its_own_guardian_only(tmp_path: Path) -> None:
    other = "ab" * 32

    def lie(method: str, result: Any) -> Any:
        return {**result, "guardian": other} if method == "hello" else result

    async with serving(make_home(tmp_path), hold_ms=50) as guardian:
        victim = await waiting(guardian, FINNEY)
        approve = ("approve", victim["id"], "--digest", victim["digest"])
        async with replaced_socket(guardian.home, lie) as false:
            done = await holdfast(guardian.home, *approve)
            assert done.code == 1
            assert "another guardian answers" in done.err
            assert "command" not in [method for method, _ in false.asked]
            app = HoldfastApp(guardian.home.path, config=tmp_path / "config")
            async with app.run_test() as pilot:
                await until(pilot, lambda: app.client.connected)
                fault = await app.session.unlock(bytearray(OPERATOR_PASSPHRASE))
                assert fault is not None
                assert "another guardian answers" in fault
                assert not app.unlocked
        pin = authority.pin_path(guardian.home.operator_key_path)
        good = pin.read_text()
        pin.write_text(good.replace(guardian.inside.identity.key.hex(), other))
        done = await holdfast(guardian.home, *approve)
        assert (done.code, "is not signed by your operator key" in done.err) == (1, True)
        pin.unlink()
        done = await holdfast(guardian.home, *approve)
        assert (done.code, "your operator key is now bound to" in done.err) == (0, True)
        assert pin.read_text() == good


def test_what_a_guardian_decided_decodes_to_the_same_anywhere() -> None:
    """Every case of the threat tables that waits for a person.

    A difference would keep an honest request from approval. Of denied ones the record is shortened.
    """
    book = Book()
    policy = book.policy(strict=False)
    core = Core(book, policy)
    for case in book.cases:
        core.decide(case)
    views = [each for each in core.views() if each["state"].startswith("waiting")]
    assert len(views) > 100
    for view in views:
        assert look(view, policy).faults == (), view
        assert look({**view, "chain_id": 5}, policy).faults == (OTHER_DIGEST,)
        assert look({**view, "partial": True}, policy).faults == (NOT_WHOLE,)
        assert look(view, policy + "#").faults == (OTHER_POLICY,)
