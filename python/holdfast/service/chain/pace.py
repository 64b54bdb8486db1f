"""So many calls a second and no more, in any second."""

from collections import deque


class Pace:
    """Gives each call its moment; the caller waits until then."""

    __slots__ = ("_moments",)

    def __init__(self, per_second: int) -> None:
        self._moments: deque[float] = deque(maxlen=per_second)

    def turn(self, now_s: float, patience_s: float) -> float | None:
        """Seconds until the next call may go, which is taken.

        None, and nothing is taken, when that is longer than `patience_s`.
        """
        at = now_s
        if len(self._moments) == self._moments.maxlen:
            at = max(now_s, self._moments[0] + 1.0)
        if at - now_s > patience_s:
            return None
        self._moments.append(at)
        return at - now_s
