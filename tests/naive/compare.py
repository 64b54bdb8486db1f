"""Both evaluators over one story: a policy and the requests that follow each other under it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random
from typing import Any

from holdfast._core import Simulator
from tests.naive.evaluator import Answer, Evaluator
from tests.naive.policies import Tables, policy
from tests.naive.requests import case
from tests.naive.times import after, start
from tests.naive.verdict import APPROVAL, DELAY
from tests.naive.world import Table, toml

STEPS = 12


@dataclass
class Story:
    """A policy and a history. Every request is decided after all before it."""

    tables: Tables
    cases: list[Table]


def story(seed: int) -> Story:
    """The story of a seed, the same on every machine."""
    dice = Random(seed)
    edge_ms = at_ms = start(dice)
    tables = policy(dice, at_ms)
    cases = []
    for _ in range(STEPS):
        cases.append(case(dice, at_ms))
        at_ms = after(dice, at_ms, edge_ms)
    return Story(tables, cases)


def core_says(result: dict[str, Any]) -> dict[str, Any]:
    """What is compared of an answer of the core."""
    limits = [
        (one["limit"], one["key"].lower(), int(one["used"]), int(one["adds"]))
        for one in result.get("limits", [])
    ]
    return {
        "verdict": result["verdict"],
        "numbers": [result.get(key) for key in ("delay_ms", "quorum", "timeout_ms")],
        "reasons": sorted({(one["code"], one["rule"] or "") for one in result["reasons"]}),
        "limits": sorted(limits),
    }


def naive_says(answer: Answer) -> dict[str, Any]:
    """The same of an answer of the naive evaluator."""
    verdict = answer.verdict
    asks, waits = verdict.tier == APPROVAL, verdict.tier == DELAY
    numbers = [
        verdict.delay_ms if waits else None,
        verdict.quorum if asks else None,
        verdict.timeout_ms if asks else None,
    ]
    return {
        "verdict": verdict.tier,
        "numbers": numbers,
        "reasons": sorted({(code, rule or "") for code, rule in answer.reasons}),
        "limits": None if answer.limits is None else sorted(answer.limits),
    }


def difference(told: Story, make: type[Evaluator] = Evaluator) -> dict[str, Any] | None:
    """The first request of a story that the two decide differently, and how."""
    source = toml(told.tables)
    simulator, naive = Simulator(source, True), make(source)
    for number, one in enumerate(told.cases):
        core = core_says(json.loads(simulator.decide(json.dumps({**one, "limits": True}).encode())))
        own = naive_says(naive.decide(one))
        if own["limits"] is None:
            core["limits"] = None
        if core != own:
            return {"step": number, "core": core, "naive": own}
    return None
