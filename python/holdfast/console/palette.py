"""The command palette, filled from the action registry and the loaded themes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from holdfast.operator.actions import ACTIONS, unavailable

if TYPE_CHECKING:
    from holdfast.console.app import HoldfastApp


class RegistryCommands(Provider):
    """Every action by its label; one that does nothing now says why instead of vanishing."""

    def _commands(self) -> Iterator[tuple[str, str, Callable[[], None]]]:
        app = cast("HoldfastApp", self.app)
        context = app.context()
        for action in ACTIONS:
            if action.id == "palette":
                continue
            reason = unavailable(action, context)
            text = f"not now: {reason}" if reason else action.help
            name = f"{action.id} ({action.key_text})"
            yield name, text, partial(app.dispatch_later, action.id)
        for name in app.theme_names():
            yield f"theme {name}", "Use this theme.", partial(app.use_theme, name)

    async def discover(self) -> Hits:
        for name, text, command in self._commands():
            yield DiscoveryHit(name, command, help=_plain(text))

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, text, command in self._commands():
            score = matcher.match(name)
            if score > 0:
                yield Hit(score, matcher.highlight(name), command, help=_plain(text))


def _plain(text: str) -> str:
    """Help lines are read as markup: brackets are made harmless."""
    return text.replace("[", "(").replace("]", ")")
