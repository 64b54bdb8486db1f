"""A list drawn line by line, whose cursor is a key and never a coordinate."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from holdfast.console.words import strip

if TYPE_CHECKING:
    from holdfast.console.app import HoldfastApp

Parts = list[tuple[str, str]]


class LineList(ScrollView, can_focus=True, inherit_bindings=False):
    """Base of the feed and the pending list: subclasses say what row `index` is and shows."""

    _ground = Style.null()
    MOVES: ClassVar[dict[str, int]] = {"up": -1, "down": 1, "k": -1, "j": 1}
    HEADING_ROWS: ClassVar[int] = 0

    class Moved(Message):
        """The operator moved the cursor to a request (or to a row without one: None)."""

        def __init__(self, request_id: str | None) -> None:
            super().__init__()
            self.request_id = request_id

    @property
    def console(self) -> HoldfastApp:
        return cast("HoldfastApp", self.app)

    # What a subclass says.
    def row_count(self) -> int:
        """How many rows can be scrolled through."""
        raise NotImplementedError

    def row_parts(self, index: int, width: int) -> Parts:
        """(words, style) parts of one row; words are display-safe."""
        raise NotImplementedError

    def heading_parts(self, width: int) -> Parts:
        """The line that stays on top, `width` cells."""
        return [("─" * width, "muted")]

    def empty_parts(self) -> Parts:
        return []

    def cursor_index(self) -> int | None:
        """Where the key under the cursor is now; None without a cursor."""
        raise NotImplementedError

    def put_cursor(self, index: int) -> str | None:
        """The operator's move to row `index`; gives the request id there."""
        raise NotImplementedError

    # Drawing.
    def render_lines(self, crop: Region) -> list[Strip]:
        """The ground is found once a drawing, not once a line."""
        self._ground = self.rich_style
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        # The scrollbar lies on the last cell of `size`.
        width = self.scrollable_content_region.width
        palette = self.console.palette
        ground = self._ground
        if y < self.HEADING_ROWS:
            return strip(self.heading_parts(width), palette, width, ground)
        count = self.row_count()
        index = y - self.HEADING_ROWS + self.top_index()
        if index >= count:
            if count == 0 and y == self.HEADING_ROWS:
                return strip(self.empty_parts(), palette, width, ground)
            return Strip.blank(width, ground)
        parts = self.row_parts(index, width)
        if index == self.cursor_index():
            ground = palette.style("select")
            parts = [(words, "bold" if "bold" in spec else "") for words, spec in parts]
        return strip(parts, palette, width, ground)

    def top_index(self) -> int:
        """The row on the first line."""
        return round(self.scroll_y)

    def sync(self) -> None:
        """Takes the row count of the model; keeps the cursor in sight."""
        size = Size(self.size.width, self.row_count() + self.HEADING_ROWS)
        if size != self.virtual_size:
            self.virtual_size = size
        self.refresh()

    @property
    def page_rows(self) -> int:
        return max(1, self.size.height - self.HEADING_ROWS)

    def show_index(self, index: int) -> None:
        """Scrolls just far enough that a row is visible."""
        top = self.top_index()
        if index < top:
            self.scroll_to(y=index, animate=False, immediate=True)
        elif index >= top + self.page_rows:
            self.scroll_to(y=index - self.page_rows + 1, animate=False, immediate=True)

    # Moving.
    def move(self, by: int) -> None:
        """Moves the cursor by rows, from the end when there is none."""
        count = self.row_count()
        if not count:
            return
        at = self.cursor_index()
        start = count if at is None and by < 0 else (-1 if at is None else at)
        self.go(max(0, min(count - 1, start + by)))

    def go(self, index: int) -> None:
        self.post_message(self.Moved(self.put_cursor(index)))
        self.show_index(index)
        self.refresh()

    def on_key(self, event: events.Key) -> None:
        by = self.MOVES.get(event.key)
        if event.key in {"pageup", "pagedown"}:
            by = self.page_rows if event.key == "pagedown" else -self.page_rows
        if by is not None:
            event.stop()
            self.move(by)

    def on_click(self, event: events.Click) -> None:
        index = event.y - self.HEADING_ROWS + self.top_index()
        if event.y >= self.HEADING_ROWS and 0 <= index < self.row_count():
            self.go(index)
