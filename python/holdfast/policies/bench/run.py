"""Decides every attack on a policy, and says what stops it or what it costs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from holdfast._core import Simulator
from holdfast.policies.bench.attack import Attack, attacks
from holdfast.policies.bench.scene import Scene, facts, scenes
from holdfast.policies.declared import Declared

Json = dict[str, Any]
HONEST = "honest"
# From the best outcome for the operator to the worst.
OUTCOMES = ("refused", "asks", "waits", "bounded", "unbounded")
_OF_VERDICT = {"deny": "refused", "approval": "asks", "delay": "waits"}
# No token has more base units than this in circulation.
_AMOUNT_BITS = 120


@dataclass(frozen=True)
class Found:
    """The worst that one attack did. `outcome` is one of OUTCOMES.

    Of one that passes, `amount` is what passes at a time, in base units where it has an amount, and
    `limit` the view of the limit that stops repetitions after `times`.
    """

    attack: Attack
    scene: Scene
    outcome: str
    amount: int
    result: Json
    limit: Json | None
    times: int | None

    @property
    def passes(self) -> bool:
        return self.outcome in OUTCOMES[3:]


class Bench:
    """The attacks on one policy at a time."""

    def __init__(self, source: str, at: datetime) -> None:
        """Raises PolicyError for a policy that is not valid."""
        self._simulator = Simulator(source, False)
        self._scenes = list(scenes(Declared.read(source), at))
        self._at_ms = int(at.timestamp() * 1000)
        self._facts = {each: facts(source, self._at_ms, prices=each) for each in (True, False)}

    def run(self) -> list[Found]:
        """The worst scene of each attack that fits one, in the order of the attacks."""
        found = []
        for attack in attacks():
            tried = [self._try(attack, each) for each in self._scenes if attack.fits(each)]
            if tried:
                found.append(max(tried, key=lambda one: OUTCOMES.index(one.outcome)))
        return found

    def _try(self, attack: Attack, scene: Scene) -> Found:
        amount = self._largest(attack, scene) if attack.has_amount else 1
        result = self._decide(attack, scene, amount)
        outcome = _OF_VERDICT.get(result["verdict"])
        if outcome is not None:
            return Found(attack, scene, outcome, amount, result, None, None)
        limit, times = _stop(result.get("limits", []))
        outcome = "unbounded" if limit is None else "bounded"
        return Found(attack, scene, outcome, amount, result, limit, times)

    def _largest(self, attack: Attack, scene: Scene) -> int:
        """The largest amount that passes: a power of two first, then bit by bit; else 1."""
        bits = range(_AMOUNT_BITS, -1, -1)
        top = next((bit for bit in bits if self._passes(attack, scene, 1 << bit)), None)
        if top is None:
            return 1
        amount = 1 << top
        for bit in range(top - 1, -1, -1):
            if self._passes(attack, scene, amount | 1 << bit):
                amount |= 1 << bit
        return amount

    def _passes(self, attack: Attack, scene: Scene, amount: int) -> bool:
        return self._decide(attack, scene, amount)["verdict"] not in _OF_VERDICT

    def _decide(self, attack: Attack, scene: Scene, amount: int) -> Json:
        case = {
            "agent": scene.agent.id,
            "at": self._at_ms,
            "request": attack.request(scene, amount, self._at_ms // 1000),
            "facts": self._facts[attack.members.get("prices", True)],
            "limits": True,
        }
        result: Json = json.loads(self._simulator.decide(json.dumps(case).encode()))
        return result


def _stop(limits: Iterable[Json]) -> tuple[Json | None, int | None]:
    """The limit that stops repetitions first, and after how many.

    One that only notifies stops nothing, one of recipients not the next payment to the same, and
    what is counted for the fee alone bounds no amount.
    """
    best: tuple[Json | None, int | None] = (None, None)
    for each in limits:
        adds, fee = int(each.get("adds", "0")), int(each.get("fee", "0"))
        if each["on_exceed"] == "notify" or each["measure"] == "recipients":
            continue
        if each["measure"] != "count" and adds <= fee:
            continue
        if adds:
            times = int(each["max"]) // adds
            if best[1] is None or times < best[1]:
                best = (each, times)
    return best


def score(found: Iterable[Found]) -> dict[str, tuple[int, int]]:
    """By category, how many attacks do not pass, and how many were tried."""
    scores: dict[str, tuple[int, int]] = {}
    for one in found:
        if one.attack.category != HONEST:
            stopped, tried = scores.get(one.attack.category, (0, 0))
            scores[one.attack.category] = (stopped + (not one.passes), tried + 1)
    return scores
