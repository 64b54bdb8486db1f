"""What the demo says at its end of the agent that was taken over."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from holdfast.demo.script import UNIT

# What the demo's policy lets this agent pay to any address in a day: its limit `tips-day`.
TIPS_A_DAY = 20 * UNIT
THROUGH = frozenset({"paid", "signed"})


class Tally(threading.Thread):
    """Counts the verdicts of an agent's reports, a line each, until they end."""

    def __init__(self, reports: Iterable[str]) -> None:
        super().__init__(name="tally", daemon=True)
        self._reports = reports
        self.verdicts: dict[str, int] = {}

    def run(self) -> None:
        """Reads to the end, so that the agent never waits to write."""
        for each in self._reports:
            verdict = _verdict(each)
            if verdict not in {"", "done"}:
                self.verdicts[verdict] = self.verdicts.get(verdict, 0) + 1


def hijacked_words(verdicts: Mapping[str, int], gained: int, symbol: str) -> str:
    """How many attempts were stopped, and what `gained` (base units of the token) was."""
    tried = sum(verdicts.values())
    stopped = tried - sum(count for name, count in verdicts.items() if name in THROUGH)
    amount, most = f"{gained / UNIT:,.2f} {symbol}", f"{TIPS_A_DAY / UNIT:,.0f} {symbol}"
    words = f"`hijacked` was stopped in {stopped} of {tried} attempts; the attacker got {amount}"
    if gained == TIPS_A_DAY:
        return f"{words}: all that the policy lets this agent lose in a day (limit `tips-day`)"
    return f"{words} of the {most} that the policy lets this agent lose in a day"


def _verdict(report: str) -> str:
    """Empty for a line that was cut off when its agent was killed."""
    try:
        line: Any = json.loads(report)
    except ValueError:
        return ""
    return str(line.get("verdict", "")) if isinstance(line, dict) else ""
