"""Time for the core never runs backwards, and jumps of the wall clock are seen."""

from holdfast.service.clock import JUMP_MS_MAX, Clock


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


def test_time_goes_on_from_the_last_event_when_the_wall_clock_is_behind_it() -> None:
    hands = Hands()
    clock = hands.clock()
    clock.start(5_000_000)
    assert clock.now_ms() == 5_000_000
    hands.run(1_500)
    assert clock.now_ms() == 5_001_500


def test_time_is_the_wall_clocks_when_that_is_ahead_of_the_journal() -> None:
    hands = Hands()
    clock = hands.clock()
    clock.start(10)
    assert clock.now_ms() == 1_000_000


def test_a_wall_clock_that_is_set_back_does_not_move_time_and_is_reported_once() -> None:
    hands = Hands()
    clock = hands.clock()
    clock.start(0)
    assert clock.jump() is None
    hands.wall -= 2 * JUMP_MS_MAX
    assert clock.now_ms() == 1_000_000
    assert clock.jump() == (1_000_000 - 2 * JUMP_MS_MAX, 1_000_000)
    assert clock.jump() is None
    hands.wall += 4 * JUMP_MS_MAX
    assert clock.jump() == (1_000_000 + 2 * JUMP_MS_MAX, 1_000_000)


def test_a_wall_clock_behind_the_journal_at_start_is_a_jump() -> None:
    hands = Hands()
    clock = hands.clock()
    clock.start(hands.wall + JUMP_MS_MAX + 1)
    assert clock.jump() == (hands.wall, hands.wall + JUMP_MS_MAX + 1)


def test_small_drift_is_no_jump() -> None:
    hands = Hands()
    clock = hands.clock()
    clock.start(0)
    hands.wall += JUMP_MS_MAX
    assert clock.jump() is None
