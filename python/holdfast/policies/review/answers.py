"""Rules whose requests operators always approved, or always denied."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from holdfast._core import MEASURED_EFFECTS
from holdfast.codes import Code
from holdfast.policies.review.edit import added, removed, with_key
from holdfast.policies.review.finding import TIGHTER, Finding, Json, Proposal, Proposals
from holdfast.policies.review.history import Decision

# Fewer answers are no habit.
ANSWERS_MIN = 3
_GRANTED = {str(Code.GRANTED), str(Code.LIMIT_NOTICE)}
# Keys of a rule that say how it is granted, not what.
_HOW = frozenset(
    {"id", "tier", "delay", "quorum", "timeout", "route", "released", "return_min_percent"}
)
NO_AMOUNT = "its requests have no single amount that a milder rule could be bounded by"


@dataclass(frozen=True)
class _Largest:
    """The largest amount that was approved: `key` is `amount` or `usd`, `units` its base units."""

    key: str
    units: int
    decimals: int
    unit: str

    @property
    def value(self) -> str:
        """As a policy writes it."""
        whole, part = divmod(self.units, 10**self.decimals)
        digits = str(part).rjust(self.decimals, "0").rstrip("0")
        return f"{whole}.{digits}" if part else str(whole)


def asked(rule: str, tiers: dict[str, str], decided: list[Decision]) -> list[Decision]:
    """Requests that asked a person because of this rule and nothing else."""
    return [
        each
        for each in decided
        if each.tier == "approval"
        and each.codes <= _GRANTED
        and rule in each.rules
        and [one for one in each.rules if tiers.get(one) == "approval"] == [rule]
    ]


def answered(
    text: str, number: int, rules: list[Json], seen: list[Decision], make: Proposals
) -> Iterator[Finding]:
    """What the answers to a rule's requests suggest; `number` is its place among `rules`."""
    rule = rules[number]
    ends = [each.end for each in seen if each.end]
    if len(ends) < ANSWERS_MIN or len(set(ends)) > 1:
        return
    ids = tuple(each.id for each in seen if each.end)
    open_ = len(seen) - len(ends)
    more = f"; {open_} more had no answer" if open_ else ""
    if ends[0] == "approved":
        yield _approved(text, number, rules, [each for each in seen if each.end], more, make)
        return
    change, why = make.judged(lambda: removed(text, [("rule", number)]), *TIGHTER)
    if change is None:
        # Without this rule a milder one grants them.
        what = {key: value for key, value in rule.items() if key not in _HOW}
        forbid = {"id": f"never-{rule['id']}"[:64], **what}
        change, why = make.judged(lambda: added(text, "forbid", forbid), "tighter")
    yield Finding(
        "always_denied",
        f"rule {rule['id']}",
        f"operators denied all {len(ids)} requests that they answered{more}",
        len(ids),
        ids,
        proposal=change,
        why_none=why,
    )


def _approved(
    text: str,
    number: int,
    rules: list[Json],
    seen: list[Decision],
    more: str,
    make: Proposals,
) -> Finding:
    rule = rules[number]
    largest = _largest(rule, seen)
    change: Proposal | None = None
    why: str | None = NO_AMOUNT
    if largest is not None:
        change, why = make.judged(
            partial(_milder, text, number, rules, largest), "looser", "both", "undecided"
        )
    size = f", at most {largest.value} {largest.unit}" if largest else ""
    return Finding(
        "always_approved",
        f"rule {rule['id']}",
        f"operators approved all {len(seen)} requests that they answered{size}{more}",
        len(seen),
        tuple(each.id for each in seen),
        f"{largest.value} {largest.unit}" if largest else None,
        change,
        why,
    )


def _milder(text: str, number: int, rules: list[Json], largest: _Largest) -> str | None:
    """Up to the largest amount `notify`, above it approval as before."""
    rule = rules[number]
    top, above = f"{largest.key}_max", f"{largest.key}_above"
    taken = {each["id"] for each in rules}
    names = (f"{rule['id'][:50]}-usual{count or ''}" for count in itertools.count())
    name = next(each for each in names if each not in taken)
    new = {key: value for key, value in rule.items() if key not in ("quorum", "timeout")}
    new |= {"id": name, "tier": "notify", top: largest.value}
    if rule.get(top) == largest.value:
        # Nothing is left above it.
        without = removed(text, [("rule", number)])
        return None if without is None else added(without, "rule", new | {"id": rule["id"]})
    changed = with_key(text, ("rule", number), above, largest.value)
    return None if changed is None else added(changed, "rule", new)


def _largest(rule: Json, seen: list[Decision]) -> _Largest | None:
    """None where a request has no amount, several, or one that the rule would not compare."""
    in_usd = "usd_max" in rule or "usd_above" in rule
    assets = rule.get("assets", [])
    alone = len(assets) == 1 and not assets[0].startswith("#")
    if "amount_max" in rule or "amount_above" in rule:
        in_usd = False
    elif not alone:
        in_usd = True
    found = [
        _amount(each, set(rule["effects"]), assets[0] if alone else "", in_usd) for each in seen
    ]
    known = [each for each in found if each is not None]
    if len(known) < len(found) or not known:
        return None
    return max(known, key=lambda each: each.units)


def _amount(decision: Decision, kinds: set[str], asset: str, in_usd: bool) -> _Largest | None:
    if in_usd:
        costs = [each for each in decision.costs if each["kind"] != "fee"]
        if len(costs) != 1 or costs[0]["kind"] not in kinds or costs[0].get("usd") is None:
            return None
        return _Largest("usd", int(costs[0]["usd"]), 6, "USD")
    moved = [each for each in decision.effects if each["effect"] != "fee"]
    if len(moved) != 1 or moved[0]["effect"] not in kinds & MEASURED_EFFECTS:
        return None
    (effect,) = moved
    if effect.get("unlimited") or (effect.get("asset") or {}).get("id") != asset:
        return None
    decimals = int(effect["asset"].get("decimals") or 0)
    return _Largest("amount", int(effect["amount"]), decimals, asset)
