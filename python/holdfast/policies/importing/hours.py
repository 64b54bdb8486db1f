"""Hours and days of the four systems become a schedule; what is no schedule asks a person."""

from __future__ import annotations

import re
from typing import Any

from holdfast.policies.errors import PolicyTextError
from holdfast.policies.importing.document import table, words
from holdfast.policies.importing.draft import APPROVAL
from holdfast.policies.importing.plan import Plan
from holdfast.wording import safe

# As JavaScript counts them.
_NUMBERED = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_CLOCK = re.compile(r"(\d{1,2})(?::(\d{2}))?")
_HOURS = ("allowedHours", "allowed_hours")
_DAYS = ("allowedDays", "allowed_days")
NAME = "hours"


def schedule(plan: Plan, value: Any, name: str) -> None:
    """Payments are granted while it is open. Raises PolicyTextError for hours that are none."""
    left = dict(table(value, name))
    hours = next((left.pop(each) for each in _HOURS if each in left), None)
    days = next((left.pop(each) for each in _DAYS if each in left), None)
    zone = left.pop("timezone", None)
    inner = dict(table(hours, name)) if hours is not None else {}
    zone = str(inner.pop("timezone", zone) or "UTC")
    start, end = inner.pop("start", None), inner.pop("end", None)
    if left or inner or plan.during:
        plan.at_least(APPROVAL, name, "a schedule with more than hours, days and a time zone")
        return
    keys: dict[str, Any] = {"zone": zone}
    if days is not None:
        keys["days"] = _days(days, name)
        if any(each.isdigit() for each in words(days, name)):
            plan.report.not_kept(name, "days are numbers: 0 is read as Sunday; check the days")
    if hours is not None:
        keys["hours"] = [f"{_clock(start, name)}-{_clock(end, name)}"]
        if keys["hours"][0].partition("-")[0] == keys["hours"][0].partition("-")[2]:
            raise PolicyTextError(f"`{name}` starts when it ends")
    plan.draft.add("schedule", NAME, **keys)
    plan.during = [NAME]
    open_ = " ".join([*keys.get("days", []), *keys.get("hours", []), zone])
    plan.report.kept(name, f"payments only during {open_}; at the end itself no more")


def _days(value: Any, name: str) -> list[str]:
    found = []
    for day in words(value, name):
        word = day.lower()[:3]
        if day.isdigit() and int(day) < len(_NUMBERED):
            word = _NUMBERED[int(day)]
        if word not in _NUMBERED:
            raise PolicyTextError(f"`{name}`: `{safe(day, 32)}` is no day")
        found.append(word)
    return list(dict.fromkeys(found))


def _clock(value: Any, name: str) -> str:
    match = _CLOCK.fullmatch(str(value))
    if not match:
        raise PolicyTextError(f"`{name}`: `{safe(value, 32)}` is no hour")
    return f"{int(match[1]):02}:{match[2] or '00'}"
