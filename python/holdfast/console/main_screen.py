"""The one screen that stays: banner, pending, feed, detail, limits, health, footer."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from holdfast.console.feed import FeedList
from holdfast.console.lines import LineList
from holdfast.console.panes import BannerBar, DetailPane, FooterBar, HealthLine, LimitsPane
from holdfast.console.pending import PendingList
from holdfast.operator.actions import PANES
from holdfast.operator.format import screen

if TYPE_CHECKING:
    from holdfast.console.app import HoldfastApp


class MainScreen(Screen[None], inherit_bindings=False):
    """Keys no pane wanted go to the app's dispatcher; widgets never start an action themselves."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012
    AUTO_FOCUS: ClassVar[str | None] = "#pending"

    def __init__(self) -> None:
        super().__init__(id="main")
        self.pane = "pending"
        self.ready = False
        self.banner = BannerBar()
        self.pending = PendingList()
        self.feed = FeedList()
        self.detail = DetailPane()
        self.limits = LimitsPane()
        self.health = HealthLine()
        self.footer = FooterBar()

    @property
    def console(self) -> HoldfastApp:
        return cast("HoldfastApp", self.app)

    def compose(self) -> ComposeResult:
        yield self.banner
        with Container(id="body"):
            with Vertical(id="left"):
                yield self.pending
                yield self.feed
            with Vertical(id="right"):
                yield self.detail
                yield self.limits
        with Vertical(id="bottom"):
            yield Input(
                id="filter", placeholder="filter: all words must match · Enter apply · Esc clear"
            )
            yield self.health
            yield self.footer

    def on_mount(self) -> None:
        self.show_pane(self.console.settings.pane)
        self.ready = True

    def show_pane(self, name: str) -> None:
        """Brings a pane forward (one below another in 80 columns) and gives it the keys."""
        self.pane = name
        below = name if name != "pending" else self._below()
        for pane in PANES[1:]:
            self.set_class(pane == below, f"-view-{pane}")
        self.query_one("#left").set_class(below == "feed", "-with-feed")
        self.query_one(f"#{name}").focus()
        self.update_titles()
        self.footer.update_state()

    def _below(self) -> str:
        return next((pane for pane in PANES[1:] if self.has_class(f"-view-{pane}")), "feed")

    def cycle(self, by: int) -> None:
        self.show_pane(PANES[(PANES.index(self.pane) + by) % len(PANES)])

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        widget: Widget = event.widget
        if widget.id in PANES and widget.id != self.pane:
            self.pane = str(widget.id)
            self.footer.update_state()

    def update_titles(self) -> None:
        model, feed = self.console.model, self.feed
        count = sum(1 for each in self.pending.rows if each.pending)
        hanging = len(self.pending.rows) - count
        more = f" +{hanging} in progress" if hanging else ""
        parts = ["2 Live feed"]
        if model.feed.needle:
            parts.append(f"filter: {model.feed.needle[:40]}")
        if model.feed.paused:
            parts.append(f"PAUSED +{model.feed.new_while_paused:,} new")
        elif not feed.follow:
            parts.append("not following (G)")
        _title(self.pending, f"1 Pending ({count}){more} by {model.sort}")
        _title(feed, " · ".join(parts))
        _title(self.detail, f"3 Detail {self.console.selected_id or ''}")
        _title(self.limits, "4 Limits and agents")

    def update_all(self) -> None:
        """Takes the model as it is now."""
        self.banner.update_state()
        model = self.console.model
        now = model.now_ms(self.console.clock())
        self.pending.take([*model.pending, *model.hanging(now)])
        self.feed.sync()
        self.detail.update_state()
        self.limits.update_state()
        self.update_titles()
        self.health.update_state()
        self.footer.update_state()

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        if event.request_id is not None:
            self.console.select(event.request_id)
        self.update_titles()

    async def on_key(self, event: events.Key) -> None:
        if self.console.screen is not self:
            event.stop()
            self.console.pass_on(event)
            return
        if isinstance(self.focused, Input):
            if event.key == "escape":
                event.stop()
                self.close_filter("")
            return
        if event.key in {"tab", "shift+tab"}:
            event.stop()
            self.cycle(1 if event.key == "tab" else -1)
            return
        if self.console.dispatch_key(event.key):
            event.stop()
            event.prevent_default()

    # --- filter ---------------------------------------------------------------------------------

    def open_filter(self) -> None:
        self.query_one("#bottom").add_class("-filtering")
        field = self.query_one("#filter", Input)
        field.value = self.console.model.feed.needle
        field.focus()

    def close_filter(self, needle: str | None) -> None:
        if needle is not None:
            self.console.set_filter(needle)
        self.query_one("#bottom").remove_class("-filtering")
        self.show_pane("feed")

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "filter" and event.input.has_focus:
            self.console.set_filter(event.value[:200])

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input.id == "filter":
            self.close_filter(None)


def _title(widget: Widget, title: str) -> None:
    """Sets a changed title. It is read as markup, so brackets are made harmless."""
    plain = screen(title).replace("[", "(").replace("]", ")")
    if widget.border_title != plain:
        widget.border_title = plain
