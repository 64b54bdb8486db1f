"""Time as people read it: moments, durations, days in a zone, hours of a schedule."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(at_ms: int) -> datetime:
    """That many milliseconds after 1970, in UTC."""
    return EPOCH + timedelta(milliseconds=at_ms)


def milliseconds(at: datetime) -> int:
    """The other way round."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def duration(text: str) -> int:
    """`90d`, `10m` in milliseconds."""
    return int(text[:-1]) * UNITS_MS[text[-1]]


@lru_cache(maxsize=100_000)
def date_there(at_ms: int, zone: str) -> date:
    """The date that a calendar in the zone shows."""
    return moment(at_ms).astimezone(ZoneInfo(zone)).date()


@lru_cache(maxsize=10_000)
def first_of(day: date, zone: str) -> int:
    """The first millisecond at which a calendar in the zone shows `day`: searched, not computed."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    low, high = milliseconds(noon - timedelta(days=2)), milliseconds(noon + timedelta(days=2))
    while high - low > 1:
        middle = (low + high) // 2
        if date_there(middle, zone) >= day:
            high = middle
        else:
            low = middle
    return high


def began(window: str, zone: str, at_ms: int) -> int:
    """When the `day`, `week` or `month` that `at_ms` is in began in the zone."""
    day = date_there(at_ms, zone)
    if window == "week":
        day -= timedelta(days=day.weekday())
    if window == "month":
        day = day.replace(day=1)
    return first_of(day, zone)


def next_begins(window: str, zone: str, at_ms: int) -> int:
    """When the next `day`, `week` or `month` begins in the zone."""
    day = date_there(began(window, zone, at_ms), zone)
    if window == "month":
        return first_of((day + timedelta(days=31)).replace(day=1), zone)
    return first_of(day + timedelta(days=7 if window == "week" else 1), zone)


def is_open(schedule: dict[str, Any], at_ms: int) -> bool:
    """Whether the clock on a wall in the zone shows hours of a day of the schedule."""
    there = moment(at_ms).astimezone(ZoneInfo(schedule["zone"]))
    now = there.time().replace(fold=0)
    today, yesterday = there.date(), there.date() - timedelta(days=1)
    for hours in schedule.get("hours", ["00:00-24:00"]):
        start, end = (_minute(text) for text in hours.split("-"))
        passes_midnight = start > end
        minute = now.hour * 60 + now.minute
        if passes_midnight and (
            (minute >= start and _begins_on(schedule, today))
            or (minute < end and _begins_on(schedule, yesterday))
        ):
            return True
        if not passes_midnight and start <= minute < end and _begins_on(schedule, today):
            return True
    return False


def _minute(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def _begins_on(schedule: dict[str, Any], day: date) -> bool:
    return day not in schedule.get("except", []) and any(
        DAYS[day.weekday()] in _days(text) for text in schedule.get("days", ["mon-sun"])
    )


def _days(text: str) -> list[str]:
    first, _, last = text.partition("-")
    at, days = DAYS.index(first), [first]
    while last and days[-1] != last:
        at = (at + 1) % 7
        days.append(DAYS[at])
    return days
