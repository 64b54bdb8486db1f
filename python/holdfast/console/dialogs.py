"""Dialogs that ask before something happens: unlock, freeze, thaw, quit, help.

The decision has its own file.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar, cast

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from holdfast.console.panes import BannerBar
from holdfast.console.words import Words
from holdfast.operator import format as fmt
from holdfast.operator.actions import ACTIONS, Context, unavailable
from holdfast.operator.decision import QUIET_S, KeyGate
from holdfast.operator.describe import scope_text
from holdfast.operator.request import Json

if TYPE_CHECKING:
    from holdfast.console.app import HoldfastApp

Result = TypeVar("Result")
HELP_CELLS = 58


class Dialog(ModalScreen[Result], Generic[Result], inherit_bindings=False):
    """A box under the banner.

    Keys end here: nothing behind it hears them; ctrl+f still opens the freeze menu.
    """

    AUTO_FOCUS: ClassVar[str | None] = ""
    TITLE_WORDS: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__()
        self._over = False
        self._held_result: tuple[Result | None] | None = None

    @property
    def console(self) -> HoldfastApp:
        return cast("HoldfastApp", self.app)

    def compose(self) -> ComposeResult:
        yield BannerBar()
        with Vertical(classes="box"):
            yield Static(Text(f" {self.TITLE_WORDS}"), classes="box-title")
            yield from self.compose_box()

    def compose_box(self) -> ComposeResult:
        yield from ()

    def on_mount(self) -> None:
        self._beat()
        self.set_interval(0.1, self._beat)

    def _beat(self) -> None:
        """The timer outlives the dialog's widgets by a moment."""
        if not self._over:
            self.tick()

    def tick(self) -> None:
        """Ten times a second: the banner, and whatever a dialog watches."""
        self.query_one(BannerBar).update_state()

    @property
    def covered(self) -> bool:
        """Whether the freeze menu lies on top, or this dialog is already gone."""
        return self.app.screen is not self

    def finish(self, result: Result | None) -> None:
        """Ends this dialog, once.

        Textual's `dismiss` takes away whatever screen is on top, so one that is covered keeps its
        result until it is on top again.
        """
        if self._over:
            return
        if self.covered:
            self._held_result = (result,)
            return
        self._over = True
        self.dismiss(result)

    def on_screen_resume(self) -> None:
        if self._held_result is not None:
            self.finish(self._held_result[0])

    def words(self) -> Words:
        return Words(self.console.palette)

    def on_key(self, event: events.Key) -> None:
        """Textual calls this for every class of a screen, so subclasses override `take_key`."""
        if self.covered:
            # Sent here before the screens changed: it was meant for what is on top now.
            event.stop()
            self.console.pass_on(event)
        elif event.key == "ctrl+f" and not isinstance(self, FreezeScreen):
            event.stop()
            self.interrupt()
            self.console.open_freeze()
        elif self.focused is None:
            event.stop()
            event.prevent_default()
            self.take_key(event)
        elif event.key == "escape":
            event.stop()
            self.finish(None)

    def interrupt(self) -> None:
        """The operator turns to the freeze menu: whatever was about to happen here must not."""

    def take_key(self, event: events.Key) -> None:
        if event.key == "escape":
            self.finish(None)


class UnlockScreen(Dialog[bool]):
    """Asks for the operator's passphrase. True when the key is held."""

    TITLE_WORDS = "Operator key"
    AUTO_FOCUS = "Input"

    def __init__(self, why: str) -> None:
        super().__init__()
        self._why = why
        self._busy = False

    def compose_box(self) -> ComposeResult:
        words = self.words().line(f" {self._why}")
        words.put(" The key stays in this console's memory and is forgotten when idle.", "muted")
        if hint := self.console.unlock_hint:
            words.line().put(f" {hint}", "accent bold")
        yield Static(words.text)
        yield Input(password=True, placeholder="passphrase", id="passphrase")
        yield Static(id="unlock-notice")
        yield Static(
            self.words()
            .put(" Enter", "accent bold")
            .put(" unlock  ")
            .put("Esc", "accent bold")
            .put(" back")
            .text
        )

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._busy or not event.value:
            return
        phrase = bytearray(event.value.encode())
        event.input.value = ""
        self._busy = True
        self._notice("unlocking …", "muted")
        fault = await self.console.session.unlock(phrase)
        self._busy = False
        if fault is None:
            self.finish(True)
        else:
            self._notice(f"✗ {fault}", "alarm bold")

    def _notice(self, text: str, tone: str) -> None:
        self.query_one("#unlock-notice", Static).update(self.words().put(f" {text}", tone).text)


class FreezeScreen(Dialog[None]):
    """What to stop.

    `f` again stops everything at once. `stop` is called with the scope by the key itself: a freeze
    does not wait for screens.
    """

    TITLE_WORDS = "■ FREEZE — stop signing"

    def __init__(
        self,
        agent: str | None,
        wallet: str | None,
        agents: list[str],
        stop: Callable[[Json], None],
    ) -> None:
        super().__init__()
        self._stop = stop
        self._scopes: dict[str, Json] = {"f": {"kind": "everything"}}
        if agent:
            self._scopes["a"] = {"kind": "agent", "id": agent}
        if wallet:
            self._scopes["w"] = {"kind": "wallet", "id": wallet}
        others = [name for name in agents if name != agent][:9]
        for number, name in enumerate(others, 1):
            self._scopes[str(number)] = {"kind": "agent", "id": name}

    def compose_box(self) -> ComposeResult:
        words = self.words().line(
            " Takes effect at once, without a passphrase. Only an operator key"
        )
        words.line(" can thaw. Pending requests in scope end; signed unsent ones are held.").line()
        for key, scope in self._scopes.items():
            tone = "alarm bold" if key == "f" else "foreground"
            words.put(f"  {key} ", "accent bold").line(f" {scope_text(scope)}", tone)
        words.line().put("  Esc ", "accent bold").put(" back, freeze nothing")
        yield Static(words.text)

    def take_key(self, event: events.Key) -> None:
        key = "f" if event.key in {"e", "ctrl+f"} else event.key
        if key in self._scopes:
            self._stop(self._scopes[key])
        if key in self._scopes or key == "escape":
            self.finish(None)


class ThawScreen(Dialog[int]):
    """Which freeze to lift: a number chooses, y lifts. The result is the freeze's seq."""

    TITLE_WORDS = "□ THAW — resume signing"

    def __init__(self, freezes: list[Json], mono: float) -> None:
        super().__init__()
        self._freezes = freezes[:9]
        self._chosen = 0 if len(freezes) == 1 else -1
        self._gate = KeyGate(mono)
        self._confirmed_at: float | None = None
        self._notice = ""

    def compose_box(self) -> ComposeResult:
        yield Static(id="thaw-text")

    def tick(self) -> None:
        super().tick()
        mono = self.console.clock()
        if self._confirmed_at is not None and mono - self._confirmed_at >= QUIET_S:
            self._confirmed_at = None
            self.finish(int(self._freezes[self._chosen]["freeze"]))
            return
        words = self.words()
        for number, freeze in enumerate(self._freezes):
            mark = "▶" if number == self._chosen else " "
            words.put(f" {mark} {number + 1} ", "accent bold")
            words.put(scope_text(freeze.get("scope")), "alarm bold")
            at = freeze.get("at")
            words.line(f"  since {fmt.stamp(at if isinstance(at, int) else None)}", "muted")
            reason, actor = fmt.safe(freeze.get("reason"), 200), fmt.safe(freeze.get("actor"), 60)
            words.line(f"      {reason} · by {actor}", "muted")
        words.line().line(f" {self._notice}", "warn bold")
        words.put("  Esc ", "accent bold").put(" back (default)   ")
        words.put("y ", "accent bold").put(" thaw the chosen one")
        self.query_one("#thaw-text", Static).update(words.text)

    def interrupt(self) -> None:
        self._confirmed_at = None
        self._notice = "not thawed: the freeze menu was opened"

    def take_key(self, event: events.Key) -> None:
        if event.key in {"escape", "n"}:
            self.finish(None)
            return
        mono = self.console.clock()
        result = self._gate.press(mono)
        if result != "taken" or self._confirmed_at is not None:
            self._confirmed_at = None
            self._notice = "ignored: press one key at a time, a second after this opens"
            return
        self._notice = ""
        if event.key.isdigit() and 1 <= int(event.key) <= len(self._freezes):
            self._chosen = int(event.key) - 1
        elif event.key == "y" and self._chosen >= 0:
            self._confirmed_at = mono
        elif event.key == "y":
            self._notice = "choose a freeze by its number first"


class QuitScreen(Dialog[bool]):
    """Leaving takes a second key."""

    TITLE_WORDS = "Leave the console?"

    def __init__(self, *, stops: bool) -> None:
        """`stops`: the guardian ends with this console."""
        super().__init__()
        self._stops = stops

    def compose_box(self) -> ComposeResult:
        words = self.words()
        if self._stops:
            words.line(
                " The guardian stops with it: nothing is signed until it runs again.", "warn"
            )
            words.line(" Pending requests stay pending; their deadlines keep running.").line()
        else:
            words.line(" The guardian keeps running: what your policy allows is signed.")
            words.line(" Requests that need your approval stay pending.").line()
        leave = "leave and stop the guardian" if self._stops else "leave"
        words.put("  Esc ", "accent bold").put(" stay (default)   ")
        words.put("y ", "accent bold").put(f" {leave}")
        yield Static(words.text)

    def take_key(self, event: events.Key) -> None:
        if event.key == "y":
            self.finish(True)
        elif event.key in {"escape", "enter", "n"}:
            self.finish(False)


PANE_HELP = {
    "pending": "Requests that wait for approval (?) or a delay (…), or are held (■) by a freeze "
    "or because no node accepted them; then those that take longer than usual because of fees, "
    "the chain, the signer or a block (›, »). The cursor stays on its request when the list "
    "changes.",
    "feed": "Every event, once it is on disk. Moving the cursor stops following; G selects the "
    "newest row and follows again.",
    "detail": "Everything known about the selected request. Lines marked ┃ are not Holdfast's own "
    "words.",
    "limits": "Used (█), reserved by requests in progress (▒) and left (░), the fullest first.",
}


class HelpScreen(Dialog[None]):
    """The focused pane, then every action with its key.

    An action that is unavailable now says why.
    """

    TITLE_WORDS = "Help"

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._ctx = context

    def compose_box(self) -> ComposeResult:
        words = self.words()
        pane = self._ctx.pane
        words.line(f" {pane}", "accent bold")
        for line in textwrap.wrap(PANE_HELP[pane], HELP_CELLS):
            words.line(f"  {line}")
        words.line()
        group = ""
        for action in ACTIONS:
            if action.group != group:
                group = action.group
                words.line(f" {group}", "accent bold")
            keys = " ".join(_key_name(key) for key in action.keys)
            first, *rest = textwrap.wrap(action.help, HELP_CELLS)
            words.put(f"  {keys:<10} ", "accent").line(first)
            for line in rest:
                words.line(f"  {'':<10} {line}")
            reason = unavailable(action, self._ctx)
            if reason is not None:
                words.line(f"  {'':<10} not now: {reason}", "muted")
        words.put("  ↑ ↓ PgUp PgDn scroll · Esc back", "muted")
        with VerticalScroll(id="help-scroll", can_focus=False):
            yield Static(words.text)

    def take_key(self, event: events.Key) -> None:
        scroll = self.query_one("#help-scroll", VerticalScroll)
        moves: dict[str, Callable[..., None]] = {
            "up": scroll.scroll_up,
            "down": scroll.scroll_down,
            "pageup": scroll.scroll_page_up,
            "pagedown": scroll.scroll_page_down,
        }
        move = moves.get(event.key)
        if move is not None:
            move(animate=False)
        elif event.key in {"escape", "q", "question_mark", "enter"}:
            self.finish(None)


def _key_name(key: str) -> str:
    from holdfast.operator.actions import KEY_NAMES

    return KEY_NAMES.get(key, key.replace("ctrl+", "^"))
