"""The live feed: a ring of rows with filter, pause and a stable number for every row. Headless.

Rows are addressed by serial (counts from 0, never reused), so a cursor stays on its row while
others arrive or fall
out of the ring.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

FEED_ROWS_MAX = 60_000


class FeedRow(NamedTuple):
    """One line of the feed; every text is display-safe already."""

    at: int
    tone: str
    glyph: str
    word: str
    request_id: str
    agent: str
    text: str

    def matches(self, needle: str) -> bool:
        """Every word of the (lower-case) filter occurs somewhere in the row."""
        hay = f"{self.request_id} {self.agent} {self.word} {self.text}".lower()
        return all(word in hay for word in needle.split())


class Feed:
    """Rows and the window onto them: `len()` and `row()` speak of visible rows only."""

    def __init__(self, rows_max: int = FEED_ROWS_MAX) -> None:
        if rows_max < 1:
            raise ValueError("a feed needs at least one row")
        self._rows_max = rows_max
        self._ring: list[FeedRow] = []
        self._next = 0
        self._needle = ""
        self._matching: list[int] = []
        self._paused_at: int | None = None
        self.version = 0

    @property
    def first_serial(self) -> int:
        """Serial of the oldest row still kept."""
        return self._next - len(self._ring)

    @property
    def next_serial(self) -> int:
        return self._next

    @property
    def needle(self) -> str:
        return self._needle

    @property
    def paused(self) -> bool:
        return self._paused_at is not None

    @property
    def new_while_paused(self) -> int:
        """Rows that arrived (and match the filter) since the pause."""
        if self._paused_at is None:
            return 0
        if not self._needle:
            return self._next - self._paused_at
        return len(self._matching) - bisect_left(self._matching, self._paused_at)

    def push(self, row: FeedRow) -> int:
        """Appends; the oldest row leaves when the ring is full. Gives the serial."""
        serial = self._next
        if len(self._ring) < self._rows_max:
            self._ring.append(row)
        else:
            self._ring[serial % self._rows_max] = row
        self._next += 1
        if self._needle and row.matches(self._needle):
            self._matching.append(serial)
        self.version += 1
        return serial

    def by_serial(self, serial: int) -> FeedRow | None:
        """The row, or None when it left the ring."""
        if not self.first_serial <= serial < self._next:
            return None
        return self._ring[serial % self._rows_max]

    def _span(self) -> tuple[int, int]:
        """Visible range: serials without a filter, indices into the matching list with one."""
        end = self._next if self._paused_at is None else self._paused_at
        if not self._needle:
            return self.first_serial, max(end, self.first_serial)
        low = bisect_left(self._matching, self.first_serial)
        if low > self._rows_max:
            del self._matching[:low]
            low = 0
        return low, max(low, bisect_left(self._matching, end))

    def __len__(self) -> int:
        low, high = self._span()
        return high - low

    def serial_at(self, index: int) -> int | None:
        """Serial of the visible row `index` (0 = oldest), or None outside."""
        low, high = self._span()
        place = low + index
        if index < 0 or place >= high:
            return None
        return self._matching[place] if self._needle else place

    def row(self, index: int) -> FeedRow | None:
        serial = self.serial_at(index)
        return None if serial is None else self.by_serial(serial)

    def index_of(self, serial: int) -> int:
        """Visible index of a serial, or of the nearest visible row when it is hidden or gone."""
        low, high = self._span()
        place = bisect_left(self._matching, serial) if self._needle else serial
        return max(0, min(place, high - 1) - low)

    def set_filter(self, needle: str) -> None:
        """Shows only rows that hold every word of `needle`; empty shows all."""
        self._needle = needle.strip().lower()
        self._matching = []
        if self._needle:
            self._matching = [
                serial
                for serial in range(self.first_serial, self._next)
                if self._ring[serial % self._rows_max].matches(self._needle)
            ]
        self.version += 1

    def pause(self, on: bool) -> None:
        self._paused_at = self._next if on else None
        self.version += 1
