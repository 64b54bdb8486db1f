"""Where time comes from: the journal's high-water mark plus time elapsed, never the wall clock
alone.

`CLOCK_BOOTTIME` is used where there is one, because it goes on while the machine sleeps.
"""

import time
from collections.abc import Callable

JUMP_MS_MAX = 60_000

Milliseconds = Callable[[], int]


def wall_ms() -> int:
    """Milliseconds since the epoch by the system's clock, which anybody may have set."""
    return time.time_ns() // 1_000_000


def elapsed_ms() -> int:
    """Milliseconds of a clock that only goes forward."""
    source = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(source) // 1_000_000


class Clock:
    """Time for the core, which never runs backwards and does not follow jumps of the wall clock."""

    def __init__(self, wall: Milliseconds = wall_ms, elapsed: Milliseconds = elapsed_ms) -> None:
        self._wall = wall
        self._elapsed = elapsed
        self._offset = wall() - elapsed()
        self._drift_known = 0

    def start(self, last_at: int) -> None:
        """Sets the clock to the later of the wall clock and `last_at`, the time of the last event
        (ms).
        """
        self._offset = max(self._wall(), last_at) - self._elapsed()
        self._drift_known = 0

    def now_ms(self) -> int:
        """Milliseconds since the epoch, as the core is told them."""
        return self._elapsed() + self._offset

    def jump(self) -> tuple[int, int] | None:
        """`(wall_ms, expected_ms)` when the wall clock moved by more than a minute since the last
        report, else None.
        """
        wall, expected = self._wall(), self.now_ms()
        drift = wall - expected
        if abs(drift - self._drift_known) <= JUMP_MS_MAX:
            return None
        self._drift_known = drift
        return wall, expected
