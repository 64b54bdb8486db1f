"""What is not well and an operator must know of.

One list for health, console, `status` and alerts, so that no condition is shown in one place and
silent in another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["warning", "action", "critical"]
Place = tuple[str, int | None, str | None, str]
Json = dict[str, Any]

# The gravest first.
_RANK: dict[Severity, int] = {"critical": 0, "action": 1, "warning": 2}
SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class Condition:
    """`text` says what is so, `step` what to do; `chain_id` and `wallet` where it is about one.

    `about` tells two of the same kind apart: a payment, a nonce.
    """

    code: str
    severity: Severity
    text: str
    step: str
    chain_id: int | None = None
    wallet: str | None = None
    about: str = ""

    @property
    def place(self) -> Place:
        """The same condition of the same thing, whatever its words say by now."""
        return self.code, self.chain_id, self.wallet, self.about


Told = Callable[[Condition, int, bool], None]


class Conditions:
    """Those that hold now, by who looks for them."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._by_source: dict[str, dict[Place, Condition]] = {}
        self._since: dict[Place, int] = {}
        self._told: list[Told] = []

    def listen(self, told: Told) -> None:
        """Calls `told(condition, since_ms, begins)` for each change.

        For each that begins or is over, and now for those that hold.
        """
        self._told.append(told)
        for each in self._all():
            told(each, self._since[each.place], True)

    def put(self, source: str, found: Iterable[Condition]) -> None:
        """What `source` finds now takes the place of what it found before."""
        before = self._by_source.get(source, {})
        after = {each.place: each for each in found}
        self._by_source[source] = after
        for place, condition in after.items():
            if place not in before:
                self._since[place] = self._now_ms()
                self._tell(condition, begins=True)
        for place, condition in before.items():
            if place not in after:
                self._tell(condition, begins=False)
                del self._since[place]

    def report(self) -> list[Json]:
        """`conditions` of `health`.

        `[{code, severity, chain_id: n|null, wallet: address|null, text, next, since_ms}]`, the
        gravest first, at most 20, then one entry that counts the rest.
        """
        found = sorted(self._all(), key=lambda each: (_RANK[each.severity], str(each.place)))
        shown = [
            {
                "code": each.code,
                "severity": each.severity,
                "chain_id": each.chain_id,
                "wallet": each.wallet,
                "text": each.text,
                "next": each.step,
                "since_ms": self._since[each.place],
            }
            for each in found[:SHOWN_MAX]
        ]
        if left := found[SHOWN_MAX:]:
            shown.append(
                {
                    "code": "more",
                    "severity": left[0].severity,
                    "chain_id": None,
                    "wallet": None,
                    "text": f"and {len(left)} more",
                    "next": "fix those above first",
                    "since_ms": min(self._since[each.place] for each in left),
                }
            )
        return shown

    def _all(self) -> list[Condition]:
        return [each for found in self._by_source.values() for each in found.values()]

    def _tell(self, condition: Condition, *, begins: bool) -> None:
        for told in self._told:
            told(condition, self._since[condition.place], begins)
