"""The dialog in which an operator approves or denies one request.

Its rules are in `holdfast.operator.decision`.
"""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from holdfast.console import details
from holdfast.console.dialogs import Dialog
from holdfast.console.whole import WholeText
from holdfast.console.words import Words
from holdfast.operator.decision import Answer, Decision
from holdfast.operator.gap import HEX
from holdfast.operator.request import Request


class DecisionScreen(Dialog[str]):
    """Shows the captured request; the result is what was done (`approve`, `deny`) or None."""

    def __init__(self, decision: Decision) -> None:
        super().__init__()
        self.decision = decision
        self._sending = False
        self._result = ""
        self._shown: object = None
        self._looking = False

    def compose_box(self) -> ComposeResult:
        yield Static(id="decision-head")
        with VerticalScroll(id="decision-body", can_focus=False):
            if self.decision.reading is not None:
                yield WholeText(self.decision.shown, "decision-whole")
            yield Static(id="decision-text")
        yield Static(id="decision-foot")

    def tick(self) -> None:
        super().tick()
        app, decision = self.console, self.decision
        mono = app.clock()
        now = app.model.request(decision.id)
        decision.refresh(now, mono)
        if decision.unchecked and not self._looking:
            self._looking = True
            self.run_worker(self._look(decision.shown))
        answer = decision.due(mono)
        self._note_read()
        if answer is not None and not self._sending:
            self._send(answer)
        self._draw(mono)

    async def _look(self, shown: Request) -> None:
        """Holds what is shown against its digest, and decodes it again."""
        try:
            policy = await self.console.session.policy_text(str(shown.raw.get("policy")))
            self.decision.looked(shown, self.console.look(shown.raw, policy))
        finally:
            self._looking = False

    def _note_read(self) -> None:
        """Notes which lines of what must be read are on screen now."""
        if self.decision.reading is None:
            return
        scroll = self.query_one("#decision-body", VerticalScroll)
        lines = self.query_one("#decision-whole", WholeText).rows_drawn
        top = scroll.scroll_offset.y
        self.decision.reading.see(top, top + scroll.size.height, lines)

    def _blocked(self, answer: Answer, mono: float) -> str | None:
        now = self.console.model.request(self.decision.id)
        return self.decision.blocked(answer, now, self.console.model, mono, self.console.read_only)

    def _draw(self, mono: float) -> None:
        app, request = self.console, self.decision.shown
        title = self.words().put(f" {self.decision.action.upper()}? ", "accent bold")
        title.text.append_text(details.status_line(request, app.model, app.palette, mono))
        self.query_one(".box-title", Static).update(title.text)
        history = len(app.model.history.get(request.id, []))
        faults = self.decision.faults
        shown = (id(request), history, app.palette.name, faults)
        if shown != self._shown:
            self._shown = shown
            head = self.words()
            for fault in faults:
                head.line(f" ✗ DO NOT APPROVE: {fault}", "alarm bold")
            head.text.append_text(details.head(request, app.palette))
            self.query_one("#decision-head", Static).update(head.text)
            body = details.body(request, app.model, app.palette)
            self.query_one("#decision-text", Static).update(body)
        self.query_one("#decision-foot", Static).update(self._foot(mono).text)

    def _foot(self, mono: float) -> Words:
        decision = self.decision
        words = self.words()
        blocked = self._blocked(decision.action, mono)
        wait = decision.gate.armed_in(mono)
        if self._sending:
            words.line(" … sending, waiting for the guardian", "warn bold")
        elif self._result:
            words.line(f" ✗ {self._result}", "alarm bold")
        elif blocked is not None:
            words.line(f" ✗ cannot {decision.action}: {blocked}", "alarm bold")
        elif decision.notice:
            words.line(f" ! {decision.notice}", "warn bold")
        elif wait > 0:
            words.line(" … read it first; keys work in a moment", "muted")
        else:
            words.line()
        if decision.typing:
            words.put(f" Fill in the {decision.gap.name}: ")
            words.put(decision.gap.text(decision.typed), "select bold")
            words.line(" ✓" if decision.typed_right else "", "ok bold")
        words.put("  Esc ", "accent bold").put(" back (default)   ")
        ready = blocked is None and decision.typed_right and wait <= 0
        words.put("y ", "accent bold" if ready else "muted")
        tone = "ok bold" if decision.action == "approve" else "alarm bold"
        words.put(f" {decision.action}   ", tone if ready else "muted")
        words.put("↑↓ scroll", "muted")
        return words

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        self.decision.reset(self.console.clock(), "paste ignored: type the answer")

    def interrupt(self) -> None:
        self.decision.reset(
            self.console.clock(), "not sent: the freeze menu was opened; check again"
        )

    def take_key(self, event: events.Key) -> None:
        if event.key == "escape":
            self.finish(None)
            return
        scroll = self.query_one("#decision-body", VerticalScroll)
        if event.key in {"up", "down", "pageup", "pagedown"} and not self._sending:
            step = scroll.size.height - 1 if event.key.startswith("page") else 1
            way = -1 if event.key.endswith("up") else 1
            self._note_read()
            scroll.scroll_relative(y=way * step, animate=False, immediate=True)
            self._note_read()
            return
        mono = self.console.clock()
        if self._sending or self.decision.press(mono) != "taken":
            return
        self._result = ""
        self._taken(event, mono)

    def _taken(self, event: events.Key, mono: float) -> None:
        decision = self.decision
        character = event.character or ""
        if event.key in {"enter", "n"}:
            self.finish(None)
        elif event.key == "y":
            decision.confirm(mono)
        elif decision.typing and character in HEX and character:
            decision.type_char(character)
        elif event.key == "backspace":
            decision.typed = decision.typed[:-1]
        elif event.key in {"a", "d"}:
            decision.notice = f"the second key is y, not {event.key}"

    def _send(self, answer: Answer) -> None:
        blocked = self._blocked(answer, self.console.clock())
        if blocked is not None:
            self._result = f"not sent: {blocked}"
            return
        self._sending = True
        self.run_worker(self._send_now(answer), exclusive=True)

    async def _send_now(self, answer: Answer) -> None:
        """The signature names the captured id and digest, whatever the lists show by now."""
        fault = await self.console.session.decide(answer, self.decision.id, self.decision.digest)
        self._sending = False
        if fault is None:
            self.finish(answer)
        else:
            self._result = fault
            self.decision.reset(self.console.clock(), fault)
