"""The dialog in which an operator signs a policy that lies in the home and is not in force."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from holdfast.console.dialogs import Dialog
from holdfast.console.words import Words
from holdfast.operator import format as fmt
from holdfast.operator.decision import QUIET_S, KeyGate, Reading
from holdfast.operator.differences import Change


class PolicyScreen(Dialog[str]):
    """What changes, then the text itself; y signs once all of it was on screen.

    The result is `signed` or None.
    """

    TITLE_WORDS = "SIGN THIS POLICY?"

    def __init__(
        self, text: str, revision: int, changes: list[Change], diff: list[str], mono: float
    ) -> None:
        super().__init__()
        self._text, self._revision = text, revision
        self._changes, self._diff = changes, diff
        self._gate = KeyGate(mono)
        self._confirmed_at: float | None = None
        self._reading = Reading()
        self._sending = False
        self._notice = ""

    def compose_box(self) -> ComposeResult:
        looser = sum(change.looser for change in self._changes)
        words = self.words()
        words.line(f" revision {self._revision}: {len(self._changes)} changes, {looser} looser")
        yield Static(words.text, id="policy-head")
        with VerticalScroll(id="policy-body", can_focus=False):
            yield Static(self._body().text, id="policy-text")
        yield Static(id="policy-foot")

    def tick(self) -> None:
        super().tick()
        mono = self.console.clock()
        self._note_read()
        if self._confirmed_at is not None and mono - self._confirmed_at >= QUIET_S:
            self._confirmed_at = None
            self._sending = True
            self.run_worker(self._send(), exclusive=True)
        self.query_one("#policy-foot", Static).update(self._foot(mono).text)

    def _note_read(self) -> None:
        """Notes which lines are on screen now; nothing is laid out before the first turn."""
        body = self.query_one("#policy-body", VerticalScroll)
        lines = self.query_one("#policy-text", Static).size.height
        if body.size.height:
            top = body.scroll_offset.y
            self._reading.see(top, top + body.size.height, lines)

    def interrupt(self) -> None:
        self._confirmed_at = None
        self._notice = "not signed: the freeze menu was opened"

    def take_key(self, event: events.Key) -> None:
        if event.key in {"escape", "n"} and not self._sending:
            self.finish(None)
            return
        body = self.query_one("#policy-body", VerticalScroll)
        if event.key in {"up", "down", "pageup", "pagedown", "home", "end"}:
            step = body.size.height - 1 if event.key.startswith("page") else 1
            if event.key in {"home", "end"}:
                step = body.max_scroll_y
            way = -1 if event.key in {"up", "pageup", "home"} else 1
            self._note_read()
            body.scroll_relative(y=way * step, animate=False, immediate=True)
            self._note_read()
            return
        mono = self.console.clock()
        if self._sending:
            return
        if self._gate.press(mono) != "taken" or self._confirmed_at is not None:
            self._confirmed_at = None
            self._notice = "ignored: press one key at a time, a second after this opens"
        elif event.key == "y" and self._reading.blocks:
            self._notice = self._reading.blocks
        elif event.key == "y":
            self._confirmed_at = mono
            self._notice = ""

    async def _send(self) -> None:
        fault = await self.console.session.apply_policy(self._text, self._revision)
        self._sending = False
        if fault is None:
            self.finish("signed")
        else:
            self._notice = fmt.safe(fault, 600)

    def _body(self) -> Words:
        words = self.words()
        for change in self._changes:
            words.line(f" {change.words}", "alarm bold" if change.looser else "foreground")
        words.line()
        for each in self._diff:
            tone = "warn" if each.startswith("-") else "ok" if each.startswith("+") else "muted"
            words.line(f" {each}", tone)
        return words

    def _foot(self, mono: float) -> Words:
        words = self.words()
        if self._sending:
            words.line(" … signing, waiting for the guardian", "warn bold")
        elif self._notice:
            words.line(f" ! {self._notice}", "warn bold")
        elif self._gate.armed_in(mono) > 0:
            words.line(" … read it first; keys work in a moment", "muted")
        else:
            words.line(f" {self._reading.blocks or ''}", "muted")
        words.put("  Esc ", "accent bold").put(" back (default)   ")
        ready = not self._reading.blocks and not self._sending and self._gate.armed_in(mono) <= 0
        words.put("y ", "accent bold" if ready else "muted")
        words.put(" sign and put in force   ", "foreground" if ready else "muted")
        words.put("↑↓ scroll", "muted")
        return words
