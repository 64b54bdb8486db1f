"""Calls the core's `tick` when something is due, and looks whether the wall clock jumped."""

import asyncio

from holdfast.service.core import Core, Sealed
from holdfast.service.logs import get_logger

log = get_logger()

CLOCK_SECONDS = 5.0
# A deadline is met in the core's time; one millisecond late never fires a moment too early.
LATE_MS = 1


class Ticker:
    """One timer for the next deadline, set anew with every durable batch."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due: int | None = None
        core.listen(lambda _: self._arm())
        core.on_sealed(lambda _: self.stop())
        self._arm()

    def stop(self) -> None:
        """Ends it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def run(self) -> None:
        """Looks at the wall clock until cancelled."""
        while self._core.sealed is None:
            await asyncio.sleep(CLOCK_SECONDS)
            self.check_clock()

    def check_clock(self) -> None:
        """Records a jump of the wall clock; the core's own time does not follow it."""
        jump = self._core.clock.jump()
        if jump is None:
            return
        log.warning("the system's clock jumped", wall_ms=jump[0], expected_ms=jump[1])
        try:
            self._core.clock_jumped(*jump)
        except Sealed:
            return

    def _arm(self) -> None:
        due = self._core.guard.next_deadline()
        if due == self._due and self._timer is not None:
            return
        self.stop()
        self._due = due
        if due is not None and self._core.sealed is None:
            wait_ms = max(0, due - self._core.clock.now_ms()) + LATE_MS
            self._timer = self._loop.call_later(wait_ms / 1000, self._tick)

    def _tick(self) -> None:
        self._timer = None
        try:
            self._core.tick()
        except Sealed:
            return
        self._arm()
