"""What is known of prices, for the facts of every decision.

A task of its own looks at each source of `[[price]]`, by default once a minute. A request never
waits for that: it is decided by what was said last, and how old that may be is the policy's word
(`price_max_age`). Which price counts is the core's: here is only what the sources said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import orjson

from holdfast._core import Event, Facts
from holdfast.service.chain.endpoint import EndpointDown
from holdfast.service.chain.node import FindNode
from holdfast.service.facts.code import NO_FACTS
from holdfast.service.facts.prices.asset import NEVER_MS, Asset, alarms_of
from holdfast.service.facts.prices.feed import read_feed
from holdfast.service.facts.prices.number import NoPrice, price_at
from holdfast.service.facts.prices.settings import PriceSettings
from holdfast.service.facts.prices.source import Source
from holdfast.service.facts.prices.url import read_document
from holdfast.service.guardian.core import Core
from holdfast.service.runtime.logs import get_logger

log = get_logger()

# After a look that failed: a source that comes back should not cost a minute.
RETRY_MS = 10_000
# How soon it is noticed that the guardian's clock went on.
STEP_SECONDS = 0.25
AT_ONCE_MAX = 8  # of one chain
SOURCE_SECONDS_MAX = 10.0
ALARMS_MAX = 20

NO_NODE = "there is no node of that chain"
POLICY_LOADED = "policy.loaded"

Json = dict[str, Any]


class PriceFacts:
    """Looks, remembers, and says what it knows."""

    def __init__(self, core: Core, node: FindNode, settings: Sequence[PriceSettings]) -> None:
        """`node(chain_id)` gives the node of a chain, None while there is none."""
        self._core = core
        self._node = node
        self._assets: dict[str, Asset] = {}
        for each in settings:
            asset = self._assets.setdefault(each.asset, Asset(each.asset))
            asset.sources.append(Source(each))
        # With the last ms for which they are these.
        self._facts: dict[int, tuple[Facts, int]] = {}
        self._alarms: list[Json] = []
        self._wake = asyncio.Event()
        self._at_once: dict[int, asyncio.Semaphore] = {}
        self._looks: set[asyncio.Task[None]] = set()

    def of_chain(self, chain_id: int) -> Facts:
        """The prices of the chain's assets; none where none of them has a source.

        The same object until they change.
        """
        now = self._now()
        facts, last = self._facts.get(chain_id, (NO_FACTS, -1))
        if now > last:
            wanted = [
                each
                for each in self._assets.values()
                if each.is_wanted and each.chain_id == chain_id
            ]
            known = {each.id: each.quotes(now) for each in wanted}
            facts = Facts(prices=known) if known else NO_FACTS
            last = min((each.changes_after(now) for each in wanted), default=NEVER_MS)
            self._facts[chain_id] = facts, last
        return facts

    @property
    def is_empty(self) -> bool:
        """Whether there is no source at all."""
        return not self._assets

    async def of_request(self, chain_id: int) -> Facts:
        """The facts by which a request is decided again.

        After a start it waits for the first look at each source, or it would end for want of it.
        """
        first = [
            self._look(asset, source)
            for asset in self._assets.values()
            if asset.is_wanted and asset.chain_id == chain_id and not asset.known
            for source in asset.sources
            if not source.looked
        ]
        await asyncio.gather(*first)
        return self.of_chain(chain_id)

    def alarms(self) -> list[Json]:
        """`[{"asset", "source", "code", "text"}]` for the health push.

        The last entry counts what is left out.
        """
        shown = self._alarms[:ALARMS_MAX]
        if left := len(self._alarms) - len(shown):
            text = f"and {left} more problems with prices"
            shown.append({"asset": None, "source": None, "code": "more", "text": text})
        return shown

    def report(self) -> list[Json]:
        """Every registered asset, what it is worth to the core now, and what each source said."""
        now = self._now()
        told: list[Json] = []
        for each in self._believed(now):
            asset = self._assets.get(each["asset"])
            sources = [] if asset is None else asset.sources
            told.append({**each, "sources": [_told(source, now) for source in sources]})
        return told

    def wake(self) -> None:
        """Looks now at whatever has no price yet: the nodes are there."""
        for asset in self._assets.values():
            for source in asset.sources:
                if not source.atto:
                    source.due = 0
        self._wake.set()

    def moved(self, by: int) -> None:
        """The clock moved: what was asked is as old as before.

        What a feed says of its price's age is the chain's word.
        """
        for asset in self._assets.values():
            asset.quiet += by
            asset.since += by
            for source in asset.sources:
                source.moved(by)
        self._facts.clear()
        self._wake.set()

    async def run(self) -> None:
        """Looks until cancelled."""
        if not self._assets:
            return
        self._core.listen(self._listen)
        self.take_policy()
        try:
            while self._core.sealed is None:
                now = self._now()
                self._begin_looks(now)
                # Whether a price that jumped has company is a matter of time.
                if any(source.doubted for each in self._assets.values() for source in each.sources):
                    self._facts.clear()
                self._raise_alarms(now)
                self._wake.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(STEP_SECONDS):
                        await self._wake.wait()
        finally:
            self._core.unlisten(self._listen)
            for task in self._looks:
                task.cancel()
            await asyncio.gather(*self._looks, return_exceptions=True)

    def _now(self) -> int:
        return self._core.clock.now_ms()

    def _listen(self, events: list[Event]) -> None:
        if any(event.kind == POLICY_LOADED for event in events):
            self.take_policy()
            self._wake.set()

    def take_policy(self) -> None:
        """How the policy in force wants prices; what sources said stays known.

        `run` follows later ones.
        """
        now = self._now()
        wanted = {
            each["asset"]: each for each in orjson.loads(self._core.guard.prices(NO_FACTS, now))
        }
        for asset in self._assets.values():
            was = asset.is_wanted
            told = wanted.get(asset.id)
            asset.chain_id = None if told is None else int(told["chain_id"])
            asset.pinned = told is not None and bool(told["pinned"])
            asset.age_ms_max = 0 if told is None else int(told["price_age_ms_max"])
            asset.sources_min = 1 if told is None else int(told["price_sources_min"])
            if not was:
                asset.quiet = asset.since = now
        self._facts.clear()

    def _begin_looks(self, now: int) -> None:
        for asset in self._assets.values():
            for source in asset.sources:
                if asset.is_wanted and source.due <= now and not source.looking:
                    source.looking = True
                    task = asyncio.create_task(self._look(asset, source), name="price")
                    self._looks.add(task)
                    task.add_done_callback(self._looks.discard)

    async def _look(self, asset: Asset, source: Source) -> None:
        place = source.settings.chain
        async with self._at_once.setdefault(place, asyncio.Semaphore(AT_ONCE_MAX)):
            asked = self._now()
            source.due = asked + source.settings.every_seconds * 1000
            try:
                async with asyncio.timeout(SOURCE_SECONDS_MAX):
                    atto, at = await self._read(source.settings, asked)
            except EndpointDown as error:
                self._failed(source, error.text, asked)
            except NoPrice as error:
                self._failed(source, str(error), asked)
            except TimeoutError:
                self._failed(source, "it took too long", asked)
            else:
                # An answer may come after that to a later question.
                if asked >= source.asked:
                    source.take(atto, at, asked, asset.age_ms_max)
                    self._facts.clear()
            finally:
                source.looking = False
                self._wake.set()
            source.looked = source.fault != NO_NODE

    async def _read(self, settings: PriceSettings, asked: int) -> tuple[int, int]:
        if not settings.feed:
            return price_at(await read_document(settings), settings.value), asked
        node = self._node(settings.chain)
        if node is None:
            raise NoPrice(NO_NODE)
        return await read_feed(node, settings.feed, asked)

    def _failed(self, source: Source, why: str, asked: int) -> None:
        """What it said before stays, as old as it is."""
        if source.fault != why:
            log.warning(
                "no price", asset=source.settings.asset, source=source.settings.name, why=why
            )
        source.fault = why
        source.due = min(source.due, asked + RETRY_MS)

    def _believed(self, now: int) -> list[Json]:
        """The core's word on every asset, by what all sources said."""
        known = {each.id: each.quotes(now) for each in self._assets.values() if each.is_wanted}
        told: list[Json] = orjson.loads(self._core.guard.prices(Facts(prices=known), now))
        return told

    def _raise_alarms(self, now: int) -> None:
        believed = {each["asset"]: each["price_usd"] for each in self._believed(now)}
        found: list[Json] = []
        for asset in self._assets.values():
            asset.see(known=believed.get(asset.id) is not None, now=now)
            found += alarms_of(asset, now)
        for each in found:
            if all(_place(each) != _place(other) for other in self._alarms):
                log.warning("price", alarm=each["code"], asset=each["asset"], text=each["text"])
        self._alarms = found


def _place(alarm: Json) -> tuple[object, ...]:
    return alarm["asset"], alarm["source"], alarm["code"]


def _told(source: Source, now: int) -> Json:
    return {
        "source": source.settings.name,
        "usd": source.quote()[0] if source.atto else None,
        "at": source.at if source.atto else None,
        "age_ms": max(0, now - source.at) if source.atto else None,
        "doubted": source.doubted,
        "fault": source.fault,
    }
