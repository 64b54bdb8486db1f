"""A console on a scripted operator socket, with a clock that stands still until a test moves it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.operator_thread import ThreadedOperator
from textual.pilot import Pilot

from holdfast.console.app import HoldfastApp
from holdfast.operator import keys
from holdfast.operator.seen import Seen
from holdfast.secrets import sealed

PASSPHRASE = "correct horse"
WAIT_STEPS = 400
START_S = 1_000.0
START_MS = 1_772_625_600_000


class Clock:
    """Monotonic seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = START_S

    def __call__(self) -> float:
        return self.now


@dataclass
class Stage:
    """One home with a guardian's socket, and the console on it."""

    home: Path
    guardian: ThreadedOperator
    clock: Clock
    app: HoldfastApp

    def run(self, size: tuple[int, int] = (80, 24)) -> AbstractAsyncContextManager[Pilot[None]]:
        return self.app.run_test(size=size)

    async def until(self, pilot: Pilot[Any], true: Callable[[], object], what: str = "") -> None:
        """Waits for a condition, never for a time."""
        for _ in range(WAIT_STEPS):
            if true():
                return
            await pilot.pause(0.02)
        raise AssertionError(f"never became true: {what or true}")

    async def ready(self, pilot: Pilot[Any]) -> None:
        """Connected, and everything recorded is on screen."""
        feed = self.app.model.feed
        wanted = len(self.guardian.server.events)
        await self.until(
            pilot, lambda: self.app.client.connected and len(feed) >= wanted, "the console is live"
        )
        await self.until(pilot, lambda: self.app.model.link.connected, "the link is live")
        await self.until(
            pilot,
            lambda: not self.app.model.pending or self.app.selected_id,
            "a request is selected",
        )
        await pilot.pause(0.15)

    async def seen(self, pilot: Pilot[Any], seq: int) -> None:
        await self.until(pilot, lambda: self.app.model.feed_seq >= seq, f"event {seq} is shown")

    async def advance(self, pilot: Pilot[Any], seconds: float) -> None:
        """Time passes on both sides, and the guardian says so."""
        self.clock.now += seconds
        self.guardian.health(START_MS + int((self.clock.now - START_S) * 1000))
        await self.until(pilot, lambda: self.app.model.link.heard == self.clock.now, "heard")

    async def unlock(self, pilot: Pilot[Any]) -> None:
        """Types the passphrase into the open unlock screen."""
        await self.until(pilot, lambda: type(self.app.screen).__name__ == "UnlockScreen")
        await pilot.press(*["space" if c == " " else c for c in PASSPHRASE], "enter")
        await self.until(pilot, lambda: self.app.unlocked, "the key is held")


@pytest.fixture
def home() -> Iterator[Path]:
    """A short path: a Unix socket's name has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="hf") as folder:
        yield Path(folder)


def as_recorded(view: dict[str, Any], _policy: str | None) -> Seen:
    """Recorded scenes are written by hand: no core decided them, so nothing decodes to them.

    What the console does with a real guardian's views is in tests/perimeter and test_real_guardian.
    """
    return Seen(str(view["digest"]), ())


def make_stage(home: Path, scene: str, **options: Any) -> Stage:
    clock = Clock()
    (home / "keys").mkdir(mode=0o700)
    keys.create(home / "keys" / "operator.json", "ana", PASSPHRASE.encode(), sealed.LIGHT)
    guardian = ThreadedOperator(home, scene)
    app = HoldfastApp(home, clock=clock, config=home / "config", look=as_recorded, **options)
    return Stage(home, guardian, clock, app)


@pytest.fixture
def busy(home: Path) -> Iterator[Stage]:
    """Four requests wait: r25 (250 USDC), r26 (18.40), r27 (opaque), r28 (delay)."""
    stage = make_stage(home, "busy")
    yield stage
    stage.guardian.close()


@pytest.fixture
def idle(home: Path) -> Iterator[Stage]:
    stage = make_stage(home, "idle")
    yield stage
    stage.guardian.close()
