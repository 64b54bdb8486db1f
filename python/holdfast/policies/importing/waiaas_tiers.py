"""Tiers of WAIaaS: by name, by value, and the delay of one."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from holdfast.policies.errors import PolicyTextError
from holdfast.policies.importing.document import number, whole
from holdfast.policies.importing.draft import (
    APPROVAL,
    DELAY_S_MAX,
    DELAY_S_MIN,
    INSTANT,
    NOTIFY,
    Tier,
    listed,
    stricter,
    units,
)
from holdfast.policies.importing.plan import Plan
from holdfast.wording import safe

# The delay where none is written, in seconds.
DELAY_S = 900
USD_NAMES = ("instant_max_usd", "notify_max_usd", "delay_max_usd")
BASE_NAMES = ("instant_max", "notify_max", "delay_max")


def value_steps(
    rules: dict[str, Any],
    names: Sequence[str],
    tiers: Sequence[Tier],
    name: str,
    base_decimals: int | None = None,
) -> list[tuple[Decimal | None, Tier]]:
    """Takes the thresholds out of `rules`; above the last of them a person approves.

    They are in USD, or in base units of something with so many decimals.
    """
    found: list[tuple[Decimal | None, Tier]] = []
    last = Decimal(0)
    for key, tier in zip(names, tiers, strict=False):
        if key in rules:
            field = f"{name}.{key}"
            if base_decimals is None:
                upto = number(rules.pop(key), field)
            else:
                upto = units(whole(rules.pop(key), field), base_decimals)
            if upto < last:
                raise PolicyTextError(f"`{name}.{key}` is below the tier before it")
            found.append((upto, tier))
            last = upto
    return [*found, (None, APPROVAL)] if found else []


def intervals(
    steps: Sequence[tuple[Decimal | None, Tier]], least: Tier
) -> list[tuple[Decimal | None, Decimal | None, Tier]]:
    """(above, up to and including, tier); neighbours of one tier are one."""
    found: list[tuple[Decimal | None, Decimal | None, Tier]] = []
    above: Decimal | None = None
    for upto, step in steps:
        if upto is not None and not upto:
            continue
        tier = stricter(step, least)
        if found and found[-1][2] == tier:
            found[-1] = (found[-1][0], upto, tier)
        else:
            found.append((above, upto, tier))
        above = upto
    return found


def delay_tier(plan: Plan, value: Any, name: str) -> Tier:
    """A delay that a rule can have; a longer one becomes approval."""
    asked = DELAY_S if value is None else whole(value, name)
    if asked > DELAY_S_MAX:
        plan.report.stricter(name, f"{asked} s is longer than 24h: approval instead")
        return APPROVAL
    if asked < DELAY_S_MIN:
        plan.report.stricter(name, f"{asked} s is too short to notice: {DELAY_S_MIN} s instead")
    elif value is None:
        plan.report.kept(name, f"the default, {DELAY_S} s")
    else:
        plan.report.kept(name, f"a delay of {asked} s")
    return Tier("delay", max(asked, DELAY_S_MIN))


def named_tier(name: str, field: str) -> Tier:
    """A tier by its name there. Raises PolicyTextError."""
    tiers = {"INSTANT": INSTANT, "NOTIFY": NOTIFY, "APPROVAL": APPROVAL}
    tiers["DELAY"] = Tier("delay", DELAY_S)
    if name.upper() not in tiers:
        raise PolicyTextError(f"`{field}` names the tier `{safe(name, 32)}`: use {listed(tiers)}")
    return tiers[name.upper()]
