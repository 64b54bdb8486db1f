"""Connections that an agent's door turned away: all are counted, few are written to the log."""

from __future__ import annotations

from holdfast.service.runtime.logs import get_logger

log = get_logger()

LOG_SECONDS = 1.0


class TurnedAway:
    """Of one agent.

    A thousand calls a second do not fill the log: at most one line a second says the newest of them
    and how many there were since the last line.
    """

    def __init__(self, agent: str) -> None:
        self.agent = agent
        self.total = 0
        self._unsaid = 0
        self._said_at = float("-inf")
        self._newest: tuple[str, int, int] = ("", 0, 0)

    def add(self, why: str, uid: int, pid: int, now: float) -> None:
        """One more; `now` is in seconds on the loop's clock."""
        self.total += 1
        self._unsaid += 1
        self._newest = (why, uid, pid)
        self.say(now)

    def say(self, now: float) -> None:
        """Writes what was not written yet, unless a line was written within the last second."""
        if not self._unsaid or now - self._said_at < LOG_SECONDS:
            return
        why, uid, pid = self._newest
        log.warning(why, agent=self.agent, uid=uid, pid=pid, count=self._unsaid, total=self.total)
        self._unsaid, self._said_at = 0, now
