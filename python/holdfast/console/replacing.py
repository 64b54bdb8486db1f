"""The dialog in which an operator pays more for a transaction that is out, or takes it back."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from holdfast.console import details
from holdfast.console.dialogs import Dialog
from holdfast.console.words import Words
from holdfast.operator.decision import QUIET_S, KeyGate, cannot_answer
from holdfast.operator.describe import scope_text
from holdfast.operator.replacing import Fees, Quote, Replacing, cannot_replace, happens, told
from holdfast.operator.request import Request
from holdfast.operator.seen import Seen

LABEL = 10
TITLES = {"bump": "RAISE THE FEE?", "cancel": "CANCEL IT?"}


class ReplaceScreen(Dialog[str]):
    """Shows the captured request and the fees that the guardian offers; y signs exactly these.

    The result is what was done (`bump`, `cancel`) or None.
    """

    def __init__(self, action: Replacing, request: Request, mono: float) -> None:
        super().__init__()
        self._action: Replacing = action
        self._request = request
        self._gate = KeyGate(mono)
        self._confirmed_at: float | None = None
        self._quote: Quote | None = None
        self._new: Fees | None = None
        self._seen: Seen | None = None
        self._busy = False
        self._sending = False
        self._fault = ""
        self._notice = ""
        self._shown: object = None

    def compose_box(self) -> ComposeResult:
        with VerticalScroll(id="replace-body", can_focus=False):
            yield Static(id="replace-text")
        yield Static(id="replace-foot")

    def on_mount(self) -> None:
        super().on_mount()
        self._ask()

    def _ask(self) -> None:
        """The fees, from the chain; and whether what is shown is what its digest says."""
        if not self._busy:
            self._busy, self._fault = True, ""
            self.run_worker(self._ask_now())

    async def _ask_now(self) -> None:
        session, raw = self.console.session, self._request.raw
        try:
            policy = await session.policy_text(str(raw.get("policy")))
            self._seen = self.console.look(raw, policy)
            found = await session.fees(self._request.id)
            if isinstance(found, str):
                self._fault = found
                return
            self._quote, self._new = found, found.chosen(None, None)
        except ValueError as error:
            self._new, self._fault = None, str(error)
        finally:
            self._busy = False
            # New numbers are to be read before keys count again.
            self._gate.arm(self.console.clock())

    def tick(self) -> None:
        super().tick()
        mono = self.console.clock()
        if self._confirmed_at is not None and mono - self._confirmed_at >= QUIET_S:
            self._confirmed_at = None
            self._send(mono)
        self._draw(mono)

    def _blocked(self, mono: float) -> str | None:
        """Why nothing can be signed now."""
        app = self.console
        now = app.model.request(self._request.id)
        if now is None or now.digest != self._request.digest:
            return "the request changed since you opened it: close and check it again"
        if self._seen is None:
            return self._fault or "decoding again: one moment"
        wrong = self._seen.digest != self._request.digest
        if wrong or (self._seen.faults and self._action == "bump"):
            return self._seen.fault or "what is shown does not match the digest"
        general = cannot_answer(app.model, mono, app.read_only)
        reason = general or cannot_replace(self._action, now)
        if reason is None and self._new is None:
            reason = self._fault or "getting fees from the chain"
        return reason

    def _refresh(self) -> Request:
        """The request as the model has it now; what was loaded whole meanwhile is looked at."""
        now = self.console.model.request(self._request.id)
        if now is None or now.digest != self._request.digest:
            return self._request
        if self._request.partial and not now.partial and not self._busy:
            self._request, self._seen = now, None
            self._ask()
        return now

    def _draw(self, mono: float) -> None:
        app, now = self.console, self._refresh()
        request = self._request
        title = self.words().put(f" {TITLES[self._action]} ", "accent bold")
        title.text.append_text(details.status_line(now, app.model, app.palette, mono))
        self.query_one(".box-title", Static).update(title.text)
        faults = () if self._seen is None else self._seen.faults
        freeze = app.model.frozen_for(now)
        shown = (id(request), self._quote, self._new, faults, freeze, app.palette.name)
        if shown != self._shown:
            self._shown = shown
            body = self._body(faults)
            if freeze is not None and self._action == "bump" and not request.raw.get("cancelling"):
                scope = scope_text(freeze.get("scope"))
                body.line(f" ■ frozen ({scope}): it is sent only after the thaw", "alarm bold")
            body.text.rstrip()
            self.query_one("#replace-text", Static).update(body.text)
        self.query_one("#replace-foot", Static).update(self._foot(mono).text)

    def _body(self, faults: tuple[str, ...]) -> Words:
        words = self.words()
        for fault in faults:
            words.line(f" ✗ {fault}", "alarm bold")
        words.text.append_text(details.head(self._request, self.console.palette))
        words.line()
        if self._quote is not None and self._new is not None:
            for label, value in told(self._request, self._quote, self._new):
                bold = "foreground bold" if label in {"new fee", "costs"} else "foreground"
                words.put(f" {label.upper():<{LABEL}}", "muted").line(value, bold)
        for line in happens(self._action, self._request):
            words.line(f" {line}", "warn")
        return words

    def _foot(self, mono: float) -> Words:
        words = self.words()
        blocked, wait = self._blocked(mono), self._gate.armed_in(mono)
        if self._sending:
            words.line(" … sending, waiting for the guardian", "warn bold")
        elif blocked is not None:
            words.line(f" ✗ {blocked}", "alarm bold")
        elif self._notice:
            words.line(f" ! {self._notice}", "warn bold")
        elif wait > 0:
            words.line(" … read it first; keys work in a moment", "muted")
        else:
            words.line(f" other fees: holdfast {self._action} {self._request.id} --help", "muted")
        ready = blocked is None and wait <= 0 and not self._sending
        words.put("  Esc ", "accent bold").put(" back (default)   ")
        words.put("y ", "accent bold" if ready else "muted")
        what = "sign the higher fee" if self._action == "bump" else "try to cancel it"
        words.put(f" {what}   ", "foreground" if ready else "muted")
        words.put("r ", "accent bold").put(" refresh fees   ").put("↑↓ scroll", "muted")
        return words

    def interrupt(self) -> None:
        self._confirmed_at = None
        self._notice = "not sent: the freeze menu was opened; check again"

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        self._confirmed_at = None
        self._gate.arm(self.console.clock())
        self._notice = "paste ignored: type the answer"

    def take_key(self, event: events.Key) -> None:
        if event.key in {"escape", "n"} and not self._sending:
            self.finish(None)
            return
        body = self.query_one("#replace-body", VerticalScroll)
        if event.key in {"up", "down", "pageup", "pagedown"}:
            step = body.size.height - 1 if event.key.startswith("page") else 1
            way = -1 if event.key.endswith("up") else 1
            body.scroll_relative(y=way * step, animate=False, immediate=True)
            return
        mono = self.console.clock()
        if self._sending:
            return
        if self._gate.press(mono) != "taken" or self._confirmed_at is not None:
            self._confirmed_at = None
            self._notice = "ignored: press one key at a time, a second after this opens"
            return
        self._notice = ""
        if event.key == "y":
            self._confirmed_at = mono
        elif event.key == "r":
            self._ask()

    def _send(self, mono: float) -> None:
        blocked = self._blocked(mono)
        if blocked is not None or self._new is None or self._busy:
            self._notice = f"not sent: {blocked or 'getting fees from the chain'}"
            return
        self._sending = True
        self.run_worker(self._send_now(self._new), exclusive=True)

    async def _send_now(self, new: Fees) -> None:
        """The signature names the captured id and digest, and the fees that were on screen."""
        ident, digest = self._request.id, self._request.digest
        fault = await self.console.session.replace(self._action, ident, digest, new)
        self._sending = False
        if fault is None:
            self.finish(self._action)
        else:
            self._gate.arm(self.console.clock())
            self._notice = fault
