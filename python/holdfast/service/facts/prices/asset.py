"""An asset whose price is looked up: what its sources said, and what an operator has to know."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from holdfast.service.facts.prices.source import Source

# How long a price or a source may be gone before it is an alarm.
QUIET_MS_MAX = 5 * 60_000
NEVER_MS = 1 << 62

Json = dict[str, Any]


@dataclass(slots=True)
class Asset:
    """An asset that has sources.

    `known` is the core's word, `quiet` since when it says that there is no price, `since` when the
    policy began to ask for one.
    """

    id: str
    sources: list[Source] = field(default_factory=list)
    quiet: int = 0
    since: int = 0
    known: bool = False
    is_missing: bool = False
    # Of the policy in force; no chain where that does not register the asset.
    chain_id: int | None = None
    pinned: bool = False
    age_ms_max: int = 0
    sources_min: int = 1

    @property
    def is_wanted(self) -> bool:
        """Whether the prices of its sources are used at all."""
        return self.chain_id is not None and not self.pinned

    def see(self, *, known: bool, now: int) -> None:
        """Takes the core's word."""
        self.known = known
        if known:
            self.quiet = now
        # After a sleep of the machine it is not missing before the next look.
        looking = any(each.looking for each in self.sources)
        self.is_missing = now - self.quiet > QUIET_MS_MAX and (self.is_missing or not looking)

    def quotes(self, now: int) -> list[tuple[str, int]]:
        """What its sources said.

        Nothing where less of them are independent than the policy asks for. A price that jumped
        counts beside that of another, independent source only.
        """
        fresh = (each for each in self.sources if each.is_fresh(now, self.age_ms_max))
        witnesses = len({each.settings.witness for each in fresh})
        if 0 < witnesses < self.sources_min:
            return []
        said = (source for source in self.sources if source.atto)
        return [each.quote() for each in said if witnesses > 1 or not each.doubted]

    def changes_after(self, now: int) -> int:
        """Until when `quotes` stay as they are, unless a source says something new.

        Then one of them is too old to count as a witness.
        """
        ages = (each.at for each in self.sources if each.is_fresh(now, self.age_ms_max))
        return min(ages, default=NEVER_MS) + self.age_ms_max

    @property
    def independent(self) -> int:
        """How many of its sources do not rest on the word of the same node."""
        return len({each.settings.witness for each in self.sources})


def alarms_of(asset: Asset, now: int) -> list[Json]:
    """What is wrong with one asset: no price at all, or less than all of its sources."""
    if asset.chain_id is None:
        text = f"config.toml has a price for `{asset.id}`, which the policy does not register"
        return [_alarm(asset, None, "price_unused", text)]
    if asset.pinned:
        return []
    found = [
        _alarm(
            asset, each, "price_jump", f"{asset.id}: {each.settings.name}: {each.words_of_jump()}"
        )
        for each in asset.sources
        if each.doubted
    ]
    if asset.is_missing:
        minutes = (now - asset.quiet) // 60_000
        why = "; ".join(f"{each.settings.name}: {_why(asset, each, now)}" for each in asset.sources)
        text = f"{asset.id} has had no price for {minutes} minutes: {why}"
        return [_alarm(asset, None, "price_stale", text), *found]
    for each in asset.sources:
        if _is_down(asset, each, now):
            text = f"{asset.id} is priced without {each.settings.name}: {_why(asset, each, now)}"
            found.append(_alarm(asset, each, "price_source_down", text))
    return found


def _is_down(asset: Asset, source: Source, now: int) -> bool:
    """Whether it failed for a while, or has said nothing new for too long."""
    if source.fault:
        quiet = now - max(source.asked, asset.since)
        return quiet > QUIET_MS_MAX + source.settings.every_seconds * 1000
    return not source.is_fresh(now - QUIET_MS_MAX, asset.age_ms_max)


def _why(asset: Asset, source: Source, now: int) -> str:
    if source.fault:
        return source.fault
    if not source.is_fresh(now, asset.age_ms_max):
        return f"its price is {(now - source.at) // 60_000} minutes old"
    if asset.independent < asset.sources_min:
        return (
            f"answers, but the policy asks for {asset.sources_min} sources, and all feeds of a"
            " chain count as one: a single node reads them"
        )
    return "it jumped" if source.doubted else "answers"


def _alarm(asset: Asset, source: Source | None, code: str, text: str) -> Json:
    name = None if source is None else source.settings.name
    return {"asset": asset.id, "source": name, "code": code, "text": text}
