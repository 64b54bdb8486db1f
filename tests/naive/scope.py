"""Matchers: which effects a table is about, and whether its amounts fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
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

    def by_one_clock(self) -> World:
        """The same where the system's clock is not looked at: limits go by the guardian's time."""
        facts = {key: value for key, value in self.facts.items() if key != "wall_ms"}
        return replace(self, facts=facts)

    @property
    def clocks(self) -> set[int]:
        """The guardian's time, and the system's where it differs."""
        return {self.now_ms, self.facts.get("wall_ms", self.now_ms)}

    def usd(self, effect: Effect) -> int | None:
        """Micro-USD of an effect; None if its price is unknown."""
        return worth(self.policy, effect.asset, effect.amount or 0, self.facts, self.now_ms)


def concerns(table: Table, ask: Ask, effect: Effect, world: World, loosens: bool) -> bool:
    """Whether all matchers but the amounts pass.

    What depends on the time has to by both clocks in a rule, by one of them in all other tables.
    """
    clocks = sorted(world.clocks)
    counts = all if loosens else any
    return _always(table, ask, effect, world.policy) and all(
        counts(passes(clock) for clock in clocks) for passes in _in_time(table, ask, effect, world)
    )


def _always(table: Table, ask: Ask, effect: Effect, policy: Policy) -> bool:
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
    )


def _in_time(table: Table, ask: Ask, effect: Effect, world: World) -> list[Callable[[int], bool]]:
    """The matchers of a table that depend on the time."""
    policy = world.policy
    found: list[Callable[[int], bool]] = []
    if "to" in table:
        found.append(lambda clock: _on(policy, table["to"], ask, effect, clock))
    if "not_to" in table:
        found.append(lambda clock: not _on(policy, table["not_to"], ask, effect, clock))
    if "during" in table:
        found.append(lambda clock: _open(policy, table["during"], clock))
    if "not_during" in table:
        found.append(lambda clock: not _open(policy, table["not_during"], clock))
    if "expires" in table:
        found.append(lambda clock: clock < milliseconds(table["expires"]))
    if "new_payee" in table:
        found.append(lambda clock: not _known(table["new_payee"], ask, effect, world, clock))
    if "known_payee" in table:
        found.append(lambda clock: _known(table["known_payee"], ask, effect, world, clock))
    if "deadline_within" in table:
        found.append(lambda clock: _within(table["deadline_within"], effect, clock))
    if "deadline_beyond" in table:
        found.append(lambda clock: not _within(table["deadline_beyond"], effect, clock))
    return found


def _within(life: str, effect: Effect, clock: int) -> bool:
    """Whether it cannot be used later. What a document takes back, it takes back for good."""
    until_ms = None if effect.kind == "revoke" else effect.until_ms
    return until_ms is not None and until_ms <= clock + duration(life)


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


def _open(policy: Policy, names: list[str], clock: int) -> bool:
    return any(is_open(policy.schedules[one], clock) for one in names)


def _known(trust: str, ask: Ask, effect: Effect, world: World, clock: int) -> bool:
    last = world.paid.get((ask.agent, ask.wallet, ask.chain, effect.to or ""))
    return last is not None and clock < last + duration(trust)


YES, NO, UNKNOWN = "yes", "no", "unknown"


def fits(table: Table, effects: list[Effect], world: World) -> str:
    """Whether effects together are in the ranges of a table: yes, no, or unknown for a price."""
    total = sum(one.amount or 0 for one in effects)
    if "amount_max" in table or "amount_above" in table:
        places = world.policy.places(min(world.policy.named(table["assets"])))
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
