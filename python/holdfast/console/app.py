"""The console application.

It drains the client ten times a second into the model, and turns keys into actions.

It decides nothing: what may be done is in `holdfast.operator`, what is true is with the guardian.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual import events
from textual.app import App
from textual.binding import BindingType
from textual.theme import Theme

from holdfast.codes import Code
from holdfast.console import settings as remembered
from holdfast.console.commands import Commands
from holdfast.console.dialogs import FreezeScreen
from holdfast.console.main_screen import MainScreen
from holdfast.console.palette import RegistryCommands
from holdfast.console.session import Session
from holdfast.console.themes import Library, Palette, packaged_themes
from holdfast.operator import format as fmt
from holdfast.operator.actions import BY_ID, BY_KEY, Context, unavailable
from holdfast.operator.client import NotConnectedError, OperatorClient, OperatorError
from holdfast.operator.model import Model
from holdfast.operator.request import Json
from holdfast.operator.seen import Seen, look
from holdfast.operator.waits import PASSING, waits_of

DRAIN_S = 0.1
HANG_UP = 129
LIMITS_EVERY_S = 1.0
DETAIL_EVERY_S = 2.0
# Of more that hang at once the others are asked about when these are known.
ASKED_MAX = 8
THEMES_EVERY_S = 1.0


class HoldfastApp(App[None], inherit_bindings=False):
    """`clock` is monotonic seconds.

    Tests give their own, and for recorded scenes, whose views no core made, a `look` of their own.
    """

    CSS_PATH = "console.tcss"
    BINDINGS: ClassVar[list[BindingType]] = []
    COMMANDS: ClassVar[set[Any]] = {RegistryCommands}
    TITLE = "Holdfast"

    def __init__(
        self,
        home: Path,
        *,
        theme: str | None = None,
        read_only: bool = False,
        stops_guardian: bool = False,
        unlock_hint: str = "",
        clock: Callable[[], float] = time.monotonic,
        config: Path | None = None,
        animate: bool = False,
        look: Callable[[Json, str | None], Seen] = look,
    ) -> None:
        self.palette: Palette
        super().__init__()
        self.home = home
        self.read_only = read_only
        self.stops_guardian = stops_guardian
        self.unlock_hint = unlock_hint
        self.look = look
        self.clock = clock
        self.animation_level = "full" if animate else "none"
        self._config = config if config is not None else remembered.config_folder()
        self._settings_path = self._config / "console.json"
        self.settings = remembered.load(self._settings_path)
        self.model = Model()
        self.client = OperatorClient(home / "run" / "operator.sock", clock=clock)
        self.session = Session(
            home,
            self.client,
            clock,
            lambda: self.model.now_ms(self.clock()),
            lambda: self.model.status.clock_set,
            self.settings.forget_key_after_s,
        )
        folders = [packaged_themes(), self._config / "themes", home / "themes"]
        self._library = Library(folders)
        self._theme_faults = [str(fault) for fault in self._library.refresh()[1]]
        self._wanted_theme = theme or self.settings.theme
        self.palette = self._first_palette()
        self.selected_id: str | None = None
        self._main: MainScreen | None = None
        self._commands = Commands(self)
        self._jobs: set[asyncio.Task[None]] = set()
        self._limits_at = float("-inf")
        self._limits_dirty = True
        self._themes_at = clock()
        self._detail_wanted: str | None = None
        self._detail_at = float("-inf")
        self._waiting_seen = 0
        self._title_shown = ""
        self._on_terminal = os.isatty(0)

    # --- life -----------------------------------------------------------------------------------

    def _first_palette(self) -> Palette:
        known = self._library.palettes
        if self._wanted_theme not in known:
            self._theme_faults.append(f"no theme is named `{self._wanted_theme}`")
        return known.get(self._wanted_theme) or known["night"]

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return {"hf-muted": "#888888"}

    def on_mount(self) -> None:
        for palette in self._library.palettes.values():
            self.register_theme(palette.to_textual())
        self.theme = self.palette.name
        self.model.sort = self.settings.sort
        self.model.feed.set_filter(self.settings.filter)
        self._main = MainScreen()
        self.push_screen(self._main)
        self.start_job(self.client.run())
        self.set_interval(DRAIN_S, self.tick)
        self._end_on_signals()
        for fault in self._theme_faults:
            self.say(fault, "error")

    async def on_unmount(self) -> None:
        jobs = list(self._jobs)
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        self.session.lock()

    def _end_on_signals(self) -> None:
        """A polite kill and a hang-up end it as leaving does: with the terminal as it was."""
        if not self._on_terminal:
            return
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:
                asyncio.get_running_loop().add_signal_handler(
                    number, partial(self.exit, return_code=128 + number)
                )

    def _terminal_lost(self) -> bool:
        """Whether the terminal this began on is gone: a console without a screen must not stay."""
        return self._on_terminal and not os.isatty(0)

    def start_job(self, work: Coroutine[Any, Any, None]) -> None:
        """A task that lives at most as long as the app."""
        job = asyncio.create_task(work)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    def tick(self) -> None:
        """One drain: fold what arrived, then draw once."""
        if self._main is None or not self._main.ready:
            return
        mono = self.clock()
        self._drain(mono)
        touched = self.model.take_touched()
        if touched:
            self._limits_dirty = True
        if self.selected_id is None:
            waiting = self.model.pending
            if waiting:
                self.select(waiting[0].id)
        elif self.selected_id in touched:
            self._detail_wanted = self.selected_id
        self._ask(mono)
        if self.session.forget_if_idle():
            self.say("the operator key was forgotten: the console was idle", "warning")
        if mono - self._themes_at >= THEMES_EVERY_S:
            self._themes_at = mono
            self._reload_themes()
            if self._terminal_lost():
                self.exit(return_code=HANG_UP)
        self._main.set_class(self.model.link.stale_s(mono) is not None, "-stale")
        self._main.update_all()
        self._attention()

    def _drain(self, mono: float) -> None:
        link = self.model.link
        link.connected, link.error = self.client.connected, self.client.error
        events: list[Json] = []
        for push in self.client.drain():
            if "event" in push:
                events.append(push["event"])
            elif "past" in push:
                events.append(push["past"])
            elif "requests" in push:
                self.model.load_events(events, mono)
                events = []
                self.model.load_states(push["requests"])
            elif "snapshot" in push:
                self.model.load_events(events, mono)
                events = []
                self.model.load_snapshot(push["snapshot"], push["seq"], mono)
            elif "health" in push:
                self.model.load_health(push["health"] or {}, mono)
        self.model.load_events(events, mono)

    def _ask(self, mono: float) -> None:
        """Questions only the guardian can answer.

        Limits after a change, the selected request in full.
        """
        if not self.client.connected:
            return
        if self._limits_dirty and mono - self._limits_at >= LIMITS_EVERY_S:
            self._limits_dirty, self._limits_at = False, mono
            self.start_job(self._fetch_limits())
        self._look_again(mono)
        wanted, self._detail_wanted = self._detail_wanted, None
        if wanted is not None:
            self._detail_at = mono
            self.start_job(self._fetch_request(wanted))

    def _look_again(self, mono: float) -> None:
        """What a request on its way waits for is told by no event."""
        if mono - self._detail_at < DETAIL_EVERY_S:
            return
        request = self.model.request(self.selected_id)
        if request is not None and request.state in PASSING:
            self._detail_wanted = request.id
        hanging = self.model.hanging(self.model.now_ms(mono))
        unknown = [each.id for each in hanging if waits_of(each) is None]
        for ident in unknown[:ASKED_MAX]:
            self._detail_at = mono
            if ident != self._detail_wanted:
                self.start_job(self._fetch_request(ident))

    async def _fetch_limits(self) -> None:
        try:
            self.model.limits = await self.client.limits()
        except (OperatorError, NotConnectedError, TimeoutError):
            self._limits_dirty = True

    async def _fetch_request(self, ident: str) -> None:
        before = self.model.request(ident)
        try:
            view = await self.client.request(ident)
            if self.model.request(ident) is before:
                self.model.load_request(view)
        except OperatorError as error:
            # Of a sealed guardian the banner tells, and this is asked again and again.
            if error.code != Code.SEALED:
                self.say(f"{ident}: {error}", "warning")
        except (NotConnectedError, TimeoutError):
            return

    def _attention(self) -> None:
        """Bell and window title for what waits."""
        waiting = self.model.waiting
        if waiting > self._waiting_seen and self.settings.bell:
            self.bell()
        self._waiting_seen = waiting
        title = f"({waiting}!) Holdfast" if waiting else "Holdfast"
        if title != self._title_shown:
            self._title_shown = title
            if self._driver is not None and not self.is_headless:
                self._driver.write(f"\x1b]2;{title}\x07")

    # --- reading --------------------------------------------------------------------------------

    @property
    def unlocked(self) -> bool:
        return self.session.unlocked

    def context(self) -> Context:
        pane = self._main.pane if self._main is not None else "pending"
        return Context(
            model=self.model,
            selected=self.model.request(self.selected_id),
            pane=pane,
            mono=self.clock(),
            read_only=self.read_only,
            unlocked=self.unlocked,
        )

    def say(self, text: str, severity: Any = "information") -> None:
        """A toast; never read as markup."""
        self.notify(fmt.screen(text[:500]), severity=severity, markup=False, timeout=6)

    def select(self, ident: str) -> None:
        """Selection is a request's id; the detail follows it."""
        if ident != self.selected_id:
            self.selected_id = ident
            self._detail_wanted = ident

    # --- actions --------------------------------------------------------------------------------

    async def action_simulate_key(self, key: str) -> None:
        """Textual offers this to links in markup; here nothing may press keys but the operator."""

    def action_command_palette(self) -> None:
        if self.screen is self._main:
            super().action_command_palette()

    def dispatch_later(self, ident: str) -> None:
        """For the palette: acts when its own screen is gone."""
        self.call_next(self.dispatch, ident)

    def dispatch_key(self, key: str) -> bool:
        """True when the key belongs to an action."""
        action = BY_KEY.get(key)
        if action is None:
            return False
        self.dispatch(action.id)
        return True

    def dispatch(self, ident: str) -> None:
        """Runs one action of the registry, or says why not. Only from the main screen."""
        if self.screen is not self._main:
            return
        self.session.touch()
        action = BY_ID[ident]
        reason = unavailable(action, self.context())
        if reason is not None:
            self.say(f"{action.label}: {reason}{self._next_waiting(ident)}", "warning")
            return
        self._commands.run(ident)

    def _next_waiting(self, ident: str) -> str:
        """Selects the first request that waits when the selected one no longer does.

        Opens nothing, so the next key is pressed with the new one in sight.
        """
        waiting = self.model.pending
        if ident not in {"approve", "deny"} or not waiting:
            return ""
        if any(row.id == self.selected_id for row in waiting):
            return ""
        self.select(waiting[0].id)
        return f". Selected {waiting[0].id} instead: check it, then press again"

    def pass_on(self, event: events.Key) -> None:
        """A key that reached a screen no longer on top.

        The freeze menu gets it, so `f` `f` stops everything however fast it is typed; nothing else
        may be answered before it is seen.
        """
        top = self.screen
        if isinstance(top, FreezeScreen):
            top.on_key(event)

    def open_freeze(self) -> None:
        """The freeze menu; reachable from every screen, needs no key."""
        self._commands.open_freeze()

    @property
    def main(self) -> MainScreen:
        """The screen that stays; there from the first key on."""
        if self._main is None:
            raise RuntimeError("the main screen is not there yet")
        return self._main

    def redraw(self) -> None:
        """Takes the model to the screen now instead of at the next drain."""
        if self._main is not None and self._main.ready:
            self._main.update_all()

    # --- remembered -----------------------------------------------------------------------------

    def remember(self) -> None:
        """Writes the settings."""
        if self._main is not None:
            self.settings.pane = self._main.pane
        try:
            remembered.save(self._settings_path, self.settings)
        except OSError as error:
            self.say(f"settings not saved: {error.strerror}", "warning")

    def set_filter(self, needle: str) -> None:
        self.model.feed.set_filter(needle)
        self.settings.filter = needle
        self.remember()
        self.redraw()

    def theme_names(self) -> list[str]:
        return sorted(self._library.palettes)

    def use_theme(self, name: str) -> None:
        self._show_palette(self._library.palettes[name])
        self.settings.theme = name
        self.remember()
        self.say(f"theme {name}")

    def _show_palette(self, palette: Palette) -> None:
        self.palette = palette
        theme: Theme = palette.to_textual()
        self.register_theme(theme)
        if self.theme == palette.name:
            self._watch_theme(palette.name)
        else:
            self.theme = palette.name
        self.redraw()

    def _reload_themes(self) -> None:
        """Shows the theme in use again when its file changed.

        A faulty file is reported and the old theme kept.
        """
        good, bad = self._library.refresh()
        for fault in bad:
            self.say(f"theme not reloaded: {fault}", "error")
        for palette in good:
            if palette.name == self.palette.name:
                self._show_palette(palette)
                self.say(f"theme {palette.name} reloaded")
            else:
                self.register_theme(palette.to_textual())
