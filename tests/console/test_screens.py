"""Every screen as a picture, with the clock standing still.

`pytest --snapshot-update` after an intended change.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.console.conftest import PASSPHRASE, Stage
from textual.pilot import Pilot

from holdfast.console.deciding import DecisionScreen

SIZES = [(80, 24), (200, 50)]
THEMES = ["night", "day", "colour-blind", "ansi"]
Scene = Callable[[Stage, Pilot[Any]], Awaitable[None]]
Snap = Callable[..., bool]


async def settled(stage: Stage, pilot: Pilot[Any]) -> None:
    """Everything that is fetched after the connection has come."""
    await stage.ready(pilot)
    app = stage.app
    await stage.until(
        pilot, lambda: app.selected_id is None or app.selected_id in app.model.history
    )
    await stage.until(pilot, lambda: stage.guardian.asked("limits"))
    if app.selected_id is not None:
        await stage.until(pilot, lambda: {"id": app.selected_id} in stage.guardian.asked("request"))
    await pilot.pause(0.3)


async def feed(stage: Stage, pilot: Pilot[Any]) -> None:
    await settled(stage, pilot)
    await pilot.press("2", "up", "up", "up")
    await pilot.pause(0.3)


async def detail(stage: Stage, pilot: Pilot[Any]) -> None:
    await settled(stage, pilot)
    await pilot.press("down", "3")
    await settled(stage, pilot)


async def limits(stage: Stage, pilot: Pilot[Any]) -> None:
    await settled(stage, pilot)
    await pilot.press("4")
    await pilot.pause(0.3)


async def approve(stage: Stage, pilot: Pilot[Any]) -> None:
    await settled(stage, pilot)
    await stage.app.session.unlock(bytearray(PASSPHRASE.encode()))
    await pilot.press("down")
    await settled(stage, pilot)
    await pilot.press("a")
    await stage.until(pilot, lambda: isinstance(stage.app.screen, DecisionScreen))
    await stage.advance(pilot, 1.1)
    await pilot.press("7")
    await pilot.pause(0.3)


async def frozen(stage: Stage, pilot: Pilot[Any]) -> None:
    await settled(stage, pilot)
    data = {
        "freeze": 29,
        "scope": {"kind": "everything"},
        "reason": "payments nobody asked for",
        "actor": "ana at the console",
        "ended": ["r25", "r26", "r27", "r28"],
        "held": [],
    }
    stage.guardian.event("freeze.set", data)
    await stage.until(pilot, lambda: not stage.app.model.pending)
    await settled(stage, pilot)


async def stale(stage: Stage, pilot: Pilot[Any]) -> None:
    await settled(stage, pilot)
    stage.guardian.stop()
    await stage.until(pilot, lambda: "no guardian" in stage.app.model.link.error)
    stage.clock.now += 12
    await pilot.pause(0.3)


async def freeze_menu(stage: Stage, pilot: Pilot[Any]) -> None:
    await settled(stage, pilot)
    await pilot.press("f")
    await pilot.pause(0.3)


async def help_screen(stage: Stage, pilot: Pilot[Any]) -> None:
    await settled(stage, pilot)
    await pilot.press("question_mark")
    await pilot.pause(0.3)


def shot(snap: Snap, stage: Stage, scene: Scene, size: tuple[int, int]) -> bool:
    async def before(pilot: Pilot[Any]) -> None:
        await scene(stage, pilot)

    return snap(stage.app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_screen_idle(snap_compare: Snap, idle: Stage, size: tuple[int, int]) -> None:
    assert shot(snap_compare, idle, settled, size)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    "scene", [feed, detail, approve, frozen, stale], ids=lambda scene: scene.__name__
)
def test_screen(snap_compare: Snap, busy: Stage, scene: Scene, size: tuple[int, int]) -> None:
    assert shot(snap_compare, busy, scene, size)


@pytest.mark.parametrize("scene", [limits, freeze_menu, help_screen], ids=lambda s: s.__name__)
def test_screen_small(snap_compare: Snap, busy: Stage, scene: Scene) -> None:
    assert shot(snap_compare, busy, scene, (80, 24))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("theme", THEMES)
def test_screen_theme(snap_compare: Snap, busy: Stage, theme: str, size: tuple[int, int]) -> None:
    busy.app.palette = busy.app._library.palettes[theme]
    assert shot(snap_compare, busy, settled, size)
