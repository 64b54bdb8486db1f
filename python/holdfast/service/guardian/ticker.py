"""Calls the core's `tick` when something is due."""

import asyncio

from holdfast.service.guardian.core import Core, Sealed

# A deadline is met in the core's time; one millisecond late never fires a moment too early.
LATE_MS = 1


class Ticker:
    """One timer for the next deadline.

    It is set anew with every durable batch and every move of the clock.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due: int | None = None
        core.listen(lambda _: self._arm())
        core.clock.on_moved(lambda _: self._arm_anew())
        core.on_sealed(lambda _: self.stop())
        self._arm()

    def stop(self) -> None:
        """Ends it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm_anew(self) -> None:
        self.stop()
        self._arm()

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
