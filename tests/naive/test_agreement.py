"""What a policy says is decided twice, by the core and by a second evaluator, always alike."""

from __future__ import annotations

import os

import pytest
from tests.naive.campaign import differing, kept, report
from tests.naive.compare import difference
from tests.naive.world import Table

TRIPLES = int(os.environ.get("NAIVE_TRIPLES", "1000000"))
FIRST_SEED = int(os.environ.get("NAIVE_SEED", "0"))
SHORT_TRIPLES = 12_000


def test_two_evaluators_decide_thousands_of_requests_alike() -> None:
    seeds = differing(SHORT_TRIPLES, 1, first_seed=10**9)

    assert not seeds, report(seeds)


@pytest.mark.prove
@pytest.mark.timeout(0)
def test_two_evaluators_decide_a_million_requests_alike() -> None:
    seeds = differing(TRIPLES, os.cpu_count() or 1, FIRST_SEED)

    assert not seeds, report(seeds)


@pytest.mark.parametrize(
    ("source", "cases"), [pytest.param(*rest, id=name) for name, *rest in kept()]
)
def test_stories_that_once_differed_are_decided_alike(source: str, cases: list[Table]) -> None:
    assert difference(source, cases) is None
