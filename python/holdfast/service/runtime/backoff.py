"""Growing waits."""

from __future__ import annotations

import random


class Backoff:
    """Doubles from `low` to `high` seconds, with jitter.

    So many that wait do not ask all at once.
    """

    def __init__(self, low: float, high: float) -> None:
        self._next = low
        self._high = high

    def seconds(self) -> float:
        """The next wait."""
        wait, self._next = self._next, min(self._next * 2, self._high)
        return wait * random.uniform(0.75, 1.25)  # noqa: S311 - spreads load, guards nothing
