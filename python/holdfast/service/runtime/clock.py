"""Where time comes from: the journal's end plus the time elapsed since.

The wall clock, which any user may have set, moves it forward only as far as a chain confirms.

`CLOCK_BOOTTIME` is used where there is one, because it goes on while the machine sleeps.
"""

import time
from collections.abc import Callable, Iterable

# Clocks that differ by no more count as the same, and a chain's time goes so far beyond its newest
# block.
TOLERANCE_MS = 60_000

Milliseconds = Callable[[], int]


def wall_ms() -> int:
    """Milliseconds since the epoch by the system's clock."""
    return time.time_ns() // 1_000_000


def elapsed_ms() -> int:
    """Milliseconds of a clock that only goes forward."""
    source = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(source) // 1_000_000


def believed(last_at: int, elapsed: int, wall: int, seen: Iterable[int]) -> int:
    """The guardian's time, in ms.

    Never less than `last_at + elapsed`, and more only where the wall clock says so and a time that
    was seen on a chain confirms it.
    """
    own = last_at + elapsed
    confirmed = max(seen, default=own - TOLERANCE_MS) + TOLERANCE_MS
    return max(own, min(wall, confirmed))


class Clock:
    """Time for the core.

    It never runs backwards, unless an operator sets it, and does not follow jumps of the wall clock
    by itself.
    """

    def __init__(self, wall: Milliseconds = wall_ms, elapsed: Milliseconds = elapsed_ms) -> None:
        self._wall = wall
        self._elapsed = elapsed
        self._offset = wall() - elapsed()
        self._drift_known = 0
        self._on_moved: list[Callable[[int], None]] = []

    def start(self, last_at: int) -> None:
        """Begins at `last_at`, the time of the last event (ms).

        A wall clock that is a moment ahead of it is believed: the guardian was hardly away.
        """
        wall = self._wall()
        hardly_away = wall - last_at <= TOLERANCE_MS
        now = believed(last_at, 0, wall, [last_at] if hardly_away else [])
        self._offset = now - self._elapsed()
        self._drift_known = 0

    def now_ms(self) -> int:
        """Milliseconds since the epoch, as the core is told them."""
        return self._elapsed() + self._offset

    def wall_ms(self) -> int:
        """The same by the system's clock."""
        return self._wall()

    @property
    def is_unconfirmed(self) -> bool:
        """The wall clock is ahead of the guardian's time, and nothing has confirmed it yet."""
        return self.wall_ms() - self.now_ms() > TOLERANCE_MS

    def confirm(self, seen: Iterable[int]) -> None:
        """Goes forward to the wall clock, as far as these times of blocks (ms) confirm it."""
        now = self.now_ms()
        self._move(believed(now, 0, self._wall(), seen) - now)

    def set(self, to_ms: int) -> None:
        """An operator's word. What the core was told of the wall clock it has put right itself."""
        by = to_ms - self.now_ms()
        self._drift_known -= by
        self._move(by)

    def on_moved(self, callback: Callable[[int], None]) -> None:
        """Calls `callback(ms)` when time jumped by so much.

        Forward, or back where that is below zero: what was measured by it before is that much
        older.
        """
        self._on_moved.append(callback)

    def _move(self, by: int) -> None:
        if by == 0:
            return
        self._offset += by
        for callback in self._on_moved:
            callback(by)

    def jump(self) -> tuple[int, int] | None:
        """`(wall_ms, expected_ms)` when the wall clock jumped, else None.

        By more than a minute against the guardian's time since the last report.
        """
        wall, expected = self._wall(), self.now_ms()
        drift = wall - expected
        if abs(drift - self._drift_known) <= TOLERANCE_MS:
            return None
        self._drift_known = drift
        return wall, expected
