"""All of what a request would have signed, uncut: read here, answered in the decision dialog."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.geometry import Size
from textual.widgets import Static

from holdfast.console import details
from holdfast.console.dialogs import Dialog
from holdfast.console.scrolling import moved_by
from holdfast.operator import format as fmt
from holdfast.operator.request import Request

if TYPE_CHECKING:
    from holdfast.console.app import HoldfastApp


class WholeText(Static):
    """All of one request, in lines of exactly its own width."""

    def __init__(self, request: Request, ident: str) -> None:
        super().__init__(id=ident)
        self._request = request
        self._cells = 0
        self._rows = 0

    @property
    def rows_drawn(self) -> int:
        """Its rows; 0 until they are laid out at the width they were made for."""
        return self._rows if self.size == Size(self._cells, self._rows) else 0

    def on_resize(self, event: events.Resize) -> None:
        if event.size.width != self._cells:
            self._cells = event.size.width
            palette = cast("HoldfastApp", self.app).palette
            text = details.whole(self._request, palette, self._cells)
            self._rows = text.plain.count("\n") + 1
            self.update(text)


class WholeScreen(Dialog[None]):
    """Shows one request as it was when the key was pressed."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        self._request = request

    def compose_box(self) -> ComposeResult:
        with VerticalScroll(id="whole-body", can_focus=False):
            yield WholeText(self._request, "whole-text")
        yield Static(self.words().put(" ↑ ↓ PgUp PgDn Home End scroll · Esc back", "muted").text)

    def on_mount(self) -> None:
        super().on_mount()
        title = self.words().put(f" Request {fmt.safe(self._request.id, 24)}", "accent bold")
        self.query_one(".box-title", Static).update(title.text)

    def take_key(self, event: events.Key) -> None:
        if moved_by(event.key, self.query_one("#whole-body", VerticalScroll)):
            return
        if event.key in {"escape", "q", "w", "enter"}:
            self.finish(None)
