"""Both evaluators over one story: a policy and the requests that follow each other under it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.naive.evaluator import Answer, Evaluator
from tests.naive.policies import Tables, policy, with_rights
from tests.naive.requests import about_rights, case
from tests.naive.shrink import shrunk
from tests.naive.times import after, start
from tests.naive.verdict import APPROVAL, DELAY
from tests.naive.world import Table, toml

from holdfast._core import PolicyError, Simulator

STEPS = 12
RIGHTS = 0.1  # so many stories are about nothing but allowances
Decides = Callable[[Table], dict[str, Any]]


@dataclass
class Story:
    """A policy and a history. Every request is decided after all before it."""

    tables: Tables
    cases: list[Table]


def story(seed: int) -> Story:
    """The story of a seed, the same on every machine."""
    dice = Random(seed)
    edge_ms = at_ms = start(dice)
    rights = dice.random() < RIGHTS
    tables = policy(dice, at_ms)
    if rights:
        tables = with_rights(dice, tables)
    cases = []
    for _ in range(STEPS):
        cases.append(about_rights(dice, at_ms) if rights else case(dice, at_ms))
        at_ms = after(dice, at_ms, edge_ms)
    return Story(tables, cases)


def core(source: str) -> Decides:
    """The core's evaluator of a policy. Raises PolicyError for an invalid one."""
    simulator = Simulator(source, True)

    def decides(one: Table) -> dict[str, Any]:
        result = json.loads(simulator.decide(json.dumps({**one, "limits": True}).encode()))
        limits = [
            (each["limit"], each["key"].lower(), int(each["used"]), int(each["adds"]))
            for each in result.get("limits", [])
        ]
        return {
            "verdict": result["verdict"],
            "numbers": [result.get(key) for key in ("delay_ms", "quorum", "timeout_ms")],
            "reasons": sorted({(each["code"], each["rule"] or "") for each in result["reasons"]}),
            "retries": sorted(
                {
                    (each["rule"], each.get("retry_at_ms", 0))
                    for each in result["reasons"]
                    if each["code"] == "limit_exceeded"
                }
            ),
            "limits": sorted(limits),
        }

    return decides


def naive(source: str) -> Decides:
    """The naive evaluator of a policy."""
    evaluator = Evaluator(source)
    return lambda one: _told(evaluator.decide(one))


def _told(answer: Answer) -> dict[str, Any]:
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
        "retries": sorted((rule, at_ms or 0) for rule, at_ms in answer.retries),
        "limits": None if answer.limits is None else sorted(answer.limits),
    }


@dataclass
class Difference:
    """The first request that the two decide differently: its number, and both answers."""

    step: int
    core: dict[str, Any]
    naive: dict[str, Any]

    def kind(self) -> tuple[bool, frozenset[str]]:
        """What makes two differences the same one, for shrinking."""
        codes = set(self.core["reasons"]) ^ set(self.naive["reasons"])
        same = self.core["verdict"] == self.naive["verdict"]
        return same, frozenset(code for code, _ in codes)


def difference(source: str, cases: list[Table]) -> Difference | None:
    """The first difference under a policy, if there is one."""
    core_decides, naive_decides = core(source), naive(source)
    for number, one in enumerate(cases):
        theirs, own = core_decides(one), naive_decides(one)
        if own["limits"] is None:
            theirs["limits"] = None
        if theirs != own:
            return Difference(number, theirs, own)
    return None


def smallest(told: Story) -> tuple[str, list[Table], Difference]:
    """A story that differs, with everything left out that can be: (policy, cases, difference)."""
    found = difference(toml(told.tables), told.cases)
    assert found is not None
    kind = found.kind()

    def fails(tables: Tables, cases: list[Table]) -> bool:
        try:
            other = difference(toml(tables), cases)
        except (PolicyError, KeyError):
            return False  # too much was left out
        return other is not None and other.kind() == kind

    tables, cases = shrunk(told.tables, told.cases[: found.step + 1], fails)
    left = difference(toml(tables), cases)
    assert left is not None
    return toml(tables), cases, left
