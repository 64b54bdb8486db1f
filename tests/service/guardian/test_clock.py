"""Time for the core begins at the journal's end and goes on with what passes.

The wall clock moves it forward only as far as a chain confirms.
"""

import itertools

import pytest

from holdfast.service.guardian.clock_watch import judge, span, state_of
from holdfast.service.runtime.clock import TOLERANCE_MS, Clock, believed

DAY = 86_400_000


class Hands:
    """A wall clock and a stopwatch that the test turns."""

    def __init__(self) -> None:
        self.wall = 1_000_000
        self.elapsed = 500

    def clock(self) -> Clock:
        return Clock(lambda: self.wall, lambda: self.elapsed)

    def run(self, ms: int) -> None:
        self.wall += ms
        self.elapsed += ms


@pytest.mark.parametrize(
    ("elapsed", "wall", "seen", "now"),
    [
        (0, DAY, [], DAY),
        (10, DAY, [], DAY + 10),
        (10, 0, [], DAY + 10),
        (0, DAY + TOLERANCE_MS, [], DAY),
        (0, 3 * DAY, [], DAY),
        (0, 3 * DAY, [3 * DAY - 12_000], 3 * DAY),
        (0, 3 * DAY, [4 * DAY], 3 * DAY),
        (0, 3 * DAY, [2 * DAY], 2 * DAY + TOLERANCE_MS),
        (0, 3 * DAY, [0], DAY),
        (0, 3 * DAY, [0, 2 * DAY, 1], 2 * DAY + TOLERANCE_MS),
        (5, 3 * DAY, [0], DAY + 5),
    ],
)
def test_the_wall_clock_counts_as_far_as_a_block_confirms_it(
    elapsed: int, wall: int, seen: list[int], now: int
) -> None:
    assert believed(DAY, elapsed, wall, seen) == now


def test_time_never_runs_backwards_and_never_beyond_what_is_confirmed() -> None:
    times = [0, 1, TOLERANCE_MS, DAY - 1, DAY, DAY + TOLERANCE_MS + 1, 2 * DAY]
    blocks = [(), *itertools.product(times), *itertools.product(times, times)]
    for last_at, elapsed, wall in itertools.product(times, times, times):
        own = last_at + elapsed
        for seen in blocks:
            now = believed(last_at, elapsed, wall, seen)
            assert now >= own
            confirmed = min(wall, max(seen) + TOLERANCE_MS) if seen else own
            assert now <= max(own, confirmed)
            # Asked again, or with less seen, it is never more.
            assert believed(now, 0, wall, seen) == now
            assert believed(last_at, elapsed, wall, seen[1:]) <= now


def test_time_goes_on_from_the_last_event_when_the_wall_clock_is_behind_it() -> None:
    hands = Hands()
    clock = hands.clock()
    clock.start(5_000_000)
    assert clock.now_ms() == 5_000_000
    hands.run(1_500)
    assert clock.now_ms() == 5_001_500


def test_a_wall_clock_that_is_far_ahead_of_the_journal_is_not_believed() -> None:
    hands = Hands()
    hands.wall = 3 * DAY
    clock = hands.clock()
    clock.start(DAY)
    hands.run(1_500)
    assert clock.now_ms() == DAY + 1_500
    clock.confirm([2 * DAY])
    assert clock.now_ms() == 2 * DAY + TOLERANCE_MS
    clock.confirm([3 * DAY])
    assert clock.now_ms() == hands.wall


def test_a_guardian_that_was_hardly_away_believes_the_wall_clock() -> None:
    hands = Hands()
    clock = hands.clock()
    clock.start(hands.wall - TOLERANCE_MS)
    assert clock.now_ms() == hands.wall
    clock.start(hands.wall - TOLERANCE_MS - 1)
    assert clock.now_ms() == hands.wall - TOLERANCE_MS - 1


def test_an_operators_word_is_followed_back_and_forth_and_told() -> None:
    hands = Hands()
    clock = hands.clock()
    clock.start(hands.wall + 2 * DAY)
    assert clock.jump() == (hands.wall, hands.wall + 2 * DAY)
    moved: list[int] = []
    clock.on_moved(moved.append)
    clock.set(hands.wall)
    assert clock.now_ms() == hands.wall
    assert clock.jump() is None
    clock.set(hands.wall + DAY)
    assert moved == [-2 * DAY, DAY]
    hands.run(5)
    assert clock.jump() is None
    hands.wall -= DAY
    assert clock.jump() is not None


def test_a_wall_clock_that_is_set_back_does_not_move_time_and_is_reported_once() -> None:
    hands = Hands()
    clock = hands.clock()
    clock.start(hands.wall)
    assert clock.jump() is None
    hands.wall -= 2 * TOLERANCE_MS
    assert clock.now_ms() == 1_000_000
    assert clock.jump() == (1_000_000 - 2 * TOLERANCE_MS, 1_000_000)
    assert clock.jump() is None
    hands.wall += 4 * TOLERANCE_MS
    assert clock.jump() == (1_000_000 + 2 * TOLERANCE_MS, 1_000_000)


def test_a_wall_clock_behind_the_journal_at_start_is_a_jump() -> None:
    hands = Hands()
    clock = hands.clock()
    clock.start(hands.wall + TOLERANCE_MS + 1)
    assert clock.jump() == (hands.wall, hands.wall + TOLERANCE_MS + 1)


def test_small_drift_is_no_jump() -> None:
    hands = Hands()
    clock = hands.clock()
    clock.start(hands.wall)
    hands.wall += TOLERANCE_MS
    assert clock.jump() is None


@pytest.mark.parametrize(
    ("ahead", "chains", "code", "severity", "words"),
    [
        (0, True, None, None, ""),
        (TOLERANCE_MS, True, None, None, ""),
        (-TOLERANCE_MS, True, None, None, ""),
        (2 * DAY, True, "clock_ahead", "action", "2 d 0 h"),
        (2 * DAY, False, "clock_ahead", "action", "2 d 0 h"),
        (-TOLERANCE_MS - 1, True, "clock_unconfirmed", "warning", "1 min 0 s"),
        (-90 * 60_000, False, "clock_unconfirmed", "action", "1 h 30 min"),
    ],
)
def test_clocks_that_are_apart_are_a_condition(
    ahead: int, chains: bool, code: str | None, severity: str | None, words: str
) -> None:
    found = judge(10 * DAY + ahead, 10 * DAY, chains=chains)
    assert [each.code for each in found] == ([] if code is None else [code])
    for each in found:
        assert (each.severity, words in each.text) == (severity, True)
        assert "holdfast clock set" in each.step


def test_states_and_spans_in_words() -> None:
    assert state_of(0, 0) == "confirmed"
    assert state_of(0, DAY) == "unconfirmed"
    assert state_of(DAY, 0) == "ahead"
    assert [span(ms) for ms in (0, 59_999, 61_000, 3_600_000, 90_000_000)] == [
        "0 s",
        "59 s",
        "1 min 1 s",
        "1 h 0 min",
        "1 d 1 h",
    ]
