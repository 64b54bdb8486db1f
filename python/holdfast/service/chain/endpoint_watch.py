"""How each endpoint is, asked all the time.

One that failed is found well again, and one that is down or lags is told before it is needed.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from holdfast.service.chain.endpoint import EndpointDown
from holdfast.service.runtime.conditions import Condition

if TYPE_CHECKING:
    from holdfast.service.chain.chain import Chain, Chains
    from holdfast.service.chain.witness import Witness
    from holdfast.service.runtime.conditions import Conditions

LOOK_SECONDS = 5.0
DOWN_PATIENCE_S = 30.0
# Blocks come at another pace on each chain: one lags that is behind what others had so long ago.
LAG_PATIENCE_S = 15.0
LAG_BLOCKS = 3
STEP = "fix it, or name another in config.toml (`holdfast config apply`), and start again"

Heads = deque[tuple[float, int]]


class EndpointWatch:
    """Looks at the endpoints of all chains until cancelled."""

    def __init__(
        self, chains: Chains, conditions: Conditions, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._chains = chains
        self._conditions = conditions
        self._clock = clock
        self._heads: dict[tuple[int, str], Heads] = {}

    async def run(self) -> None:
        """Each chain apart: one whose endpoints hang holds up no other."""
        async with asyncio.TaskGroup() as group:
            for chain in self._chains.each():
                group.create_task(self._follow(chain))

    async def look(self) -> None:
        """One look at every chain."""
        await asyncio.gather(*(self._look(chain) for chain in self._chains.each()))

    async def _follow(self, chain: Chain) -> None:
        while True:
            await self._look(chain)
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self, chain: Chain) -> None:
        asked = [each for each in chain.witnesses if not each.rests]
        await asyncio.gather(*(self._head(chain, each) for each in asked))
        await chain.nonces.look_again()
        found = [self._judge(chain, each) for each in chain.witnesses]
        conditions = [each for each in found if each is not None]
        self._conditions.put(f"endpoints:{chain.id}", conditions)

    async def _head(self, chain: Chain, witness: Witness) -> None:
        with contextlib.suppress(EndpointDown):
            head = await witness.head()
            heads = self._heads.setdefault((chain.id, witness.name), deque())
            now = self._clock()
            heads.append((now, head))
            # The newest one that is old enough stays.
            while len(heads) > 1 and heads[1][0] <= now - LAG_PATIENCE_S:
                heads.popleft()

    def _judge(self, chain: Chain, witness: Witness) -> Condition | None:
        witness.lag = 0
        others = [each for each in chain.witnesses if each is not witness]
        if witness.alarm is not None:
            since = witness.down_since
            if since is None or self._clock() - since < DOWN_PATIENCE_S:
                return None
            serving = sum(each.alarm is None for each in others)
            rest = f"others that serve it: {serving}" if serving else "nothing is paid on it"
            text = f"an endpoint of chain {chain.id} is down: {witness.alarm}; {rest}"
            return _condition("endpoint_down", chain, witness, text)
        witness.lag = self._lag(chain, witness, others)
        if not witness.lag:
            return None
        text = (
            f"{witness.name} of chain {chain.id} is {witness.lag} blocks behind what another "
            f"endpoint had {LAG_PATIENCE_S:.0f} s ago"
        )
        return _condition("endpoint_lags", chain, witness, text)

    def _lag(self, chain: Chain, witness: Witness, others: list[Witness]) -> int:
        """Blocks behind what another one had a while ago; 0 for those that keep up."""
        if witness.head_seen is None:
            return 0
        then = self._clock() - LAG_PATIENCE_S
        best = 0
        for each in others:
            for at, head in self._heads.get((chain.id, each.name), ()):
                if at <= then and each.alarm is None:
                    best = max(best, head)
        behind = best - witness.head_seen
        return behind if behind > LAG_BLOCKS else 0


def _condition(code: str, chain: Chain, witness: Witness, text: str) -> Condition:
    return Condition(code, "warning", text, STEP, chain.id, None, witness.name)
