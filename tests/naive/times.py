"""Moments at which policies change their mind: midnights, clock changes, ends of windows."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

from tests.naive.clock import milliseconds, moment, next_begins
from tests.naive.world import ZONES

HOUR_MS, DAY_MS = 3_600_000, 86_400_000


def _at(*parts: int) -> int:
    return milliseconds(datetime(*parts, tzinfo=UTC))  # type: ignore[arg-type, misc]


CLOCK_CHANGES = {
    "Europe/Berlin": (_at(2027, 3, 28, 1), _at(2027, 10, 31, 1)),
    "America/New_York": (_at(2027, 3, 14, 7), _at(2027, 11, 7, 6)),
    "Australia/Sydney": (_at(2027, 4, 3, 16), _at(2027, 10, 2, 16)),
    "Australia/Lord_Howe": (_at(2027, 4, 3, 15), _at(2027, 10, 2, 15, 30)),
    "America/Havana": (_at(2027, 3, 14, 5), _at(2027, 11, 7, 5)),
}
EDGES = (
    *(change for both in CLOCK_CHANGES.values() for change in both),
    _at(2028, 2, 28, 23),
    _at(2028, 2, 29),
    _at(2028, 3, 1),
    _at(2027, 2, 28, 23),
    _at(2026, 12, 31, 23),
    _at(2027, 1, 31, 11),
    _at(2027, 4, 30, 22),
    _at(2027, 6, 6, 22),
)
STEPS_MS = (0, 1, 60_000, HOUR_MS, 2 * HOUR_MS, 8 * HOUR_MS, DAY_MS, 2 * DAY_MS, 7 * DAY_MS)
LONG_MS = (30 * DAY_MS, 31 * DAY_MS)
CLOSE_MS = (-1, 0, 0, 1)


def start(dice: Random) -> int:
    """Where a history begins: near an edge, often a day or some hours before it."""
    edge = dice.choice(EDGES)
    return edge - dice.choice((*STEPS_MS, 30 * HOUR_MS, 26 * HOUR_MS)) + dice.choice(CLOSE_MS)


def after(dice: Random, last_ms: int, edge_ms: int) -> int:
    """The next moment: a window later, an edge, a full hour, a midnight, or up to two days back."""
    kind = dice.random()
    if kind < 0.1:
        return last_ms - dice.choice((HOUR_MS, DAY_MS, 2 * DAY_MS))
    if kind < 0.3:
        return edge_ms + dice.choice(STEPS_MS[:6]) + dice.choice(CLOSE_MS)
    if kind < 0.5:
        return last_ms - last_ms % HOUR_MS + HOUR_MS + dice.choice(CLOSE_MS)
    if kind < 0.55:
        return last_ms + dice.choice(LONG_MS) + dice.choice(CLOSE_MS)
    if kind < 0.7:
        return next_begins("day", dice.choice(ZONES), last_ms) + dice.choice(CLOSE_MS)
    return last_ms + dice.choice(STEPS_MS) + dice.choice(CLOSE_MS)


def written(at_ms: int) -> str:
    """As TOML writes a moment, to the second."""
    return moment(at_ms - at_ms % 1000).strftime("%Y-%m-%dT%H:%M:%SZ")
