"""Runs cases through the core's own engine, and says how decisions differ from expectations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from holdfast._core import Simulator
from holdfast.policies.cases.case import Case, Request
from holdfast.policies.declared import Agent, Declared
from holdfast.policies.errors import PolicyTextError
from holdfast.policies.payment import Words, build
from holdfast.policies.verdict import duration, reason_words, verdict_words

Json = dict[str, Any]


@dataclass(frozen=True)
class Ran:
    """A case with its decision; `asked` is the request in words.

    `differences` are sentences, none for a case that passed. `decisions` are all that was decided
    for it, history included.
    """

    case: Case
    asked: str
    result: Json
    differences: tuple[str, ...]
    decisions: tuple[Json, ...]

    @property
    def passed(self) -> bool:
        return not self.differences


class Runner:
    """Cases of one policy."""

    def __init__(self, source: str) -> None:
        """Raises PolicyError for a policy that is not valid."""
        self._source = source
        self._fresh = Simulator(source, False)
        self._declared = Declared.read(source)

    @property
    def declared(self) -> Declared:
        return self._declared

    def run(self, case: Case) -> Ran:
        """Decides one case. A case that names what is not there failed, and says so."""
        try:
            return self._run(case)
        except PolicyTextError as error:
            return Ran(case, "", {}, (str(error),), ())

    def _run(self, case: Case) -> Ran:
        agent = self._declared.agent(case.agent)
        self._check_expected(case)
        simulator = Simulator(self._source, True) if case.history else self._fresh
        decisions = []
        for number, before in sorted(
            enumerate(case.history, start=1), key=lambda each: -each[1].ago
        ):
            at = case.at - before.ago
            past = replace(case, asked=before.asked, used={}, at=at, facts=_then(case, at))
            result, _ = self._decide(simulator, agent, past)
            decisions.append(result)
            if result["verdict"] == "deny":
                why = "; ".join(reason_words(each) for each in result["reasons"])
                raise PolicyTextError(f"history {number} (line {before.line}) is denied: {why}")
        result, asked = self._decide(simulator, agent, case)
        differences = tuple(_differences(case, result))
        return Ran(case, asked, result, differences, (*decisions, result))

    def _check_expected(self, case: Case) -> None:
        declared = self._declared
        rule = case.expected.rule
        tables = (*declared.rules, *declared.forbids, *declared.reviews, *declared.limits)
        if rule is not None and rule not in tables:
            raise PolicyTextError(f"the policy has no rule, forbid, review or limit `{rule}`")

    def _decide(self, simulator: Simulator, agent: Agent, case: Case) -> tuple[Json, str]:
        method, params, text = self._request(agent, case.asked, case.at)
        decided = simulator.decide(
            json.dumps(
                {
                    "agent": agent.id,
                    "at": int(case.at.timestamp() * 1000),
                    "request": {"method": method, "params": params},
                    "facts": case.facts,
                    "used": case.used,
                }
            ).encode()
        )
        result: Json = json.loads(decided)
        return result, text

    def _request(
        self, agent: Agent, asked: Words | Request, at: datetime
    ) -> tuple[str, list[Any], str]:
        if isinstance(asked, Request):
            return asked.method, asked.params, asked.method
        built = build(self._declared, agent, asked, at)
        return built.method, built.params, built.text


def _then(case: Case, at: datetime) -> Json:
    """The facts of a case as they were at another time: its prices, of that time."""
    prices = case.facts.get("prices")
    if not isinstance(prices, dict):
        return case.facts
    moment = int(at.timestamp() * 1000)
    dated = {
        asset: {**price, "at": moment} if isinstance(price, dict) else price
        for asset, price in prices.items()
    }
    return {**case.facts, "prices": dated}


def _differences(case: Case, result: Json) -> Iterator[str]:
    expected, reasons = case.expected, result["reasons"]
    if result["verdict"] != expected.verdict:
        yield f"expected {expected.verdict}, got {verdict_words(result)}"
    if expected.quorum not in (None, result.get("quorum")):
        yield f"expected quorum {expected.quorum}, got {result.get('quorum', 'none')}"
    if expected.delay not in (None, result.get("delay_ms")):
        got = duration(result["delay_ms"]) if "delay_ms" in result else "none"
        yield f"expected delay {duration(expected.delay or 0)}, got {got}"
    named = [
        each
        for each in reasons
        if expected.rule in (None, each.get("rule")) and expected.code in (None, each["code"])
    ]
    if (expected.rule or expected.code) and not named:
        wanted = " of ".join(f"`{each}`" for each in (expected.code, expected.rule) if each)
        yield f"expected a reason {wanted}, which is not among those below"
