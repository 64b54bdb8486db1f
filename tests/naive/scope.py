"""Matchers: which effects a table is about, and whether its amounts fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.naive.clock import duration, is_open, milliseconds
from tests.naive.effects import Ask, Effect
from tests.naive.policy import USD_PLACES, Policy, Table, units
from tests.naive.prices import worth

COSTS = ("transfer", "allowance", "swap", "deposit", "order", "debt")
AMOUNTS = (*COSTS, "revoke", "convert")
AMOUNT_KEYS = ("amount_max", "amount_above", "usd_max", "usd_above")


@dataclass
class World:
    """What surrounds a decision: the policy, both clocks, the facts, who was paid when."""

    policy: Policy
    now_ms: int
    facts: dict[str, Any]
    paid: dict[tuple[str, str, int, str], int]

    @property
    def clocks(self) -> set[int]:
        """The guardian's time, and the system's where it differs."""
        return {self.now_ms, self.facts.get("wall_ms", self.now_ms)}

    def usd(self, effect: Effect) -> int | None:
        """Micro-USD of an effect; None if its price is unknown."""
        return worth(self.policy, effect.asset, effect.amount or 0, self.facts, self.now_ms)


def concerns(table: Table, ask: Ask, effect: Effect, world: World, loosens: bool) -> bool:
    """Whether all matchers but the amounts pass.

    What loosens has to by both clocks, what makes stricter by one.
    """
    each = [_passes(table, ask, effect, world, clock) for clock in sorted(world.clocks)]
    return all(each) if loosens else any(each)


def _passes(table: Table, ask: Ask, effect: Effect, world: World, clock: int) -> bool:
    policy = world.policy
    has_amount = any(key in table for key in AMOUNT_KEYS)
    effects = table.get("effects", AMOUNTS if has_amount else None)
    assets = table.get("assets")
    return (
        ask.agent in table.get("agents", [ask.agent])
        and ask.wallet in [policy.wallets[one] for one in table.get("wallets", policy.wallets)]
        and ask.chain in table.get("chains", [ask.chain])
        and ask.method in table.get("methods", [ask.method])
        and (effects is None or effect.kind in effects)
        and (assets is None or effect.asset in policy.named(assets))
        and ("to" not in table or _on(policy, table["to"], ask, effect, clock))
        and ("entry" not in table or _is(table["entry"], ask, effect, clock))
        and not ("not_to" in table and _on(policy, table["not_to"], ask, effect, clock))
        and _in_time(policy, table, clock)
        and _payee(table, ask, effect, world)
    )


def _on(policy: Policy, names: list[str], ask: Ask, effect: Effect, clock: int) -> bool:
    return effect.to is not None and any(
        any(_is(entry, ask, effect, clock) for entry in policy.lists[name[1:]])
        if name.startswith("@")
        else name.lower() == effect.to
        for name in names
    )


def _is(entry: Table, ask: Ask, effect: Effect, clock: int) -> bool:
    return (
        entry["address"] == effect.to
        and entry["chain"] in (None, ask.chain)
        and (entry["until"] is None or clock < entry["until"])
    )


def _in_time(policy: Policy, table: Table, clock: int) -> bool:
    during, not_during = table.get("during"), table.get("not_during", [])
    return (
        (during is None or any(is_open(policy.schedules[one], clock) for one in during))
        and not any(is_open(policy.schedules[one], clock) for one in not_during)
        and ("expires" not in table or clock < milliseconds(table["expires"]))
    )


def _payee(table: Table, ask: Ask, effect: Effect, world: World) -> bool:
    for key in ("new_payee", "known_payee"):
        if key in table:
            if effect.to is None:
                return False
            last = world.paid.get((ask.agent, ask.wallet, ask.chain, effect.to))
            known = last is not None and world.now_ms < last + duration(table[key])
            if known is (key == "new_payee"):
                return False
    return True


YES, NO, UNKNOWN = "yes", "no", "unknown"


def fits(table: Table, effects: list[Effect], world: World) -> str:
    """Whether effects together are in the ranges of a table: yes, no, or unknown for a price."""
    total = sum(one.amount or 0 for one in effects)
    if "amount_max" in table or "amount_above" in table:
        places = world.policy.places(sorted(world.policy.named(table["assets"]))[0])
        if "amount_max" in table and total > units(table["amount_max"], places):
            return NO
        if "amount_above" in table and total <= units(table["amount_above"], places):
            return NO
    if "usd_max" not in table and "usd_above" not in table:
        return YES
    each = [world.usd(one) for one in effects]
    known, unsure = sum(one for one in each if one is not None), None in each
    if "usd_max" in table and known > units(table["usd_max"], USD_PLACES):
        return NO
    above = "usd_above" not in table or known > units(table["usd_above"], USD_PLACES)
    if unsure:
        return YES if above and "usd_max" not in table else UNKNOWN
    return YES if above else NO


def readings(
    table: Table, ask: Ask, effect: Effect, world: World, loosens: bool
) -> tuple[str, str]:
    """What a table makes of an effect alone, and of everything in the request it is about."""
    if not concerns(table, ask, effect, world, loosens):
        return NO, NO
    others = [one for one in ask.effects if one.kind != "fee"]
    same = [one for one in others if concerns(table, ask, one, world, loosens)]
    return fits(table, [effect], world), fits(table, same, world)
