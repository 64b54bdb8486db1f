"""What each action of the registry does on screen.

The dialogs it opens, and what follows their answer.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from holdfast._core import HoldfastError, check_policy
from holdfast.console.alarms import AlarmsScreen
from holdfast.console.deciding import DecisionScreen
from holdfast.console.dialogs import FreezeScreen, HelpScreen, QuitScreen, ThawScreen, UnlockScreen
from holdfast.console.replacing import ReplaceScreen
from holdfast.console.signing import PolicyScreen
from holdfast.console.whole import WholeScreen
from holdfast.operator import format as fmt
from holdfast.operator.actions import PANES
from holdfast.operator.decision import Answer, Decision
from holdfast.operator.describe import scope_text
from holdfast.operator.differences import changes, text_diff
from holdfast.operator.model import SORTS
from holdfast.operator.replacing import Replacing
from holdfast.operator.request import Json, Request
from holdfast.secrets.authority import digest_of
from holdfast.secrets.held import held_wallets

if TYPE_CHECKING:
    from holdfast.console.app import HoldfastApp


# A line to the guardian holds 1 MiB, and JSON makes a text longer.
POLICY_BYTES_MAX = 400_000
# With a quorum one approval is not yet the last one.
DONE = {"approve": "your approval is recorded", "deny": "denied"}
REPLACED = {
    "bump": "the higher fee is signed; only one of its transactions can be mined",
    "cancel": "cancelling; the outcome is open until one of the two is mined",
}


class Commands:
    """One method an action. Availability was judged before: see `HoldfastApp.dispatch`."""

    def __init__(self, app: HoldfastApp) -> None:
        self._app = app
        self._by_id: dict[str, Callable[[], object]] = {
            "approve": partial(self._open_decision, "approve"),
            "deny": partial(self._open_decision, "deny"),
            "bump": partial(self._open_replacing, "bump"),
            "cancel": partial(self._open_replacing, "cancel"),
            "freeze": self.open_freeze,
            "thaw": self._open_thaw,
            "policy": lambda: app.start_job(self._open_policy()),
            "alarms": lambda: app.push_screen(AlarmsScreen()),
            "filter": lambda: app.main.open_filter(),
            "pause": self._pause,
            "sort": self._next_sort,
            "open": partial(self._show_pane, "detail"),
            "whole": self._open_whole,
            "top": partial(self._edge, top=True),
            "bottom": partial(self._edge, top=False),
            "copy": self._copy,
            "export": self._export,
            "theme": self._next_theme,
            "lock": self._lock,
            "palette": app.action_command_palette,
            "help": lambda: app.push_screen(HelpScreen(app.context())),
            "quit": self._open_quit,
            **{f"pane-{name}": partial(self._show_pane, name) for name in PANES},
        }

    def run(self, ident: str) -> None:
        """Does the action."""
        self._by_id[ident]()

    def _open_decision(self, answer: Answer) -> None:
        """Captures id and digest now; what moves in the lists after this key does not matter."""
        request = self._app.model.request(self._app.selected_id)
        if request is None:
            return

        def decide(unlocked: bool | None) -> None:
            if unlocked:
                self._ask_decision(request, answer)

        self._with_key(f"Enter your operator passphrase to {answer} {request.id}.", decide)

    def _ask_decision(self, request: Request, answer: Answer) -> None:
        decision = Decision(
            request, answer, self._app.clock(), self._app.settings.confirm_usd_micro
        )

        def done(result: str | None) -> None:
            if result is None:
                return
            self._app.say(f"{decision.id}: {DONE[result]}")
            rest = [row for row in self._app.model.pending if row.id != decision.id]
            if rest and self._app.selected_id == decision.id:
                self._app.select(rest[0].id)

        self._app.push_screen(DecisionScreen(decision), done)

    def _open_replacing(self, action: Replacing) -> None:
        """Captures the request now, as for a decision."""
        request = self._app.model.request(self._app.selected_id)
        if request is None:
            return

        def done(result: str | None) -> None:
            if result is not None:
                self._app.say(f"{request.id}: {REPLACED[action]}")

        def ask(unlocked: bool | None) -> None:
            if unlocked:
                screen = ReplaceScreen(action, request, self._app.clock())
                self._app.push_screen(screen, done)

        self._with_key(f"Enter your operator passphrase to {action} {request.id}.", ask)

    def _open_whole(self) -> None:
        request = self._app.model.request(self._app.selected_id)
        if request is not None:
            self._app.push_screen(WholeScreen(request))

    def _with_key(self, why: str, then: Callable[[bool | None], None]) -> None:
        if self._app.unlocked:
            then(True)
        else:
            self._app.push_screen(UnlockScreen(why), then)

    def open_freeze(self) -> None:
        """The freeze menu; reachable from every screen, needs no key."""
        if self._app.read_only:
            self._app.say("freeze: attached read-only", "warning")
            return
        request = self._app.model.request(self._app.selected_id)
        agents = [
            str(agent.get("id")) for agent in self._app.model.status.agents if agent.get("id")
        ]
        agent, wallet = (request.agent, request.wallet) if request else (None, None)

        def stop(scope: Json) -> None:
            self._app.start_job(self._freeze(scope))

        self._app.push_screen(FreezeScreen(agent, wallet, agents, stop))

    async def _freeze(self, scope: Json) -> None:
        fault = await self._app.session.freeze(scope)
        if fault is None:
            self._app.say(f"■ frozen: {scope_text(scope)}", "warning")
        else:
            self._app.say(f"freeze: {fault}", "error")

    def _open_thaw(self) -> None:
        def chosen(freeze: int | None) -> None:
            if freeze is not None:
                self._app.start_job(self._thaw(freeze))

        def ask(unlocked: bool | None) -> None:
            if unlocked:
                self._app.push_screen(
                    ThawScreen(self._app.model.status.freezes, self._app.clock()), chosen
                )

        self._with_key("Enter your operator passphrase to thaw.", ask)

    async def _thaw(self, freeze: int) -> None:
        fault = await self._app.session.thaw(freeze)
        if fault is None:
            self._app.say(f"□ freeze {freeze} lifted")
        else:
            self._app.say(f"thaw: {fault}", "error")

    async def _open_policy(self) -> None:
        """Reads policy.toml as it lies in the home now; what is signed is what is then shown."""
        status = self._app.model.status.policy
        digest, revision = status.get("digest"), status.get("revision")
        old = await self._app.session.policy_text(str(digest)) if digest else None
        try:
            new = (self._app.home / "policy.toml").read_bytes().decode("utf-8")
            check_policy(new, wallets=held_wallets(self._app.home / "keys" / "wallets"))
        except (OSError, ValueError) as error:
            words = error.args[1] if isinstance(error, HoldfastError) else error
            self._app.say(f"policy.toml: {fmt.safe(str(words), 300)}", "error")
            return
        if digest_of(new) == digest:
            self._app.say("policy.toml is the policy in force")
            return
        if len(new.encode()) > POLICY_BYTES_MAX or (old is not None and digest_of(old) != digest):
            self._app.say("sign it with `holdfast policy apply` on the command line", "warning")
            return
        found, diff = changes(old, new), list(text_diff(old, new))
        following = (revision if isinstance(revision, int) else 0) + 1

        def done(result: str | None) -> None:
            if result is not None:
                self._app.say(f"policy: revision {following} is in force")

        def ask(unlocked: bool | None) -> None:
            if unlocked:
                mono = self._app.clock()
                screen = PolicyScreen(new, following, found, diff, mono)
                self._app.push_screen(screen, done)

        self._with_key("Enter your operator passphrase to sign the policy.", ask)

    def _open_quit(self) -> None:
        def chosen(leave: bool | None) -> None:
            if leave:
                self._app.remember()
                self._app.exit()

        self._app.push_screen(QuitScreen(stops=self._app.stops_guardian), chosen)

    def _pause(self) -> None:
        self._app.model.feed.pause(not self._app.model.feed.paused)
        self._app.redraw()

    def _edge(self, *, top: bool) -> None:
        main = self._app.main
        if main.pane == "pending":
            main.pending.go(0 if top else max(0, len(main.pending.rows) - 1))
        elif main.pane == "feed" and top:
            main.feed.go(0)
        elif main.pane == "feed":
            main.feed.to_end()
        else:
            pane = main.query_one(f"#{main.pane}")
            pane.scroll_home(animate=False) if top else pane.scroll_end(animate=False)

    def _lock(self) -> None:
        self._app.session.lock()
        self._app.say("the operator key is forgotten")

    def _copy(self) -> None:
        request = self._app.model.request(self._app.selected_id)
        if request is not None:
            self._app.copy_to_clipboard(json.dumps(request.raw, ensure_ascii=True, indent=1))
            self._app.say(f"{request.id} copied as JSON (if the terminal allows OSC 52)")

    def _export(self) -> None:
        folder = self._app.home / "exports"
        feed = self._app.model.feed
        rows = (feed.row(index) for index in range(len(feed)))
        text = "".join(f"{json.dumps(row._asdict())}\n" for row in rows if row is not None)
        path = folder / f"feed-{self._app.model.now_ms(self._app.clock())}.jsonl"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            self._app.say(f"export: {error.strerror}: {path}", "error")
            return
        self._app.say(f"{len(feed):,} rows written to {path}")

    def _show_pane(self, name: str) -> None:
        self._app.main.show_pane(name)

    def _next_sort(self) -> None:
        model, settings = self._app.model, self._app.settings
        model.sort = SORTS[(SORTS.index(model.sort) + 1) % len(SORTS)]
        settings.sort = model.sort
        self._app.remember()
        self._app.redraw()

    def _next_theme(self) -> None:
        names = self._app.theme_names()
        self._app.use_theme(names[(names.index(self._app.palette.name) + 1) % len(names)])
