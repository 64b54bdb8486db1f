"""The live feed on screen.

Draws the visible part of the ring, and follows its end unless the operator moved.
"""

from __future__ import annotations

from textual.geometry import Size

from holdfast.console.lines import LineList, Parts
from holdfast.console.words import cut
from holdfast.operator import format as fmt
from holdfast.operator.feed import Feed

LAY_OUT_S = 1.0
LAY_OUT_ROWS = 40


class FeedList(LineList):
    """The cursor is a row's serial, so it stays on its row while others arrive.

    While it follows, the last page is drawn whatever the scroll position says, and the scrollbar is
    brought up to date once a second: a layout ten times a second costs more than all the rows.
    """

    def __init__(self) -> None:
        super().__init__(id="feed", classes="pane")
        self.cursor: int | None = None
        self.follow = True
        self._first = 0
        self._shown: object = None
        self._laid_out_at = float("-inf")

    @property
    def feed(self) -> Feed:
        return self.console.model.feed

    def row_count(self) -> int:
        return len(self.feed)

    def top_index(self) -> int:
        if self.follow:
            return max(0, len(self.feed) - self.page_rows)
        return super().top_index()

    def cursor_index(self) -> int | None:
        return None if self.cursor is None else self.feed.index_of(self.cursor)

    def put_cursor(self, index: int) -> str | None:
        self.leave_end()
        self.cursor = self.feed.serial_at(index)
        row = self.feed.row(index)
        return row.request_id or None if row is not None else None

    def to_end(self) -> None:
        """Follows the feed again, with the row selected that is the newest now."""
        count = len(self.feed)
        if count:
            self.post_message(self.Moved(self.put_cursor(count - 1)))
        self.follow = True
        self.sync()

    def leave_end(self) -> None:
        """Stops following without moving what is on screen."""
        if self.follow:
            self.lay_out()
            self.follow = False

    def sync(self) -> None:
        """New rows arrived: follow the end, or keep what is shown where it is."""
        feed, now = self.feed, self.console.clock()
        unseen = abs(len(feed) - self.virtual_size.height)
        shown = (feed.version, self.follow, self.size, self.console.palette.name)
        if shown == self._shown and (not unseen or now - self._laid_out_at < LAY_OUT_S):
            return
        self._shown = shown
        gone = feed.first_serial - self._first
        self._first = feed.first_serial
        calm = unseen < LAY_OUT_ROWS or not self.follow
        if calm or now - self._laid_out_at >= LAY_OUT_S:
            self._laid_out_at = now
            self.lay_out()
        if gone and not self.follow and not feed.needle:
            self.scroll_to(y=max(0, self.scroll_y - gone), animate=False, immediate=True)
        self.refresh()

    def lay_out(self) -> None:
        """Gives the scrollbar the row count, and while following the end."""
        count = len(self.feed)
        size = Size(self.size.width, count)
        if size != self.virtual_size:
            self.virtual_size = size
            rows = f"{count:,} rows"
            self.border_subtitle = rows
        if self.follow:
            end = max(0, count - self.page_rows)
            self.scroll_to(y=end, animate=False, immediate=True)
            if round(self.scroll_y) != end:
                # A layout that is under way still cuts the position: the next drain tries again.
                self._shown = None

    def on_resize(self) -> None:
        self.sync()

    def on_mouse_scroll_up(self) -> None:
        self.leave_end()

    def on_scroll_up(self) -> None:
        self.leave_end()

    def on_scroll_to(self) -> None:
        self.leave_end()

    def empty_parts(self) -> Parts:
        if self.feed.needle:
            return [(f" no row matches `{fmt.safe(self.feed.needle, 60)}`", "muted")]
        return [(" no events yet", "muted")]

    def row_parts(self, index: int, width: int) -> Parts:
        row = self.feed.row(index)
        if row is None:
            return []
        agent_width = 16 if width >= 100 else 10
        return [
            (f" {fmt.clock(row.at)} ", "muted"),
            (f"{row.glyph} {row.word[:9]:<9} ", f"{row.tone} bold"),
            (f"{cut(row.request_id, 8):<7} ", "foreground"),
            (f"{cut(row.agent, agent_width):<{agent_width}} ", "muted"),
            (row.text, "foreground" if row.tone != "muted" else "muted"),
        ]
