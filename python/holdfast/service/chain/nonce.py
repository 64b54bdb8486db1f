"""Which nonce a wallet has on its chain, by the word of its nodes.

One node may hold a payment up. It cannot move the ledger: a number above it counts only where two
nodes say at least so much.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.service.chain.endpoint import EndpointDown
from holdfast.service.chain.nonces import WHICH_IS_RIGHT
from holdfast.service.runtime.conditions import Condition

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from holdfast.service.chain.chain import Chain
    from holdfast.service.chain.witness import Witness

FACTS_SECONDS = 1.0


class NodesDisagree(EndpointDown):
    """The nodes of a chain contradict each other: wait until they do not."""


@dataclass(frozen=True, slots=True)
class Nonce:
    """The next nonce. `proved`: two nodes say that at least so many transactions were mined."""

    number: int
    proved: bool = False


class ChainNonce:
    """Of one chain. What is found counts for a second."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._cache: dict[tuple[str, bool], tuple[float, int]] = {}
        self._disputed: set[str] = set()

    async def of(self, wallet: str, ledger: int | None) -> Nonce:
        """The next nonce by what is mined, for a wallet whose ledger would give out `ledger`.

        Our own ledger knows what of ours is in the pool. The pool counts for a wallet it never saw.
        Raises NodesDisagree, EndpointDown.
        """
        if ledger is None:
            return Nonce(await self._cached(wallet, True, self._unseen))
        said = await self._cached(wallet, False, self._chain.mined_nonce)
        if said <= ledger:
            return Nonce(said)
        told = await self._told(lambda each: each.mined_nonce(wallet))
        counts = sorted(told.values(), reverse=True)
        if len(counts) < 2:
            return Nonce(said)
        # The most that two of them say.
        most, second = counts[0], counts[1]
        if second > ledger:
            return Nonce(second, proved=True)
        # Where two of three know of nothing, or none does any more, no payment is held up.
        return Nonce(second if len(counts) > 2 else most)

    def is_known(self, wallet: str, ledger: int | None) -> bool:
        """Whether `of` has an answer without a question to a node."""
        at, number = self._cache.get((wallet, ledger is None), (None, 0))
        fresh = at is not None and time.monotonic() - at < FACTS_SECONDS
        return fresh and (ledger is None or number <= ledger)

    async def look_again(self) -> None:
        """At the wallets about which the nodes disagreed: the caller may have given up."""
        for wallet in list(self._disputed):
            try:
                await self._unseen(wallet)
            except EndpointDown:
                continue

    async def _cached(self, wallet: str, unseen: bool, ask: Callable[[str], Awaitable[int]]) -> int:
        at, known = self._cache.get((wallet, unseen), (None, 0))
        if at is not None and time.monotonic() - at < FACTS_SECONDS:
            return known
        found = await ask(wallet)
        self._cache[wallet, unseen] = (time.monotonic(), found)
        return found

    async def _unseen(self, wallet: str) -> int:
        """Nothing but the nodes knows this wallet: all that answer say the same, or it waits."""
        told = await self._told(lambda each: each.pending_nonce(wallet))
        if not told:
            # For its words: why there is no answer.
            return await self._chain.first.pending_nonce(wallet)
        source = f"first nonce:{self._chain.id}:{wallet}"
        if len(set(told.values())) == 1:
            self._disputed.discard(wallet)
            self._chain.conditions.put(source, [])
            return next(iter(told.values()))
        self._disputed.add(wallet)
        words = ", ".join(f"{name} says {number}" for name, number in told.items())
        text = f"the first nonce of wallet {wallet} on chain {self._chain.id} is not clear: {words}"
        condition = Condition(
            "nodes_disagree",
            "critical",
            f"{text}. Its payments wait",
            WHICH_IS_RIGHT,
            self._chain.id,
            wallet,
            "first nonce",
        )
        self._chain.conditions.put(source, [condition])
        raise NodesDisagree(text, not_sent=True)

    async def _told(self, ask: Callable[[Witness], Awaitable[int]]) -> dict[str, int]:
        """What each node says that answers, by its name."""
        asked = self._chain.awake()
        found = await asyncio.gather(*(_or_none(ask(each)) for each in asked))
        return {
            each.name: number
            for each, number in zip(asked, found, strict=True)
            if number is not None
        }


async def _or_none(asked: Awaitable[int]) -> int | None:
    try:
        return await asked
    except EndpointDown:
        return None
