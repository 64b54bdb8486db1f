"""Windows: what counts already, what a request adds, and what happens when it is too much.

Every payment is kept for ever and all are added up for every question.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from tests.naive.clock import began, duration, next_begins
from tests.naive.effects import Ask, Effect
from tests.naive.policy import USD_PLACES, Policy, Table, units
from tests.naive.scope import COSTS, World, concerns

CALENDAR = ("day", "week", "month")
STANDING = ("transfer", "allowance", "order")
GRACE_MS = 600_000
Right = tuple[str, int, str | None, str | None]  # wallet, chain, asset, who may take it


@dataclass(frozen=True)
class Spent:
    """Something that counts under a key of a limit. `party` is of limits on recipients."""

    at_ms: int
    amount: int
    party: str | None = None
    until_ms: int | None = None
    right: Right | None = None
    handed_in_until_ms: int = 0  # a signed permit can still reach the chain until then


@dataclass
class Windows:
    """All that was ever counted, by limit and key."""

    policy: Policy
    spent: dict[tuple[str, str], list[Spent]] = field(default_factory=dict)

    def used(self, limit: Table, key: str, now_ms: int, more: Sequence[Spent] = ()) -> int:
        """What counts now, or would with more."""
        if limit["measure"] == "recipients":
            return len(self.parties(limit, key, now_ms, more))
        return sum(one.amount for one in [*self._counted(limit, key, now_ms), *more])

    def parties(self, limit: Table, key: str, now_ms: int, more: Sequence[Spent] = ()) -> set[str]:
        """The recipients that count now, or would with more."""
        counted = [*self._counted(limit, key, now_ms), *more]
        return {one.party for one in counted if one.party is not None}

    def room_at(
        self, limit: Table, key: str, most: int, more: Sequence[Spent], now_ms: int
    ) -> int | None:
        """When more will fit: each moment at which something leaves is tried."""
        window, spent = limit["window"], self.spent.get((limit["id"], key), [])
        if window in CALENDAR:
            leave = {next_begins(window, limit["zone"], now_ms)}
        elif window == "standing":
            leave = {one.until_ms + GRACE_MS for one in spent if one.until_ms is not None}
        else:
            leave = {one.at_ms + duration(window) for one in spent if window != "lifetime"}
        for at_ms in sorted(leave):
            if at_ms > now_ms and self.used(limit, key, at_ms, more) <= most:
                return at_ms
        return None

    def count(self, limit: Table, key: str, added: list[Spent]) -> None:
        """Keeps what was not denied."""
        self.spent.setdefault((limit["id"], key), []).extend(added)

    def end_rights(self, right: Right, now_ms: int) -> None:
        """An approval or revocation that was mined ends what was allowed before it."""
        for key, all_of_it in self.spent.items():
            self.spent[key] = [one for one in all_of_it if not _ended(one, right, now_ms)]

    def _counted(self, limit: Table, key: str, now_ms: int) -> Iterator[Spent]:
        window = limit["window"]
        for one in self.spent.get((limit["id"], key), []):
            if window == "standing":
                counts = one.until_ms is None or now_ms < one.until_ms + GRACE_MS
            elif window == "lifetime":
                counts = True
            elif window in CALENDAR:
                counts = one.at_ms >= began(window, limit.get("zone", "UTC"), now_ms)
            else:
                counts = now_ms < one.at_ms + duration(window)
            if counts:
                yield one


def _ended(one: Spent, right: Right, now_ms: int) -> bool:
    over = one.handed_in_until_ms == 0 or now_ms >= one.handed_in_until_ms + GRACE_MS
    return one.right == right and over


def maximum(policy: Policy, limit: Table) -> int:
    """The `max` of a limit in what it counts."""
    if limit["measure"] in ("count", "recipients"):
        return int(limit["max"])
    if limit["measure"] == "usd":
        return units(limit["max"], USD_PLACES)
    return units(limit["max"], policy.places(min(policy.named(limit["assets"]))))


def added_by(limit: Table, ask: Ask, world: World) -> tuple[dict[str, list[Spent]], bool]:
    """By key what a request adds to a limit, and whether a price of it is unknown."""
    found: dict[str, list[Spent]] = {}
    unsure = False
    world = world.by_one_clock()
    for effect in ask.effects:
        key = _key(limit, ask, effect)
        if key is None or not _counts(limit, ask, effect, world):
            continue
        spent = _spent(limit, ask, effect, world)
        unsure = unsure or spent is None
        if spent is not None:
            found.setdefault(key, []).append(spent)
    return {key: each for key, each in found.items() if any(one.amount > 0 for one in each)}, unsure


def _counts(limit: Table, ask: Ask, effect: Effect, world: World) -> bool:
    standing = limit["window"] == "standing"
    if standing and effect.kind == "transfer" and not ask.document:
        return False
    kinds = limit.get("effects", STANDING if standing else (*COSTS, "fee"))
    return effect.kind in kinds and concerns(limit, ask, effect, world, loosens=False)


def _key(limit: Table, ask: Ask, effect: Effect) -> str | None:
    if limit["per"] == "agent":
        return f"agent:{ask.agent}"
    if limit["per"] == "wallet":
        return f"wallet:{ask.wallet}"
    if limit["per"] == "recipient":
        return f"recipient:{ask.chain}:{effect.to}" if effect.to else None
    return "global"


def _spent(limit: Table, ask: Ask, effect: Effect, world: World) -> Spent | None:
    one = Spent(world.now_ms, 0)
    if limit["window"] == "standing":
        paid = effect.kind == "transfer"
        one = Spent(
            world.now_ms,
            0,
            until_ms=effect.until_ms if paid else None,
            right=None if paid else (ask.wallet, ask.chain, effect.asset, effect.to),
            handed_in_until_ms=0 if paid else effect.until_ms or 0,
        )
    if limit["measure"] == "count":
        return replace(one, amount=0 if effect.kind == "fee" else effect.times)
    if limit["measure"] == "recipients":
        party = f"{ask.chain}:{effect.to}" if effect.to else None
        return replace(one, amount=1 if party else 0, party=party)
    worth = world.usd(effect) if limit["measure"] == "usd" else effect.amount or 0
    return None if worth is None else replace(one, amount=worth)
