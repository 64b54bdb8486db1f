"""The one registry of what an operator can do.

Keys, footer, command palette and help screen are all made from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from holdfast.operator.alarms import alarms
from holdfast.operator.decision import cannot_answer, cannot_approve, cannot_deny
from holdfast.operator.model import Model
from holdfast.operator.replacing import Replacing, cannot_replace
from holdfast.operator.request import Request

PANES = ("pending", "feed", "detail", "limits")


@dataclass(frozen=True, slots=True)
class Context:
    """What availability is judged by."""

    model: Model
    selected: Request | None
    pane: str
    mono: float
    read_only: bool = False
    unlocked: bool = False


Reason = Callable[[Context], str | None]


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do. `available_when` gives the reason why not, or None."""

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    group: str
    available_when: Reason
    needs_confirmation: bool = False
    panes: tuple[str, ...] = PANES
    footer: bool = True
    # In the footer only while it does something.
    footer_now: bool = False

    @property
    def key_text(self) -> str:
        """The first key as it is printed in footer and help."""
        return KEY_NAMES.get(self.keys[0], self.keys[0]) if self.keys else ""


KEY_NAMES = {
    "question_mark": "?",
    "slash": "/",
    "enter": "Enter",
    "escape": "Esc",
    "tab": "Tab",
    "shift+tab": "⇧Tab",
    "space": "Space",
    "ctrl+p": "^p",
    "ctrl+q": "^q",
    "up": "↑",
    "down": "↓",
}


def _always(_: Context) -> str | None:
    return None


def _approve(ctx: Context) -> str | None:
    return cannot_approve(ctx.selected, ctx.model, ctx.mono, ctx.read_only)


def _deny(ctx: Context) -> str | None:
    return cannot_deny(ctx.selected, ctx.model, ctx.mono, ctx.read_only)


def _bump(ctx: Context) -> str | None:
    return _replace("bump", ctx)


def _cancel(ctx: Context) -> str | None:
    return _replace("cancel", ctx)


def _replace(action: Replacing, ctx: Context) -> str | None:
    reason = cannot_replace(action, ctx.selected)
    return reason or cannot_answer(ctx.model, ctx.mono, ctx.read_only)


def _freeze(ctx: Context) -> str | None:
    """Stale and sealed do not stand in the way of a stop: it is tried, and the answer is shown."""
    return "attached read-only" if ctx.read_only else None


def _thaw(ctx: Context) -> str | None:
    general = cannot_answer(ctx.model, ctx.mono, ctx.read_only)
    if general is not None:
        return general
    return None if ctx.model.status.freezes else "nothing is frozen"


def _policy(ctx: Context) -> str | None:
    return cannot_answer(ctx.model, ctx.mono, ctx.read_only)


def _selected(ctx: Context) -> str | None:
    return None if ctx.selected is not None else "no request is selected"


def _feed_rows(ctx: Context) -> str | None:
    return None if len(ctx.model.feed) else "the feed is empty"


def _alarms(ctx: Context) -> str | None:
    return None if alarms(ctx.model) else "there are no alarms"


def _lock(ctx: Context) -> str | None:
    return None if ctx.unlocked else "no operator key is in memory"


ACTIONS: tuple[Action, ...] = (
    Action(
        "approve", ("a",), "approve",
        "Open the selected request for approval. A second, different key sends it.",
        "Decide", _approve, needs_confirmation=True, panes=("pending", "feed", "detail"),
    ),
    Action(
        "deny", ("d",), "deny",
        "Open the selected request to deny it, while it is pending or not signed yet.",
        "Decide", _deny, needs_confirmation=True, panes=("pending", "feed", "detail"),
    ),
    Action(
        "bump", ("b",), "bump",
        "Raise the fee of the selected payment, while it is not mined.",
        "Decide", _bump, needs_confirmation=True, panes=("pending", "feed", "detail"),
        footer=False, footer_now=True,
    ),
    Action(
        "cancel", ("x",), "cancel",
        "Try to cancel the selected payment, while it is not mined.",
        "Decide", _cancel, needs_confirmation=True, panes=("pending", "feed", "detail"),
        footer=False, footer_now=True,
    ),
    Action(
        "freeze", ("f", "ctrl+f"), "freeze",
        "Stop signing: everything (f f), one agent or one wallet. No passphrase. ^f in dialogs.",
        "Decide", _freeze,
    ),
    Action(
        "thaw", ("t",), "thaw",
        "Lift one freeze. Needs the operator key.",
        "Decide", _thaw, needs_confirmation=True,
    ),
    Action(
        "policy", ("P",), "policy",
        "Show how policy.toml differs from the policy in force, and sign it with the operator key.",
        "Decide", _policy, needs_confirmation=True, footer=False,
    ),
    Action(
        "alarms", ("A",), "alarms",
        "Show all alarms in full: what is wrong, since when and what to do.",
        "Look", _alarms, footer=False, footer_now=True,
    ),
    Action(
        "filter", ("slash",), "filter",
        "Show only feed rows that contain all words typed. Empty shows all again.",
        "Look", _always,
    ),
    Action(
        "pause", ("p",), "pause",
        "Pause the feed; rows that arrive meanwhile are counted as +N new.",
        "Look", _always,
    ),
    Action(
        "sort", ("s",), "sort",
        "Order pending requests by deadline, newest, amount or agent.",
        "Look", _always, footer=False,
    ),
    Action(
        "open", ("enter",), "detail",
        "Show the selected request in full.",
        "Look", _selected, panes=("pending", "feed"), footer=False,
    ),
    Action(
        "whole", ("w",), "whole",
        "Show the full content that the selected request wants signed.",
        "Look", _selected, panes=("pending", "feed", "detail"), footer=False,
    ),
    Action(
        "top", ("g", "home"), "top",
        "Go to the oldest row.",
        "Move", _always, footer=False,
    ),
    Action(
        "bottom", ("G", "end"), "follow",
        "Select the newest row and follow the feed.",
        "Move", _always, footer=False,
    ),
    Action(
        "pane-pending", ("1",), "pending", "Go to pending approvals.",
        "Move", _always, footer=False,
    ),
    Action(
        "pane-feed", ("2",), "feed", "Go to the live feed.",
        "Move", _always, footer=False,
    ),
    Action(
        "pane-detail", ("3",), "detail", "Go to the detail pane.",
        "Move", _always, footer=False,
    ),
    Action(
        "pane-limits", ("4",), "limits", "Go to limits and agents.",
        "Move", _always, footer=False,
    ),
    Action(
        "copy", ("c",), "copy",
        "Copy the selected request as JSON to the terminal's clipboard (OSC 52).",
        "Keep", _selected, footer=False,
    ),
    Action(
        "export", ("e",), "export",
        "Write the visible feed rows as JSON lines to a file in the home's exports folder.",
        "Keep", _feed_rows, footer=False,
    ),
    Action("theme", ("T",), "theme", "Use the next theme.", "Session", _always, footer=False),
    Action(
        "lock", ("L",), "lock",
        "Forget the operator key held in memory.",
        "Session", _lock, footer=False,
    ),
    Action(
        "palette", ("ctrl+p",), "commands", "Search all actions.",
        "Session", _always, footer=False,
    ),
    Action("help", ("question_mark",), "help", "Explain the focused pane.", "Session", _always),
    Action(
        "quit", ("q", "ctrl+q", "ctrl+c"), "quit",
        "Leave the console. Asks first and says whether the guardian stops.",
        "Session", _always, needs_confirmation=True,
    ),
)  # fmt: skip

BY_ID = {action.id: action for action in ACTIONS}
BY_KEY = {key: action for action in ACTIONS for key in action.keys}


def footer_actions(pane: str) -> list[Action]:
    """The actions a footer offers for a pane, in the registry's order."""
    return [action for action in ACTIONS if action.footer and pane in action.panes]


def footer_now(ctx: Context) -> list[Action]:
    """Those, and the actions that are in the footer only while they do something."""
    offered = [each for each in ACTIONS if each.footer or each.footer_now]
    return [
        each
        for each in offered
        if ctx.pane in each.panes and (each.footer or each.available_when(ctx) is None)
    ]


def unavailable(action: Action, ctx: Context) -> str | None:
    """Why the action does nothing now; None when it works."""
    if ctx.pane not in action.panes:
        return f"{action.label} works in: {', '.join(action.panes)}"
    return action.available_when(ctx)
