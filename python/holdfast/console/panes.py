"""The smaller parts of the main screen: banner, detail, limits, health line, footer."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from holdfast.console import details
from holdfast.console.words import Words, cut
from holdfast.operator import format as fmt
from holdfast.operator.actions import Action, Context, footer_now, unavailable
from holdfast.operator.alarms import alarms
from holdfast.operator.banner import banner
from holdfast.operator.request import Json

if TYPE_CHECKING:
    from holdfast.console.app import HoldfastApp

NARROW = 80


class ConsoleWidget(Widget):
    """A widget that knows its app by type."""

    @property
    def console(self) -> HoldfastApp:
        return cast("HoldfastApp", self.app)


class WordsLine(ConsoleWidget):
    """One line of words, drawn only when they changed."""

    def __init__(self, ident: str) -> None:
        super().__init__(id=ident)
        self._shown = Text()

    def update_state(self) -> None:
        words = self._words()
        if words != self._shown or words.spans != self._shown.spans:
            self._shown = words
            self.refresh()

    def render(self) -> Text:
        return self._shown

    def _words(self) -> Text:
        return Text()


class BannerBar(ConsoleWidget):
    """The one state of the whole house; three lines high when it is not LIVE."""

    def __init__(self) -> None:
        super().__init__(classes="banner")
        self._shown: object = None

    def update_state(self) -> None:
        mono = self.console.clock()
        state = banner(self.console.model, mono)
        for kind in ("live", "stale", "frozen", "sealed", "alarm"):
            self.set_class(state.kind == kind, f"-{kind}")
        now = self.console.model.now_ms(mono) // 1000
        shown = (state, self.console.model.waiting, now, self.console.palette.name, self.size)
        if shown != self._shown:
            self._shown = shown
            self.refresh()

    def render(self) -> Text:
        mono = self.console.clock()
        model = self.console.model
        state = banner(model, mono)
        style = self.console.palette.style(f"banner:{state.kind}")
        bold = self.console.palette.style(f"banner:{state.kind} bold")
        width = self.size.width
        left = Text(f"  {state.glyph} {state.word}  ", style=bold)
        clock = f"{fmt.clock(model.now_ms(mono) or None)}Z"
        waiting = model.waiting
        want = f"({waiting}!) {waiting} pending · " if waiting else ""
        only = "read-only · " if self.console.read_only else ""
        right = Text(f" {only}{want}{clock}  ", style=bold)
        text = Text(fmt.screen(state.text), style=style, no_wrap=True)
        text.truncate(max(0, width - left.cell_len - right.cell_len), overflow="ellipsis")
        gap = " " * max(0, width - left.cell_len - right.cell_len - text.cell_len)
        line = Text.assemble(left, text, (gap, style), right, no_wrap=True, end="")
        if self.size.height >= 3:
            blank = Text(" " * width + "\n", style=style, end="")
            line = Text.assemble(blank, line, "\n", (" " * width, style), no_wrap=True, end="")
        return line


class DetailPane(VerticalScroll, can_focus=True):
    """Everything known about the selected request."""

    def __init__(self) -> None:
        super().__init__(id="detail", classes="pane")
        self._shown: object = None
        self._line = Text()
        self._status = Static(id="detail-status")
        self._text = Static(id="detail-text")

    @property
    def console(self) -> HoldfastApp:
        return cast("HoldfastApp", self.app)

    def compose(self) -> ComposeResult:
        yield self._status
        yield self._text

    def update_state(self) -> None:
        app = self.console
        request = app.model.request(app.selected_id)
        status, text = self._status, self._text
        if request is None:
            if self._shown is not None or not status.content:
                hint = "  Select a request to see it here in full."
                status.update(Words(app.palette).put(hint, "muted").text)
                text.update(Text(""))
                self._shown = None
                self._line = Text()
            return
        line = details.status_line(request, app.model, app.palette, app.clock())
        if line != self._line or line.spans != self._line.spans:
            self._line = line
            status.update(line)
        history = len(app.model.history.get(request.id, []))
        shown = (request.id, id(request.raw), history, app.palette.name)
        if shown == self._shown:
            return
        if not (isinstance(self._shown, tuple) and self._shown[0] == request.id):
            self.scroll_home(animate=False)
        self._shown = shown
        whole = details.head(request, app.palette)
        whole.append("\n")
        whole.append_text(details.body(request, app.model, app.palette))
        text.update(whole)


class LimitsPane(VerticalScroll, can_focus=True):
    """Gauges of every limit, the fullest first, and the agents."""

    def __init__(self) -> None:
        super().__init__(id="limits", classes="pane")
        self._shown: object = None
        self._text = Static(id="limits-text")

    @property
    def console(self) -> HoldfastApp:
        return cast("HoldfastApp", self.app)

    def compose(self) -> ComposeResult:
        yield self._text

    def update_state(self) -> None:
        app = self.console
        shown = (
            app.model.limits,
            app.model.status.agents,
            app.palette.name,
            app.model.waiting,
        )
        if shown == self._shown:
            return
        self._shown = shown
        words = Words(app.palette)
        if not app.model.limits:
            words.line("  no limit is in use", "muted")
        for row in sorted(app.model.limits, key=_fullness):
            details.gauge(words, row, 12)
        for agent in app.model.status.agents:
            waiting = app.model.waiting_of(str(agent.get("id")))
            words.put("  agent ", "muted").put(f"{fmt.safe(agent.get('id'), 32):<14} ", "bold")
            words.put(f"{waiting} pending", "warn" if waiting else "muted")
            words.line(f" · {fmt.safe(agent.get('connections', 0), 12)} connected", "muted")
            words.line(f"        {fmt.safe(agent.get('wallet'), 80)}", "muted")
        words.text.no_wrap, words.text.overflow = True, "ellipsis"
        words.text.rstrip()
        self._text.update(words.text)


def _fullness(row: Json) -> tuple[float, str]:
    top = details.number(row.get("max"))
    used = details.number(row.get("used")) + details.number(row.get("reserved"))
    return (-(used / top) if top else -2.0, str(row.get("limit")))


class HealthLine(WordsLine):
    """The most severe of what is not well, and counters."""

    def __init__(self) -> None:
        super().__init__("health")

    def _alarms(self, words: Words) -> None:
        """The most severe in words as far as there is room, and how many more there are."""
        found = alarms(self.console.model)
        if not found:
            return
        mark, text = found[0].mark, found[0].text
        more = f"+{len(found) - 1} more " if len(found) > 1 else ""
        tail = f" {more}(A) "
        room = (self.size.width or NARROW) - cell_len(f" {mark.glyph} ") - len(tail)
        words.put(f" {mark.glyph} {cut(text, room)}", f"{mark.tone}")
        words.put(tail, f"{mark.tone}")

    def _words(self) -> Text:
        app = self.console
        model = app.model
        words = Words(app.palette)
        alerts = model.status.health.get("alerts") or {}
        failed = alerts.get("failed") or 0
        self._alarms(words)
        counts = model.status.counts
        done = counts.get("confirmed", 0) + counts.get("released", 0)
        ended_badly = sum(counts.get(s, 0) for s in ("reverted", "dropped", "failed"))
        words.put(f" ✓ {done:,} done", "ok")
        words.put(
            f"  ✗ {counts.get('denied', 0):,} denied", "alarm" if counts.get("denied") else "muted"
        )
        words.put(f"  ○ {counts.get('expired', 0):,} expired", "muted")
        if ended_badly:
            words.put(f"  ✗ {ended_badly:,} failed", "alarm")
        now = model.now_ms(app.clock())
        rates = model.rates(now, 24 if self.size.width >= 120 else 10)
        words.put("  events/s ", "muted").put(fmt.sparkline(rates), "info")
        words.put(f" {rates[-1] if rates else 0:,}", "foreground")
        pending = alerts.get("pending") or 0
        words.put(f"  alerts {'ok' if not failed else ''}".rstrip(), "muted")
        words.put(f" {pending} queued" if pending else "", "warn")
        if model.skipped:
            words.put(f"  +{model.skipped:,} skipped", "muted")
        if app.unlocked:
            words.put("  key held", "warn")
        words.text.no_wrap = True
        words.text.overflow = "ellipsis"
        return words.text


class FooterBar(WordsLine):
    """Keys of the focused pane, from the registry.

    What does nothing now is dim and says why when pressed.
    """

    def __init__(self) -> None:
        super().__init__("footer")

    def _words(self) -> Text:
        app = self.console
        context = app.context()
        words = Words(app.palette)
        for action in self._fitting(footer_now(context), context):
            off = unavailable(action, context) is not None
            words.put(f" {action.key_text}", "muted" if off else "accent bold")
            words.put(f" {self._label(action)} ", "muted" if off else "foreground")
        words.put(" ⇥ pane  ^p commands", "muted")
        words.text.no_wrap = True
        words.text.overflow = "ellipsis"
        return words.text

    def _label(self, action: Action) -> str:
        paused = action.id == "pause" and self.console.model.feed.paused
        return "resume" if paused else action.label

    def _fitting(self, actions: list[Action], context: Context) -> list[Action]:
        """What does nothing now makes room for what does."""
        shown = list(actions)
        for action in reversed(actions):
            cells = sum(cell_len(f" {each.key_text} {self._label(each)} ") for each in shown)
            if cells <= (self.size.width or NARROW):
                break
            if unavailable(action, context) is not None:
                shown.remove(action)
        return shown
