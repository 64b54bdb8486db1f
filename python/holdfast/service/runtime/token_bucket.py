"""A bucket that refills: so much a minute, in a burst or spread."""


class TokenBucket:
    """Holds up to `size`, at first all of it, and gains `per_second`; both in whatever is counted.

    Calls are taken out beforehand (`take`). What is known only afterwards, such as time or bytes,
    is charged then (`charge`), and may leave a debt of at most `size`.
    """

    __slots__ = ("_at", "_left", "_per_second", "_size")

    def __init__(self, per_minute: float, now_s: float, size: float | None = None) -> None:
        """`size` is a minute's worth unless it is given."""
        self._size = float(per_minute) if size is None else size
        self._per_second = per_minute / 60
        self._left = self._size
        self._at = now_s

    def take(self, now_s: float) -> bool:
        """Takes one call out; False when there is none left."""
        if self.left(now_s) < 1:
            return False
        self._left -= 1
        return True

    def left(self, now_s: float) -> float:
        """What there is; below zero a debt."""
        self._left = min(self._left + (now_s - self._at) * self._per_second, self._size)
        self._at = now_s
        return self._left

    def charge(self, amount: float, now_s: float) -> float:
        """Takes `amount` out, whether it is there or not; gives what is left."""
        size = self._size
        left = self._left + (now_s - self._at) * self._per_second
        left = (min(size, left)) - amount
        self._left = left = max(-size, left)
        self._at = now_s
        return left

    def wait_s(self, now_s: float) -> float:
        """Seconds until there is something again."""
        return max(0.0, -self.left(now_s)) / self._per_second
