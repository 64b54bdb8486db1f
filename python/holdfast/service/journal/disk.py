"""Room for the journal: a reserve that only stop and status may use, and a budget for the file.

When the disk has less free than the floor, or the journal reached its budget, agents are refused in
words and nothing else changes: a freeze, an answer of the operator and the signed notes are still
written. Should another program fill the disk to the last byte, the file `reserve` is given up and
the writer goes on in its place.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from holdfast.service.journal.reserve import Reserve
from holdfast.service.journal.settings import JournalConfig
from holdfast.service.runtime.logs import get_logger

log = get_logger()

# The disk is looked at again after this time.
LOOK_SECONDS = 0.25
# From here on the alarm says that the journal comes near its budget.
NEAR = 0.9
Time = Callable[[], float]
Json = dict[str, object]


class Disk:
    """How much room there is, looked at every quarter of a second at most."""

    def __init__(
        self,
        folder: Path,
        bytes_used: Callable[[], int],
        reserve: Reserve,
        config: JournalConfig,
        time: Time,
    ) -> None:
        """`folder` is on the journal's disk, `bytes_used` gives what the journal takes there.

        `time` gives monotonic seconds.
        """
        self._folder = folder
        self._bytes_used = bytes_used
        self._reserve = reserve
        self._config = config
        self._time = time
        self._looked_at = float("-inf")
        self._low: str | None = None
        self._free = 0
        self._used = 0

    @property
    def low(self) -> str | None:
        """Why agents are refused; None while there is room."""
        return self.low_at(self._time())

    def low_at(self, now: float) -> str | None:
        """The same where the time is known."""
        if now - self._looked_at >= LOOK_SECONDS:
            self.look()
        return self._low

    def look(self) -> None:
        """Looks now; takes the reserve anew when there is room for it again."""
        self._looked_at = self._time()
        found = os.statvfs(self._folder)
        self._free = found.f_bavail * found.f_frsize
        self._used = self._bytes_used()
        floor, most = self._config.free_bytes_min, self._config.bytes_max
        low = None
        if self._free < floor:
            low = (
                f"the disk has {_mib(self._free)} free and {_mib(floor)} are reserved for "
                f"stopping: free some space"
            )
        elif self._used > most:
            low = (
                f"the journal has {_mib(self._used)} and `journal.bytes_max` is {_mib(most)}:"
                " raise it, or archive the journal"
            )
        elif not self._reserve.held and not self._take_reserve(floor):
            low = f"there is no room for the reserve of {_mib(self._reserve.size)}: free some space"
        if low is None and self._low is not None:
            log.info("there is room on the disk again", free=self._free)
        elif low is not None and self._low is None:
            log.error("agents are refused: no room on the disk", reason=low)
        self._low = low

    def _take_reserve(self, floor: int) -> bool:
        if self._free < floor + self._reserve.size:
            return False
        return self._reserve.hold()

    def health(self) -> Json:
        """`disk` of `health`."""
        low = self.low
        near = self._used > NEAR * self._config.bytes_max
        text = None
        if low is None and near:
            text = f"the journal has {_mib(self._used)} of {_mib(self._config.bytes_max)}"
        return {
            "low": low,
            "text": text,
            "free_bytes": self._free,
            "journal_bytes": self._used,
            "journal_bytes_max": self._config.bytes_max,
        }


def _mib(size: int) -> str:
    return f"{size / (1 << 20):,.1f} MiB"
