"""The daemon is killed at random moments while agents pay; the chain is the truth."""

from __future__ import annotations

import pytest
from tests.campaign import crash


@pytest.mark.timeout(400)
def test_eight_crashes_pay_nothing_twice_and_lose_nothing() -> None:
    result = crash.run(kills=8, seed=20)
    assert result["ok"], result


@pytest.mark.prove
@pytest.mark.timeout(3000)
def test_a_hundred_crashes_pay_nothing_twice_and_lose_nothing() -> None:
    result = crash.run(kills=100, seed=7)
    assert result["ok"], result
