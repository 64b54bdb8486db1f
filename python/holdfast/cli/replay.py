"""Time travel: past requests under another policy."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from holdfast._core import Simulator
from holdfast.service.journal.cases import case_of, milder
from holdfast.service.journal.open import open_reader
from holdfast.service.runtime.event import REQUEST_DECIDED, Record, kind_of, parse, tier_of


@dataclass
class Flips:
    """`decided` requests were judged again.

    `flips` are those with another verdict, oldest first: `{id, agent, at, then, now, wider,
    reasons}`. `passed_over` were denied for the moment they came in, were denied and too large to
    be kept whole, or were paid under a one-off grant, which is no matter of a policy.
    """

    decided: int = 0
    passed_over: int = 0
    flips: list[dict[str, Any]] = field(default_factory=list)

    @property
    def wider(self) -> int:
        """How many of them the other policy would have treated more mildly."""
        return sum(flip["wider"] for flip in self.flips)


def flips(path: Path, policy: str) -> Flips:
    """Judges every `request.decided` of a home or journal file by `policy`, in order.

    Raises PolicyError for the policy and JournalError for a file that is no journal.
    """
    simulator = Simulator(policy, True)
    result = Flips()
    reader = open_reader(path)
    try:
        for _, records in reader.chunks():
            for record in records:
                if kind_of(record) == REQUEST_DECIDED:
                    _judge(simulator, parse(record), result)
    finally:
        reader.close()
    return result


def _judge(simulator: Simulator, record: Record, result: Flips) -> None:
    case = case_of(record)
    if case is None:
        result.passed_over += 1
        return
    data = record["data"]
    result.decided += 1
    now = json.loads(simulator.decide(json.dumps(case).encode()))
    then = tier_of(data)
    if now["verdict"] != then:
        flip = {"id": data["id"], "agent": data["agent"], "at": record["at"]}
        flip |= {"then": then, "now": now["verdict"], "wider": milder(now["verdict"], then)}
        flip["reasons"] = now["reasons"]
        result.flips.append(flip)
