"""Keys that move a dialog's text."""

from __future__ import annotations

from collections.abc import Callable

from textual.containers import VerticalScroll


def moved_by(key: str, scroll: VerticalScroll) -> bool:
    """Moves the text if this key does that."""
    moves: dict[str, Callable[..., None]] = {
        "up": scroll.scroll_up,
        "down": scroll.scroll_down,
        "pageup": scroll.scroll_page_up,
        "pagedown": scroll.scroll_page_down,
        "home": scroll.scroll_home,
        "end": scroll.scroll_end,
    }
    move = moves.get(key)
    if move is None:
        return False
    move(animate=False)
    return True
