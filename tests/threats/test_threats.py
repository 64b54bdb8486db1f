"""Every way a policy could be got around meets its verdict.

In the core, on the command line and on an agent's socket, for the reason that was meant.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.threats import Book, Case, Row
from tests.support.threats_adapters import Outcome, by_cli, by_core
from tests.support.threats_socket import by_socket

ROOT = Path(__file__).parents[2]
BOOK = Book()
ROWS = {"A": 32, "B": 28, "C": 12, "D": 20, "E": 20, "F": 23, "G": 10}
CASES_MIN = 350

WAYS: dict[str, Callable[[Book, str], dict[str, Outcome]]] = {
    "core": by_core,
    "cli": by_cli,
    "socket": lambda book, policy: asyncio.run(by_socket(book, policy)),
}
# Asking and strict.
POLICIES = (False, True)


@functools.cache
def asked_once(way: str, strict: bool) -> dict[str, Outcome] | str:
    """What became of every case, or why this way cannot be gone."""
    try:
        return WAYS[way](BOOK, BOOK.policy(strict=strict))
    except Exception:  # noqa: BLE001 - every test tells it, and none tries again
        return traceback.format_exc(limit=-4)


def outcomes(way: str, *, strict: bool) -> dict[str, Outcome]:
    """What became of every case."""
    found = asked_once(way, strict)
    if isinstance(found, str):
        pytest.fail(found, pytrace=False)
    return found


@pytest.mark.parametrize("case", BOOK.cases, ids=lambda case: case.id)
def test_each_threat_meets_its_verdict_for_its_reason(case: Case) -> None:
    for way, strict in itertools.product(WAYS, POLICIES):
        outcome = outcomes(way, strict=strict)[case.id]
        expected = case.expects(way, strict=strict)
        seen = (way, "strict" if strict else "asking", outcome)
        assert outcome.verdict == expected.verdict, seen
        assert outcome.decisive == expected.codes, seen
        if outcome.detail is not None:
            assert outcome.detail in case.details, seen
        if outcome.effects is not None:
            assert outcome.effects == case.effects, seen
        if outcome.warnings is not None:
            assert set(case.warnings) <= set(outcome.warnings), seen
        if outcome.reserves is not None and expected.verdict != "deny":
            assert case.reserves.items() <= outcome.reserves.items(), seen


@pytest.mark.parametrize("case", BOOK.cases, ids=lambda case: case.id)
def test_the_three_ways_say_the_same(case: Case) -> None:
    for strict in POLICIES:
        core, cli, socket = (outcomes(way, strict=strict)[case.id] for way in WAYS)
        cut = any(each.is_cut for each in (core, cli, socket))
        assert said(core, case, cut=cut) == said(cli, case, cut=cut)
        if case.socket is None:
            assert said(socket, case, cut=cut) == said(core, case, cut=cut)
            if not cut:
                assert (socket.warnings, socket.reserves) == (core.warnings, core.reserves)


def said(outcome: Outcome, case: Case, *, cut: bool) -> tuple[object, ...]:
    """Which of several details is found first may depend on the way.

    Of a record that was `cut` the first code is left.
    """
    detail = outcome.detail if len(case.details) < 2 else None
    return outcome.verdict, outcome.codes[:1] if cut else outcome.codes, detail


@pytest.mark.parametrize("way", ["core", "socket"])
def test_a_waiting_document_is_one_request_however_its_chain_is_spelled(way: str) -> None:
    found = outcomes(way, strict=False)
    spelled = [each for each in found if each.startswith("B16-chain-of-a-waiting-one-spelled-")]
    assert len(spelled) == 3
    assert len({found[each].request_id for each in spelled}) == 1


@pytest.mark.parametrize("way", ["core", "socket"])
def test_every_other_case_is_a_request_of_its_own(way: str) -> None:
    asked: dict[str, str] = {}
    for case, outcome in outcomes(way, strict=False).items():
        if outcome.request_id is not None and not case.startswith("B16-chain-of-a-waiting-one-"):
            assert asked.setdefault(outcome.request_id, case) == case


def test_there_are_many_cases_and_no_two_have_the_same_name() -> None:
    assert len(BOOK.cases) >= CASES_MIN
    assert len({case.id for case in BOOK.cases}) == len(BOOK.cases)


def test_every_row_of_the_list_is_here_and_every_case_has_its_row() -> None:
    rows = [row.id for row in BOOK.rows]
    assert rows == [f"{name}{n:02}" for name, count in ROWS.items() for n in range(1, count + 1)]
    assert {case.row for case in BOOK.cases} <= set(rows)


@pytest.mark.parametrize("row", BOOK.rows, ids=lambda row: row.id)
def test_each_row_is_shown_by_its_cases_or_tested_elsewhere(row: Row) -> None:
    cases = [case for case in BOOK.cases if case.row == row.id]
    assert cases or row.elsewhere
    for place in row.elsewhere:
        file, name = place.split("::")
        assert name in (ROOT / file).read_text(), place
    if cases:
        verdicts = {case.expected.verdict for case in cases}
        for right in row.right:
            assert row.MEANS[right] <= verdicts, right
    for selector in row.selectors:
        assert any(selector in case.request.params for case in cases), selector
