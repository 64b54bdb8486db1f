"""The review of a policy: every finding about it, in a fixed order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.policies.review import answers, tables
from holdfast.policies.review.edit import document
from holdfast.policies.review.finding import Finding, Json, Proposals
from holdfast.policies.review.history import History


@dataclass(frozen=True)
class Report:
    """`young` names what is not as old as the span: that it was not used says nothing yet."""

    findings: tuple[Finding, ...]
    young: tuple[str, ...]


@dataclass(frozen=True)
class Loaded:
    """A policy that came into force at `at` (ms)."""

    at: int
    source: str


def review(history: History, loaded: Sequence[Loaded]) -> Report:
    """Findings about the last of the policies that were `loaded`, which `history` was read for.

    What was decided by a rule counts only from when the rule is as it stands now.
    """
    now = document(history.policy)
    rules: list[Json] = now.get("rule", [])
    past = [(each.at, document(each.source)) for each in loaded]
    since = {rule["id"]: _since(past, rule) for rule in rules}
    old = [(n, rule) for n, rule in enumerate(rules) if since[rule["id"]] <= history.from_ms]
    known = past[0][0] <= history.from_ms
    limits = list(enumerate(now.get("limit", []))) if known else []
    make = Proposals(history)
    tiers = {rule["id"]: rule["tier"] for rule in rules}
    found: list[Finding] = []
    for number, rule in enumerate(rules):
        decided = [each for each in history.decided if each.at >= since[rule["id"]]]
        seen = answers.asked(rule["id"], tiers, decided) if rule["tier"] == "approval" else []
        found += answers.answered(history.policy, number, rules, seen, make)
    found += tables.expiring(now, history, make)
    found += tables.unused(old, history, make)
    found += tables.unpaid(now, _stable(past, history.from_ms), history, make)
    found += tables.far(limits, history, make)
    young = [f"rule {rule['id']}" for rule in rules if since[rule["id"]] > history.from_ms]
    return Report(tuple(found), tuple(young if known else [*young, "every limit"]))


def _since(past: list[tuple[int, Json]], rule: Json) -> int:
    """From when on the rule has been as it is."""
    since = past[-1][0]
    for at, each in reversed(past):
        if rule not in each.get("rule", []):
            break
        since = at
    return since


def _stable(past: list[tuple[int, Json]], from_ms: int) -> set[tuple[str, str]]:
    """Entries on a list all the time since `from_ms`; none where the journal begins later."""
    before = [each for at, each in past if at <= from_ms]
    if not before:
        return set()
    stable = tables.entry_set(before[-1])
    for at, each in past:
        if at > from_ms:
            stable &= tables.entry_set(each)
    return stable
