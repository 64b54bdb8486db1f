"""All of what a request would have signed, uncut: read here, answered in the decision dialog."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from holdfast.console import details
from holdfast.console.dialogs import Dialog
from holdfast.operator import format as fmt
from holdfast.operator.request import Request


class WholeScreen(Dialog[None]):
    """Shows one request as it was when the key was pressed."""

    TITLE_WORDS = "All of what is signed"

    def __init__(self, request: Request) -> None:
        super().__init__()
        self._request = request

    def compose_box(self) -> ComposeResult:
        yield Static(self.words().line(f" {fmt.safe(self._request.id, 24)}", "accent bold").text)
        with VerticalScroll(id="whole-body", can_focus=False):
            yield Static(details.whole(self._request, self.hold.palette), id="whole-text")
        yield Static(self.words().put(" ↑ ↓ PgUp PgDn Home End scroll · Esc back", "muted").text)

    def take_key(self, event: events.Key) -> None:
        scroll = self.query_one("#whole-body", VerticalScroll)
        moves: dict[str, Callable[..., None]] = {
            "up": scroll.scroll_up,
            "down": scroll.scroll_down,
            "pageup": scroll.scroll_page_up,
            "pagedown": scroll.scroll_page_down,
            "home": scroll.scroll_home,
            "end": scroll.scroll_end,
        }
        move = moves.get(event.key)
        if move is not None:
            move(animate=False)
        elif event.key in {"escape", "q", "w", "enter"}:
            self.finish(None)
