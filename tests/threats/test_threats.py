"""Every way a policy could be got around meets its verdict, in the core, on the command line and on
an agent's socket, for the reason that was meant.
"""

from __future__ import annotations

import asyncio
import functools
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.threats import Book, Case, Expected, Row
from tests.support.threats_socket import by_socket
from tests.support.threats_ways import Outcome, by_cli, by_core

ROOT = Path(__file__).parents[2]
BOOK = Book()
SOUND = [case for case in BOOK.cases if case.fault is None]
ROWS = {"A": 32, "B": 28, "C": 12, "D": 20, "E": 20, "F": 23, "G": 10}
CASES_MIN = 350

WAYS: dict[str, Callable[[Book, str], dict[str, Outcome]]] = {
    "core": by_core,
    "cli": by_cli,
    "socket": lambda book, policy: asyncio.run(by_socket(book, policy)),
}


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


def cases_by_way() -> Iterator[object]:
    """Every case in each way. One with a fault must fail until the fault is mended, unless the
    socket gives another answer anyway.
    """
    for way in WAYS:
        for case in BOOK.cases:
            fault = None if way == "socket" and case.socket else case.fault
            marks = [pytest.mark.xfail(strict=True, reason=fault)] if fault else []
            yield pytest.param(way, case, id=f"{way}-{case.id}", marks=marks)


def by_id(case: Case) -> str:
    return case.id


@pytest.mark.parametrize(("way", "case"), cases_by_way())
def test_each_threat_meets_its_verdict_for_its_reason(way: str, case: Case) -> None:
    outcome = outcomes(way, strict=False)[case.id]
    other = case.socket if way == "socket" else None
    if not case.is_active:
        assert outcome.verdict in ("approval", "deny")
        return
    meets(other or case.expected, outcome)
    if other is not None:
        return
    assert not set(case.absent) & set(outcome.codes)
    assert not outcome.detail or outcome.detail in case.details
    assert outcome.detail or not case.details
    if case.effects is not None and outcome.effects is not None:
        assert outcome.effects == case.effects
    if outcome.warnings is not None:
        assert set(case.warnings) <= set(outcome.warnings)
    if outcome.reserves is not None:
        assert case.reserves.items() <= outcome.reserves.items()
    if case.party is not None and outcome.effects and "opaque" not in outcome.codes:
        assert case.party in {effect.split(" ")[3] for effect in outcome.effects}


@pytest.mark.parametrize("case", SOUND, ids=by_id)
def test_without_rules_that_ask_a_person_it_is_denied_in_all_three_ways(case: Case) -> None:
    for way in WAYS:
        outcome = outcomes(way, strict=True)[case.id]
        if way == "socket" and case.socket is not None:
            continue
        if case.is_active:
            meets(case.strict, outcome)
        else:
            assert outcome.verdict == "deny"


def meets(expected: Expected, outcome: Outcome) -> None:
    """No codes mean any."""
    assert outcome.verdict == expected.verdict, outcome
    assert not expected.codes or set(expected.codes) & set(outcome.decisive), outcome


@pytest.mark.parametrize("strict", [False, True], ids=["asking", "strict"])
@pytest.mark.parametrize("case", BOOK.cases, ids=by_id)
def test_the_three_ways_say_the_same(case: Case, strict: bool) -> None:
    core, cli, socket = (outcomes(way, strict=strict)[case.id] for way in WAYS)
    assert said(core, case) == said(cli, case)
    if core.effects is not None and cli.effects is not None:
        assert core.effects == cli.effects
    if case.socket is None:
        assert said(socket, case) == said(core, case)
        effects = (socket.effects, socket.warnings, socket.reserves)
        assert effects == (core.effects, core.warnings, core.reserves)


def said(outcome: Outcome, case: Case) -> tuple[object, ...]:
    """Which of several details is found first may depend on the way."""
    detail = outcome.detail if len(case.details) < 2 else None
    return outcome.verdict, outcome.codes, detail


@pytest.mark.parametrize("way", ["core", "socket"])
def test_a_waiting_document_is_one_request_however_its_chain_is_spelled(way: str) -> None:
    found = outcomes(way, strict=False)
    spelled = [each for each in found if each.startswith("B16-chain-of-a-waiting-one-spelled-")]
    assert len(spelled) == 3
    assert len({found[each].request_id for each in spelled}) == 1


@pytest.mark.parametrize("way", WAYS)
def test_nothing_passes_at_once_that_must_not(way: str) -> None:
    for strict in (False, True):
        found = outcomes(way, strict=strict)
        passed = {each for each, outcome in found.items() if outcome.verdict == "instant"}
        meant = {case.id for case in SOUND if case.expected.verdict == "instant"}
        known = {case.id for case in BOOK.cases if case.fault is not None}
        assert not passed - meant - known


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
