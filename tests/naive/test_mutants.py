"""The comparison is worth something: an evaluator with one small mistake is found out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.naive import clock, effects, evaluator, limits, policy, prices, scope, verdict
from tests.naive.campaign import differs

Patch = pytest.MonkeyPatch
ENOUGH = 3_000


def _window_edge(patch: Patch) -> None:
    """A window lasts a millisecond longer."""
    patch.setattr(limits, "duration", lambda text: clock.duration(text) + 1)


def _midnight(patch: Patch) -> None:
    """A day begins a millisecond late."""
    patch.setattr(limits, "began", lambda *of: clock.began(*of) + 1)


def _standard_time(patch: Patch) -> None:
    """Schedules do not know that clocks change: they go by what the zone showed in January."""
    winter_ms = 1_798_761_600_000

    def is_open(schedule: dict[str, Any], at_ms: int) -> bool:
        offset = clock.moment(winter_ms).astimezone(ZoneInfo(schedule["zone"])).utcoffset()
        assert offset is not None
        return clock.is_open(
            {**schedule, "zone": "UTC"}, at_ms + int(offset.total_seconds()) * 1000
        )

    patch.setattr(scope, "is_open", is_open)


def _exception(patch: Patch) -> None:
    """Days left out of a schedule are not."""
    patch.setattr(scope, "is_open", lambda one, at_ms: clock.is_open({**one, "except": []}, at_ms))


def _maximum(patch: Patch) -> None:
    """A maximum is one base unit more."""
    patch.setattr(scope, "units", lambda text, places: policy.units(text, places) + 1)


def _price_age(patch: Patch) -> None:
    """A price is fresh for a millisecond less."""
    patch.setattr(prices, "duration", lambda text: clock.duration(text) - 1)


def _future(patch: Patch) -> None:
    """A price may be a millisecond further ahead."""
    patch.setattr(prices, "FUTURE_MS", 60_001)


def _rounding(patch: Patch) -> None:
    """A value is rounded up a micro-USD too far."""

    def worth(*of: Any) -> int | None:
        found = prices.worth(*of)
        return found + 1 if found else found

    patch.setattr(scope, "worth", worth)


def _alone(patch: Patch) -> None:
    """Amounts are not compared in sum."""

    def readings(*of: Any) -> tuple[str, str]:
        alone, _ = scope.readings(*of)
        return alone, alone

    patch.setattr(evaluator, "readings", readings)


def _one_clock(patch: Patch) -> None:
    """Matchers go by the guardian's time alone."""
    patch.setattr(scope.World, "clocks", property(lambda world: {world.now_ms}))


def _lived(patch: Patch) -> None:
    """A signed payment may be collected for a second less."""
    patch.setattr(evaluator, "HOUR_MS", 3_599_000)


def _grace(patch: Patch) -> None:
    """Rights end when they say, not ten minutes later."""
    patch.setattr(limits, "GRACE_MS", 0)


def _replaced(patch: Patch) -> None:
    """An approval does not replace the one before it."""
    patch.setattr(limits.Windows, "end_rights", lambda *of: None)


def _times(patch: Patch) -> None:
    """Equal payments of one request count once."""
    patch.setattr(
        effects,
        "replace",
        lambda one, amount, times: effects.Effect(
            one.kind, one.to, one.asset, amount, 1, one.until_ms, one.sets
        ),
    )


def _timeout(patch: Patch) -> None:
    """Of two approvals the longer timeout wins."""
    patch.setattr(verdict, "min", max, raising=False)


def _trust(patch: Patch) -> None:
    """A payee is known for a millisecond longer."""
    patch.setattr(scope, "duration", lambda text: clock.duration(text) + 1)


def _names(patch: Patch) -> None:
    """A reason names the mildest rule."""
    patch.setattr(evaluator, "max", min, raising=False)


def _cap(patch: Patch) -> None:
    """The cap of a month is 31 days."""
    source = policy.Policy._caps_of_windows

    def caps(one: policy.Policy) -> list[policy.Table]:
        return [{**cap, "window": cap["window"].replace("30d", "31d")} for cap in source(one)]

    patch.setattr(policy.Policy, "_caps_of_windows", caps)


MISTAKES: tuple[Callable[[Patch], None], ...] = (
    _window_edge,
    _midnight,
    _standard_time,
    _exception,
    _maximum,
    _price_age,
    _future,
    _rounding,
    _alone,
    _one_clock,
    _lived,
    _grace,
    _replaced,
    _times,
    _timeout,
    _trust,
    _names,
    _cap,
)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: one.__name__.strip("_"))
def test_a_second_evaluator_with_one_mistake_is_found_out(
    mistake: Callable[[Patch], None], monkeypatch: Patch
) -> None:
    mistake(monkeypatch)

    assert any(differs(seed) for seed in _seeds())


def _seeds() -> Iterator[int]:
    return (seed for seed, _ in zip(count(), range(ENOUGH), strict=False))
