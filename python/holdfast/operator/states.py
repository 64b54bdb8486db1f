"""The states of a request, the tone and glyph each is shown with, and nothing else.

A tone is a name themes give a colour to; a colour never stands without its glyph and word.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast._core import END_STATES, WAITING_STATES, display_safe


class Mark(NamedTuple):
    """How a state or an event looks: theme tone, one-cell glyph, word."""

    tone: str
    glyph: str
    word: str


ENDS = END_STATES
DECIDABLE = frozenset({"waiting-approval", "held"})
UNSIGNED = frozenset({"waiting-approval", "waiting-delay", "authorising", "authorised"})
PENDING = WAITING_STATES | {"held"}

STATES: dict[str, Mark] = {
    "waiting-approval": Mark("warn", "?", "pending"),
    "waiting-delay": Mark("warn", "…", "delayed"),
    "authorising": Mark("info", "›", "signing"),
    "authorised": Mark("info", "›", "signing"),
    "signed": Mark("info", "»", "signed"),
    "sent": Mark("info", "»", "sent"),
    "confirmed": Mark("ok", "✓", "confirmed"),
    "released": Mark("ok", "✓", "released"),
    "reverted": Mark("alarm", "✗", "reverted"),
    "dropped": Mark("alarm", "✗", "dropped"),
    "denied": Mark("alarm", "✗", "denied"),
    "expired": Mark("muted", "○", "expired"),
    "cancelled": Mark("muted", "○", "cancelled"),
    "failed": Mark("alarm", "✗", "failed"),
    "frozen": Mark("alarm", "■", "frozen"),
    "held": Mark("alarm", "■", "held"),
}

VERDICTS: dict[str, Mark] = {
    "instant": Mark("ok", "›", "allowed"),
    "notify": Mark("ok", "›", "notified"),
    "delay": Mark("warn", "…", "delayed"),
    "approval": Mark("warn", "?", "pending"),
    "deny": Mark("alarm", "✗", "denied"),
}

UNKNOWN = Mark("muted", "·", "event")


def state_mark(state: str) -> Mark:
    """The look of a state; an unknown one is shown by its own name."""
    return STATES.get(state) or Mark("muted", "·", display_safe(state, 24))
