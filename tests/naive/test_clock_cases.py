"""Moments that are easy to get wrong, written out by hand, for both evaluators."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from tests.naive.clock import began, is_open, milliseconds
from tests.naive.compare import Decides, core, naive
from tests.naive.world import PAYEES, TOKENS, WALLETS, Raw, Table, toml

HEAD: dict[str, list[Table]] = {
    "chain": [
        {
            "id": 31337,
            "name": "local",
            "gas_max": 21_000,
            "fee_per_gas_max": "1 wei",
            "priority_fee_per_gas_max": "1 wei",
        }
    ],
    "wallet": [{"id": "treasury", "address": WALLETS["treasury"]}],
    "agent": [{"id": "shopper", "wallets": ["treasury"], "chain": 31337}],
    "asset": [
        {
            "id": "usdc",
            "chain": 31337,
            "address": TOKENS["usdc"][1],
            "decimals": 6,
            "symbol": "USDC",
            "price_usd": "1",
        }
    ],
}
OPEN: Table = {"id": "open", "effects": ["transfer"], "tier": "instant"}
BOTH = pytest.mark.parametrize("evaluator", [core, naive], ids=["core", "naive"])
BERLIN, NEW_YORK, SYDNEY = "Europe/Berlin", "America/New_York", "Australia/Sydney"

# zone, hours, a moment in UTC, whether the schedule is open then
HOURS = [
    # Clocks go from 02:00 to 03:00: the hour between does not exist.
    (BERLIN, "02:00-03:00", "2027-03-28T00:59:59.999Z", False),
    (BERLIN, "02:00-03:00", "2027-03-28T01:00:00Z", False),
    (BERLIN, "01:00-03:30", "2027-03-28T01:00:00Z", True),
    (BERLIN, "01:00-03:30", "2027-03-28T01:30:00Z", False),
    # Clocks go from 03:00 to 02:00: both hours count.
    (BERLIN, "02:00-03:00", "2027-10-31T00:00:00Z", True),
    (BERLIN, "02:00-03:00", "2027-10-31T01:59:59.999Z", True),
    (BERLIN, "02:00-03:00", "2027-10-31T02:00:00Z", False),
    (NEW_YORK, "02:00-03:00", "2027-03-14T06:59:59.999Z", False),
    (NEW_YORK, "02:00-03:00", "2027-03-14T07:00:00Z", False),
    (NEW_YORK, "01:30-02:00", "2027-11-07T05:30:00Z", True),
    (NEW_YORK, "01:30-02:00", "2027-11-07T06:00:00Z", False),
    (NEW_YORK, "01:30-02:00", "2027-11-07T06:30:00Z", True),
    # In the south the clocks go back in April, and forward in October.
    (SYDNEY, "02:00-03:00", "2027-04-03T15:59:59.999Z", True),
    (SYDNEY, "02:00-03:00", "2027-04-03T16:00:00Z", True),
    (SYDNEY, "02:00-03:00", "2027-04-03T17:00:00Z", False),
    (SYDNEY, "02:00-03:00", "2027-10-02T15:59:59.999Z", False),
    (SYDNEY, "03:00-04:00", "2027-10-02T16:00:00Z", True),
    # Clocks that change by half an hour, and zones beside the hour.
    ("Australia/Lord_Howe", "02:00-02:30", "2027-10-02T15:30:00Z", False),
    ("Australia/Lord_Howe", "02:30-03:00", "2027-10-02T15:30:00Z", True),
    ("Asia/Kathmandu", "09:00-10:00", "2027-01-04T03:15:00Z", True),
    ("Asia/Kathmandu", "09:00-10:00", "2027-01-04T03:14:59.999Z", False),
    # Edges of the day.
    ("UTC", "22:00-06:00", "2027-01-04T05:59:59.999Z", True),
    ("UTC", "22:00-06:00", "2027-01-04T06:00:00Z", False),
    ("UTC", "18:00-24:00", "2027-01-04T23:59:59.999Z", True),
    ("UTC", "18:00-24:00", "2027-01-05T00:00:00Z", False),
]

# days, hours, a date left out, a moment in UTC, whether it is open
DAYS = [
    ("fri", "22:00-06:00", None, "2028-02-26T05:59:59.999Z", True),  # Saturday's morning
    ("fri", "22:00-06:00", None, "2028-02-25T05:00:00Z", False),
    ("fri-mon", "00:00-24:00", None, "2028-02-28T12:00:00Z", True),
    ("fri-mon", "00:00-24:00", None, "2028-02-29T00:00:00Z", False),
    ("tue", "00:00-24:00", None, "2028-02-29T12:00:00Z", True),
    ("tue", "00:00-24:00", "2028-02-29", "2028-02-29T12:00:00Z", False),
    ("tue", "22:00-06:00", "2028-02-29", "2028-03-01T01:00:00Z", False),
    ("tue", "22:00-06:00", "2028-03-01", "2028-03-01T01:00:00Z", True),
]

# window, zone, when something was paid, when it is asked, whether it still counts
WINDOWS = [
    ("24h", None, "2027-03-27T12:00:00Z", "2027-03-28T11:59:59.999Z", True),
    ("24h", None, "2027-03-27T12:00:00Z", "2027-03-28T12:00:00Z", False),
    ("day", BERLIN, "2027-03-27T22:59:59.999Z", "2027-03-27T23:00:00Z", False),
    ("day", BERLIN, "2027-03-27T23:00:00Z", "2027-03-28T21:59:59.999Z", True),  # 23 hours
    ("day", BERLIN, "2027-03-27T23:00:00Z", "2027-03-28T22:00:00Z", False),
    ("day", BERLIN, "2027-10-30T22:00:00Z", "2027-10-31T22:59:59.999Z", True),  # 25 hours
    ("day", BERLIN, "2027-10-30T22:00:00Z", "2027-10-31T23:00:00Z", False),
    ("day", NEW_YORK, "2027-03-14T05:00:00Z", "2027-03-15T03:59:59.999Z", True),
    ("day", NEW_YORK, "2027-03-14T05:00:00Z", "2027-03-15T04:00:00Z", False),
    ("day", NEW_YORK, "2027-11-07T04:00:00Z", "2027-11-08T04:59:59.999Z", True),
    ("day", NEW_YORK, "2027-11-07T04:00:00Z", "2027-11-08T05:00:00Z", False),
    ("day", SYDNEY, "2027-04-03T13:00:00Z", "2027-04-04T13:59:59.999Z", True),
    ("day", SYDNEY, "2027-04-03T13:00:00Z", "2027-04-04T14:00:00Z", False),
    ("day", SYDNEY, "2027-10-02T14:00:00Z", "2027-10-03T12:59:59.999Z", True),
    ("day", SYDNEY, "2027-10-02T14:00:00Z", "2027-10-03T13:00:00Z", False),
    # In Havana midnight is skipped in spring and comes twice in autumn.
    ("day", "America/Havana", "2027-03-14T04:59:59.999Z", "2027-03-14T05:00:00Z", False),
    ("day", "America/Havana", "2027-11-07T04:00:00Z", "2027-11-07T05:00:00Z", True),
    ("day", "America/Havana", "2027-11-07T03:59:59.999Z", "2027-11-07T04:00:00Z", False),
    ("week", BERLIN, "2027-03-21T22:59:59.999Z", "2027-03-21T23:00:00Z", False),
    ("week", BERLIN, "2027-03-21T23:00:00Z", "2027-03-28T21:59:59.999Z", True),
    ("week", BERLIN, "2027-03-21T23:00:00Z", "2027-03-28T22:00:00Z", False),
    ("month", "UTC", "2028-02-01T00:00:00Z", "2028-02-29T23:59:59.999Z", True),
    ("month", "UTC", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z", False),
    ("month", "UTC", "2027-02-28T23:59:59.999Z", "2027-03-01T00:00:00Z", False),
    ("month", NEW_YORK, "2027-11-01T04:00:00Z", "2027-12-01T04:59:59.999Z", True),
    ("month", NEW_YORK, "2027-11-01T04:00:00Z", "2027-12-01T05:00:00Z", False),
    ("month", SYDNEY, "2026-12-31T13:00:00Z", "2027-01-31T12:59:59.999Z", True),
    ("month", SYDNEY, "2026-12-31T13:00:00Z", "2027-01-31T13:00:00Z", False),
    ("lifetime", None, "2027-01-01T00:00:00Z", "2029-01-01T00:00:00Z", True),
]


def _ms(text: str) -> int:
    return milliseconds(datetime.fromisoformat(text))


def _pay(at_ms: int) -> Table:
    data = f"0xa9059cbb{int(PAYEES[0], 16):064x}{1_000_000:064x}"
    call = {"to": TOKENS["usdc"][1], "data": data}
    request = {"method": "eth_sendTransaction", "params": [call]}
    return {"agent": "shopper", "at": at_ms, "request": request}


def _verdict(decides: Decides, at_ms: int) -> Any:
    return decides(_pay(at_ms))["verdict"]


@BOTH
@pytest.mark.parametrize(("zone", "hours", "at", "wanted"), HOURS)
def test_hours_are_those_that_clocks_in_the_zone_show(
    evaluator: Any, zone: str, hours: str, at: str, wanted: bool
) -> None:
    schedule = {"id": "hours", "zone": zone, "hours": [hours]}
    rule = {**OPEN, "during": ["hours"]}
    decides = evaluator(toml({**HEAD, "schedule": [schedule], "rule": [rule]}))

    assert is_open(schedule, _ms(at)) is wanted
    assert _verdict(decides, _ms(at)) == ("instant" if wanted else "deny")


@BOTH
@pytest.mark.parametrize(("days", "hours", "left_out", "at", "wanted"), DAYS)
def test_hours_past_midnight_belong_to_the_day_on_which_they_began(
    evaluator: Any, days: str, hours: str, left_out: str | None, at: str, wanted: bool
) -> None:
    schedule: Table = {"id": "days", "zone": "UTC", "days": [days], "hours": [hours]}
    if left_out is not None:
        schedule["except"] = [Raw(left_out)]
    rule = {**OPEN, "during": ["days"]}
    decides = evaluator(toml({**HEAD, "schedule": [schedule], "rule": [rule]}))

    assert _verdict(decides, _ms(at)) == ("instant" if wanted else "deny")


@BOTH
@pytest.mark.parametrize(("window", "zone", "paid", "asked", "counts"), WINDOWS)
def test_what_was_paid_counts_until_its_window_is_over(
    evaluator: Any, window: str, zone: str | None, paid: str, asked: str, counts: bool
) -> None:
    limit: Table = {
        "id": "one",
        "per": "agent",
        "measure": "count",
        "max": 1,
        "window": window,
        "on_exceed": "deny",
    }
    if zone is not None:
        limit["zone"] = zone
        assert (began(window, zone, _ms(asked)) <= _ms(paid)) is counts
    decides = evaluator(toml({**HEAD, "rule": [OPEN], "limit": [limit]}))

    assert _verdict(decides, _ms(paid)) == "instant"
    assert _verdict(decides, _ms(asked)) == ("deny" if counts else "instant")


@BOTH
@pytest.mark.parametrize("back_ms", [1, 3_600_000, 172_800_000])
def test_a_clock_that_jumps_back_makes_no_room(evaluator: Any, back_ms: int) -> None:
    limit: Table = {"id": "one", "per": "agent", "measure": "count", "max": 1, "window": "24h"}
    limit["on_exceed"] = "deny"
    decides = evaluator(toml({**HEAD, "rule": [OPEN], "limit": [limit]}))
    paid_ms = _ms("2027-03-28T12:00:00Z")

    assert _verdict(decides, paid_ms) == "instant"
    assert _verdict(decides, paid_ms - back_ms) == "deny"
    assert _verdict(decides, paid_ms + 86_399_999) == "deny"
    assert _verdict(decides, paid_ms + 86_400_000) == "instant"
