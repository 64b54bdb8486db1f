"""A bucket that refills: so many calls a minute, in a burst or spread."""


class Rate:
    """Holds up to a minute's worth of calls."""

    __slots__ = ("_at", "_left", "_per_second", "_size")

    def __init__(self, per_minute: int, now_s: float) -> None:
        self._size = float(per_minute)
        self._per_second = per_minute / 60
        self._left = self._size
        self._at = now_s

    def take(self, now_s: float) -> bool:
        """Takes one call out; False when there is none left."""
        left = self._left + (now_s - self._at) * self._per_second
        self._left = min(left, self._size)
        self._at = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True
