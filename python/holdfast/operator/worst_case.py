"""The most that one hijacked agent can move without approval, as people read it.

Pure; the core works it out (`policy_worst_case`), and every line here is safe to show.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from holdfast._core import HoldfastError, policy_worst_case
from holdfast.operator import format as fmt

CHARS_MAX = 400
UNBOUNDED, NO_LIMIT = "UNBOUNDED", "NO LIMIT"
_LOUD = {"unbounded": UNBOUNDED, "rate": NO_LIMIT}

Case = dict[str, Any]


def worst_cases(source: str, agent: str | None, now_ms: int) -> list[Case]:
    """One case for each agent of the policy, or for the one with this id, as the core gives them.

    Raises PolicyError for a policy with errors.
    """
    cases: list[Case] = json.loads(policy_worst_case(source, agent, now_ms))
    return cases


def warnings(cases: list[Case]) -> list[str]:
    """What has no limit, the gravest first: `UNBOUNDED: agent `shopper`: …`."""
    said = [
        (each["kind"], _safe(f"{_LOUD[each['kind']]}: agent `{case['agent']}`: {each['text']}"))
        for case in cases
        for each in case["warnings"]
    ]
    return [text for _, text in sorted(said, key=lambda one: list(_LOUD).index(one[0]))]


def headline(case: Case) -> str:
    """`200 USD in 1h, 200 USD in 24h, 6000 USD in 30d`, without fees."""
    spans = (f"{_usd(span['usd'])} in {span['span']}" for span in case["spans"])
    return _safe(", ".join(spans))


def rows(case: Case) -> list[tuple[str, ...]]:
    """A row for each asset, for all of them, and for fees: a name, and a figure for each span."""
    spans = case["spans"]
    named = [each["asset"] for each in spans[0]["assets"]]
    found = [("all, in USD", *(_usd(span["usd"]) for span in spans))]
    found += [
        (_safe(name), *(_asset(span["assets"][place]) for span in spans))
        for place, name in enumerate(named)
    ]
    if spans[0]["fees"]:
        found.append(("fees", *(_fee(span["fees"]) for span in spans)))
        both = [span["usd_with_fees"] for span in spans]
        found.append(("all with fees", *("-" if one is None else f"{one} USD" for one in both)))
    return found


def path(case: Case) -> Iterator[str]:
    """How the figures are reached, and what they do not say."""
    for span in case["spans"]:
        steps = list(span["usd"]["path"])
        apart = set(span["usd"]["besides"])
        steps += [
            step for each in span["assets"] if each["asset"] in apart for step in each["path"]
        ]
        if span["fees"]:
            steps += span["fees"]["path"]
        for step in steps:
            yield _safe(f"{span['span']}: {step['text']}")
    for note in case["notes"]:
        yield _safe(f"note: {note}")


def changed(old: str | None, new: str, now_ms: int) -> Iterator[str]:
    """What a new policy does to the worst case of each agent, a line an agent, warnings first.

    Without an old policy, or with one that this program cannot read, only the new one is said.
    """
    after = worst_cases(new, None, now_ms)
    try:
        known = worst_cases(old, None, now_ms) if old is not None else []
    except HoldfastError:
        known = []
    before = {case["agent"]: headline(case) for case in known}
    yield from warnings(after)
    for case in after:
        agent, now = case["agent"], headline(case)
        was = before.pop(agent, "nothing" if known else None)
        change = f"{was} -> {now}" if was not in (None, now) else now
        yield _safe(f"worst case without approval: agent `{agent}`: {change}")
    for agent, was in before.items():
        yield _safe(f"worst case without approval: agent `{agent}`: {was} -> nothing")


def _usd(figure: dict[str, Any]) -> str:
    if figure["max"] is None:
        return UNBOUNDED
    besides = figure["besides"]
    return f"{figure['max']} USD" + (f" and {', '.join(besides)}" if besides else "")


def _asset(figure: dict[str, Any]) -> str:
    amount, usd = figure["amount"], figure["usd"]
    if figure["unbounded"]:
        return UNBOUNDED
    worth = f"worth {usd} USD"
    if amount is None:
        return worth
    # A part of it is bounded by its amount, and the rest by its worth.
    return f"{amount} and {worth}" if figure["both"] else str(amount)


def _fee(figure: dict[str, Any]) -> str:
    worth = f" ({figure['usd']} USD)" if figure["usd"] is not None else ""
    return _safe(f"{figure['amount']} {figure['asset']}{worth}")


def _safe(text: str) -> str:
    return fmt.safe(text, CHARS_MAX)
