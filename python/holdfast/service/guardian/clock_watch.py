"""Holds the wall clock against the guardian's time and the chains' blocks, all the time."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from holdfast.service.chain.endpoint import EndpointDown
from holdfast.service.guardian.core import Core, Sealed
from holdfast.service.runtime.clock import TOLERANCE_MS
from holdfast.service.runtime.conditions import Condition, Conditions
from holdfast.service.runtime.logs import get_logger

if TYPE_CHECKING:
    from holdfast.service.chain.chain import Chains
    from holdfast.service.chain.witness import Witness

Json = dict[str, Any]

log = get_logger()

SOURCE = "clock"
# While a jump is not confirmed, and while all is well.
LOOK_SECONDS = 2.0
QUIET_SECONDS = 5.0
# How long the answer of `clock` waits for a chain.
ANSWER_SECONDS = 3.0
CLOSE_MS = 1_000

SET = "`holdfast clock set`"


def state_of(now_ms: int, wall_ms: int) -> str:
    """`confirmed`, `unconfirmed` or `ahead`.

    `unconfirmed` while the wall clock is ahead of the guardian's time, `ahead` while that is ahead
    of the wall clock.
    """
    apart = wall_ms - now_ms
    if abs(apart) <= TOLERANCE_MS:
        return "confirmed"
    return "unconfirmed" if apart > 0 else "ahead"


def judge(now_ms: int, wall_ms: int, *, chains: bool) -> list[Condition]:
    """What is not well. `chains`: there are endpoints whose blocks can confirm a jump."""
    state, apart = state_of(now_ms, wall_ms), span(abs(wall_ms - now_ms))
    if state == "ahead":
        text = (
            f"the guardian's time is {apart} ahead of the system's clock: deadlines follow the "
            f"stricter of the two"
        )
        step = f"correct the system's clock; if it is correct: {SET}"
        return [Condition("clock_ahead", "action", text, step)]
    if state == "confirmed":
        return []
    text = (
        f"the system's clock is {apart} ahead of the guardian's time, and no chain confirms it: "
        "limits follow the guardian's time"
    )
    if chains:
        step = f"a new block confirms it; without one, if the system's clock is correct: {SET}"
        return [Condition("clock_unconfirmed", "warning", text, step)]
    step = f"no endpoint is configured that could; if the system's clock is correct: {SET}"
    return [Condition("clock_unconfirmed", "action", text, step)]


def span(ms: int) -> str:
    """A span in its two largest units: `2 d 3 h`, `5 min 0 s`."""
    seconds = ms // 1000
    for unit, size, smaller, part in (
        ("d", 86_400, "h", 3_600),
        ("h", 3_600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if seconds >= size:
            return f"{seconds // size} {unit} {seconds % size // part} {smaller}"
    return f"{seconds} s"


class ClockWatch:
    """Records jumps, asks the chains while one is not confirmed, and says what holds."""

    def __init__(self, core: Core, conditions: Conditions, *, chains: bool) -> None:
        """`chains`: some are configured, and `take` brings them later."""
        self._core = core
        self._conditions = conditions
        self._configured = chains
        self._nodes: list[Witness] = []
        self._looked = False
        # A jump is followed to its end, not only to where it counts as none.
        self._catching_up = False
        self._news = asyncio.Event()
        core.clock.on_moved(lambda _: self._news.set())

    def take(self, chains: Chains) -> None:
        """From now on these can be asked."""
        self._nodes = [node for chain in chains.each() for node in chain.witnesses]

    def check(self) -> None:
        """Records a jump of the wall clock, and says what is not well, without asking a node."""
        clock = self._core.clock
        jump = clock.jump()
        if jump is not None:
            log.warning("the system's clock jumped", wall_ms=jump[0], expected_ms=jump[1])
            with contextlib.suppress(Sealed):
                self._core.clock_jumped(*jump)
        found = judge(clock.now_ms(), clock.wall_ms(), chains=self._configured)
        # After every ordinary start it takes a moment until a chain was asked.
        if self._configured and not self._looked:
            found = [each for each in found if each.code != "clock_unconfirmed"]
        self._conditions.put(SOURCE, found)

    async def look(self) -> None:
        """While the wall clock is ahead, asks every node for its newest block.

        It ends as soon as one confirms the clock.
        """
        unconfirmed = self._core.clock.is_unconfirmed
        self._catching_up = unconfirmed or (self._catching_up and not self._is_close())
        if self._catching_up and self._nodes:
            asked = [asyncio.create_task(_ask(node)) for node in self._nodes]
            try:
                for each in asyncio.as_completed(asked):
                    seen = await each
                    self._core.clock.confirm([] if seen is None else [seen])
                    if self._is_close():
                        break
            finally:
                for task in asked:
                    task.cancel()
                await asyncio.gather(*asked, return_exceptions=True)
            self._looked = True
        self.check()

    async def run(self) -> None:
        """Looks until cancelled."""
        while self._core.sealed is None:
            await self.look()
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS if self._catching_up else QUIET_SECONDS):
                    await self._news.wait()

    async def report(self) -> Json:
        """The answer of `clock`: `{state, now_ms, wall_ms, chains: [{chain_id, block_ms|null}]}`.

        Null for a chain that does not answer soon.
        """
        newest: dict[int, int | None] = {node.chain_id: None for node in self._nodes}
        seen = await asyncio.gather(*(_ask_soon(node) for node in self._nodes))
        for node, at in zip(self._nodes, seen, strict=True):
            known = newest[node.chain_id]
            newest[node.chain_id] = known if at is None else max(at, known or 0)
        clock = self._core.clock
        now, wall = clock.now_ms(), clock.wall_ms()
        chains = [{"chain_id": chain_id, "block_ms": at} for chain_id, at in newest.items()]
        return {"state": state_of(now, wall), "now_ms": now, "wall_ms": wall, "chains": chains}

    def _is_close(self) -> bool:
        clock = self._core.clock
        return clock.wall_ms() - clock.now_ms() <= CLOSE_MS


async def _ask_soon(node: Witness) -> int | None:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await _ask(node)
    except TimeoutError:
        return None


async def _ask(node: Witness) -> int | None:
    try:
        return await node.newest_ms()
    except EndpointDown:
        return None
