"""What is true of every policy, on the stories of the comparison: decided by the core alone."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from tests.naive.compare import Decides, Story, core, story
from tests.naive.policies import Tables, forbid, limit, review
from tests.naive.verdict import LADDER
from tests.naive.world import Table, toml

ASKED = {"verdict": "approval", "numbers": (None, 1, None)}
STORIES = range(2 * 10**9, 2 * 10**9 + 400)


def test_the_order_of_tables_and_of_their_keys_never_matters() -> None:
    for seed, told in _stories():
        dice = Random(seed)
        plain, mixed = core(toml(told.tables)), core(toml(_mixed(dice, told.tables)))
        for one in told.cases:
            assert plain(one) == mixed(one), seed


def test_a_forbid_a_review_or_a_limit_more_never_makes_a_verdict_milder() -> None:
    for seed, told in _stories():
        dice = Random(seed)
        known = [one["id"] for one in told.tables["asset"]]
        kind = dice.choice(("forbid", "review", "limit"))
        made: dict[str, Table] = {
            "forbid": forbid(dice, 99, known, told.cases[0]["at"]),
            "review": review(dice, 99, known, told.cases[0]["at"]),
            "limit": limit(dice, 99, known),
        }
        more = {**told.tables, kind: [*told.tables[kind], made[kind]]}
        _never_milder(seed, told, core(toml(told.tables)), core(toml(more)))


def test_without_a_price_nothing_passes_without_a_person_that_would_not_with_it() -> None:
    for seed, told in _stories():
        dice = Random(seed)
        with_it, without = core(toml(told.tables)), core(toml(told.tables))
        for one in told.cases:
            prices = dict(one.get("facts", {}).get("prices", {}))
            if prices:
                del prices[dice.choice([*prices])]
            old = with_it(one)
            new = without({**one, "facts": {**one.get("facts", {}), "prices": prices}})
            # A limit in USD that is passed may deny; one that cannot be judged asks a person. One
            # that only notifies says nothing then.
            if not any(code == "limit_notice" for code, _ in old["reasons"]):
                assert _strictness(new) >= min(_strictness(old), _strictness(ASKED)), seed
            if old != new:
                break  # from here on their histories differ


def _never_milder(seed: int, told: Story, before: Decides, after: Decides) -> None:
    for one in told.cases:
        old, new = before(one), after(one)
        assert _strictness(new) >= _strictness(old), seed
        if (old["verdict"] == "deny") != (new["verdict"] == "deny"):
            break  # from here on their histories differ


def _strictness(answer: dict[str, Any]) -> tuple[int, int, int]:
    delay_ms, quorum, _ = answer["numbers"]
    return LADDER.index(answer["verdict"]), delay_ms or 0, quorum or 0


def _stories() -> Iterator[tuple[int, Story]]:
    return ((seed, story(seed)) for seed in STORIES)


def _mixed(dice: Random, tables: Tables) -> Tables:
    kinds = dice.sample(list(tables.items()), len(tables))
    return {
        kind: [_with_mixed_keys(dice, table) for table in dice.sample(each, len(each))]
        for kind, each in kinds
    }


def _with_mixed_keys(dice: Random, table: Table) -> Table:
    entries = table.get("entry", [])
    mixed = {**table, "entry": dice.sample(entries, len(entries))}
    return {key: mixed[key] for key in dice.sample(list(mixed), len(mixed))}
