"""The list of requests that wait: for a person or a delay, then for their chain."""

from __future__ import annotations

from rich.cells import cell_len

from holdfast.console.lines import LineList, Parts
from holdfast.console.words import cut
from holdfast.operator import format as fmt
from holdfast.operator.request import Request
from holdfast.operator.waits import waits_of

URGENT_MS = 60_000
WIDE = 110


class PendingList(LineList):
    """Rows of `model.pending`, then of `model.hanging`; the cursor is the selected request's id."""

    HEADING_ROWS = 1

    def __init__(self) -> None:
        super().__init__(id="pending", classes="pane")
        self.rows: list[Request] = []
        self._shown: object = None

    def take(self, rows: list[Request]) -> None:
        """New rows; drawn again when one changed, a second passed, or the cursor moved."""
        self.rows = rows
        app = self.console
        second = app.model.now_ms(app.clock()) // 1000 if rows else 0
        shown = ([id(row.raw) for row in rows], second, app.selected_id, app.palette.name)
        if shown != self._shown:
            self._shown = shown
            self.sync()

    def row_count(self) -> int:
        return len(self.rows)

    def cursor_index(self) -> int | None:
        chosen = self.console.selected_id
        for index, request in enumerate(self.rows):
            if request.id == chosen:
                return index
        return None

    def put_cursor(self, index: int) -> str | None:
        return self.rows[index].id if 0 <= index < len(self.rows) else None

    def heading_parts(self, width: int) -> Parts:
        agent = 14 if width >= WIDE else 10
        quorum = f"{'QUORUM':<7}" if width >= WIDE else ""
        words = f"    {'LEFT':>7}  {'ID':<7}{'AGENT':<{agent}} {'USD':>10}  {quorum}WHAT"
        return [(words, "muted bold")]

    def empty_parts(self) -> Parts:
        return [("    no pending requests", "muted")]

    def row_parts(self, index: int, width: int) -> Parts:
        request = self.rows[index]
        mark = request.mark
        now = self.console.model.now_ms(self.console.clock())
        waits = None if request.pending else waits_of(request)
        until = request.deadline if request.pending else waits and waits.until
        left = None if until is None else until - now
        urgent = left is not None and left < URGENT_MS and request.decidable
        pointer = "▶" if request.id == self.console.selected_id else " "
        usd = fmt.usd(request.usd) if request.usd is not None else "no price"
        agent = 14 if width >= WIDE else 10
        parts: Parts = [
            (f" {pointer} ", "accent bold"),
            (f"{mark.glyph}", f"{mark.tone} bold"),
            (f"{fmt.countdown(left):>7}  ", "alarm bold" if urgent else mark.tone),
            (f"{fmt.safe(request.id, 12):<6} ", "foreground bold"),
            (f"{cut(fmt.safe(request.agent, 40), agent):<{agent}} ", "foreground"),
            (f"{usd:>10}  ", "foreground"),
        ]
        if width >= WIDE:
            parts.append((f"{request.approvals}/{request.quorum:<5}", "muted"))
        if request.state != "waiting-approval":
            words = mark.word if waits is None else f"{mark.word}, waits for {waits.what}:"
            parts.append((f"{words} ", f"{mark.tone} bold"))
        room = width - sum(cell_len(words) for words, _ in parts)
        parts.append((fitting(request, room), "foreground"))
        return parts


def fitting(request: Request, cells: int) -> str:
    """What it does in one line.

    The party in full, short or by its end, as there is room, because the number of others stands
    behind it.
    """
    lines = (request.summary_whole, request.summary, request.summary_least)
    return next((line for line in lines if cell_len(line) <= cells), lines[-1])
