"""The list of requests that wait for a person or a delay."""

from __future__ import annotations

from holdfast.console.lines import LineList, Parts
from holdfast.operator import format as fmt
from holdfast.operator.request import Request

URGENT_MS = 60_000


class PendingList(LineList):
    """Rows of `model.pending`; the cursor is the app's selected request id."""

    HEADING_ROWS = 1

    def __init__(self) -> None:
        super().__init__(id="pending", classes="pane")
        self.rows: list[Request] = []

    def take(self, rows: list[Request]) -> None:
        self.rows = rows
        self.sync()

    def row_count(self) -> int:
        return len(self.rows)

    def cursor_index(self) -> int | None:
        chosen = self.hold.selected_id
        for index, request in enumerate(self.rows):
            if request.id == chosen:
                return index
        return None

    def put_cursor(self, index: int) -> str | None:
        return self.rows[index].id if 0 <= index < len(self.rows) else None

    def heading_parts(self, width: int) -> Parts:
        wide = width >= 110
        words = f"    {'LEFT':>8}  {'REQUEST':<8} {'AGENT':<12} {'USD':>12}  "
        if wide:
            words += f"{'QUORUM':<7} "
        return [(words + "WHAT", "muted bold")]

    def empty_parts(self) -> Parts:
        return [("    nothing waits for you", "muted")]

    def row_parts(self, index: int, width: int) -> Parts:
        request = self.rows[index]
        mark = request.mark
        now = self.hold.model.now_ms(self.hold.clock())
        left = None if request.deadline is None else request.deadline - now
        urgent = left is not None and left < URGENT_MS and request.decidable
        pointer = "▶" if request.id == self.hold.selected_id else " "
        usd = fmt.usd(request.usd) if request.usd is not None else "no price"
        parts: Parts = [
            (f" {pointer} ", "accent bold"),
            (f"{mark.glyph}", f"{mark.tone} bold"),
            (f"{fmt.countdown(left):>8}  ", "alarm bold" if urgent else mark.tone),
            (f"{fmt.safe(request.id, 8):<8} ", "foreground bold"),
            (f"{fmt.safe(request.agent, 40)[:12]:<12} ", "foreground"),
            (f"{usd[:12]:>12}  ", "foreground"),
        ]
        if width >= 110:
            parts.append((f"{request.approvals}/{request.quorum:<5} ", "muted"))
        kind = "" if request.state == "waiting-approval" else f"[{mark.word}] "
        parts.append((kind, mark.tone))
        effect = request.main_effect
        full = width >= 130 and effect is not None and effect.to is not None
        words = request.summary
        if full and effect is not None:
            words = words.replace(fmt.address_short(effect.to), fmt.safe(effect.to, 80))
        parts.append((words, "foreground"))
        return parts
