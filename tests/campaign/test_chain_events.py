"""Nodes fail and lie, fees rise, blocks are undone, daemons are killed; the chain is the truth."""

from __future__ import annotations

import pytest
from tests.campaign import chain_events


@pytest.mark.timeout(500)
def test_every_payment_ends_once_through_all_that_a_chain_can_do() -> None:
    result = chain_events.run(payments=30, seconds=30, seed=20)
    assert result["ok"], result


@pytest.mark.prove
@pytest.mark.timeout(9000)
def test_300_payments_in_half_an_hour_end_once_through_all_that_a_chain_can_do() -> None:
    result = chain_events.run(payments=300, seconds=1800, seed=7)
    assert result["ok"], result
