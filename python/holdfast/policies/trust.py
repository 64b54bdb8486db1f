"""Trust levels: how much an agent may spend a payment, a day, a week, a month and in all, in USD.

A level is a block of limits in the policy file, between two comment lines. What was changed by hand
in it is no level any more.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from holdfast.policies.errors import PolicyTextError

# USD for one payment, a day, a week, a month, and in all.
LEVELS: dict[str, tuple[int, int, int, int, int] | None] = {
    "LOW": (50, 100, 500, 1_000, 5_000),
    "MEDIUM": (500, 1_000, 5_000, 10_000, 50_000),
    "HIGH": (5_000, 10_000, 50_000, 100_000, 500_000),
    "UNLIMITED": None,
}
# A month is as long as the longest one, so that no calendar month can hold more.
_WINDOWS = (("day", "24h"), ("week", "7d"), ("month", "31d"), ("total", "lifetime"))
_AGENT = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


def block(agent: str, level: str) -> str:
    """The tables of a level for one agent. UNLIMITED has none."""
    amounts = LEVELS[level]
    parts = [_begin(agent, level)]
    if amounts is not None:
        payment, *sums = amounts
        parts.append(_payment(agent, payment))
        named = zip(_WINDOWS, sums, strict=True)
        parts += [_limit(agent, name, window, most) for (name, window), most in named]
    return "\n".join([*parts, _end(agent)]) + "\n"


def level_of(text: str, agent: str) -> str | None:
    """The level whose block the policy has for the agent; None without one, or a changed one."""
    found = next((level for level in LEVELS if block(agent, level) in text), None)
    # A key behind the block would belong to its last table.
    same = found is not None and _tables(text, agent) == _tables(block(agent, found), agent)
    return found if same else None


def with_level(text: str, agent: str, level: str) -> str:
    """The policy with the agent at that level, in the place of the one it had.

    Raises PolicyTextError for an agent that cannot be, and for a block that was changed by hand.
    """
    if not _AGENT.fullmatch(agent):
        raise PolicyTextError(f"`{agent[:64]}` is not an agent id")
    old = level_of(text, agent)
    if old is not None:
        return text.replace(block(agent, old), block(agent, level), 1)
    if any(line.startswith(_mark(agent)) for line in text.splitlines()):
        raise PolicyTextError(
            f"the block `{_mark(agent)}…` was changed by hand: remove it, or edit its limits"
        )
    gap = "\n" if text.endswith("\n") else "\n\n"
    return text + gap + block(agent, level)


def next_level(level: str) -> str | None:
    """The level above it that still has limits."""
    limited = [name for name, amounts in LEVELS.items() if amounts is not None]
    above: Iterator[str] = (
        iter(limited[limited.index(level) + 1 :]) if level in limited else iter(())
    )
    return next(above, None)


def _tables(text: str, agent: str) -> dict[str, list[Any]]:
    """The tables of the agent's level, as they are read."""
    document = tomllib.loads(text)
    own = f"trust-{agent}-"
    return {
        name: [row for row in document.get(name, []) if str(row.get("id", "")).startswith(own)]
        for name in ("forbid", "limit")
    }


def _mark(agent: str) -> str:
    return f"# trust level of {agent}:"


def _begin(agent: str, level: str) -> str:
    return f"{_mark(agent)} {level}\n"


def _end(agent: str) -> str:
    return f"# end of the trust level of {agent}"


def _payment(agent: str, most: int) -> str:
    return f"""[[forbid]]
id = "trust-{agent}-payment"
agents = ["{agent}"]
usd_above = "{most}"
"""


def _limit(agent: str, name: str, window: str, most: int) -> str:
    return f"""[[limit]]
id = "trust-{agent}-{name}"
per = "agent"
agents = ["{agent}"]
measure = "usd"
max = "{most}"
window = "{window}"
on_exceed = "deny"
"""
