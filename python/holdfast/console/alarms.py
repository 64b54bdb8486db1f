"""The screen of everything that is not well: each in full, with what to do and since when."""

from __future__ import annotations

import textwrap
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from holdfast.console.dialogs import Dialog
from holdfast.console.scrolling import moved_by
from holdfast.console.words import Words
from holdfast.operator import format as fmt
from holdfast.operator.alarms import Alarm, alarms

INDENT = "   "
# Border, padding and scrollbar of the box.
AROUND = 6
CELLS_MIN = 20


class AlarmsScreen(Dialog[None]):
    """Follows what holds while it is open; an alarm that is over leaves it."""

    TITLE_WORDS: ClassVar[str] = "Alarms"

    def __init__(self) -> None:
        super().__init__()
        self._shown: object = None

    def compose_box(self) -> ComposeResult:
        with VerticalScroll(id="alarms-body", can_focus=False):
            yield Static(id="alarms-text")
        yield Static(self.words().put(" ↑ ↓ PgUp PgDn Home End scroll · Esc back", "muted").text)

    def tick(self) -> None:
        super().tick()
        app = self.console
        found, now = alarms(app.model), app.model.now_ms(app.clock())
        shown = (found, now // 1000, app.size.width, app.palette.name)
        if shown == self._shown:
            return
        self._shown = shown
        title = f" {self.TITLE_WORDS}: {len(found)}, the most severe first"
        self.query_one(".box-title", Static).update(self.words().put(title, "accent bold").text)
        words = self.words()
        for each in found:
            _put(words, each, now, max(CELLS_MIN, app.size.width - AROUND))
        if not found:
            words.line(" ✓ no alarms", "ok")
        words.text.rstrip()
        self.query_one("#alarms-text", Static).update(words.text)

    def take_key(self, event: events.Key) -> None:
        if moved_by(event.key, self.query_one("#alarms-body", VerticalScroll)):
            return
        if event.key in {"escape", "q", "A", "enter"}:
            self.finish(None)


def _put(words: Words, alarm: Alarm, now_ms: int, cells: int) -> None:
    mark = alarm.mark
    words.put(f" {mark.glyph} {mark.word}", mark.tone)
    if alarm.since is not None:
        lasted = fmt.elapsed(max(0, now_ms - alarm.since))
        words.put(f"  since {fmt.stamp(alarm.since)}, for {lasted}", "muted")
    words.line()
    for line in textwrap.wrap(alarm.text, cells - len(INDENT)):
        words.line(f"{INDENT}{line}")
    for line in textwrap.wrap(f"next: {alarm.step}" if alarm.step else "", cells - len(INDENT)):
        words.line(f"{INDENT}{line}", "accent")
    words.line()
