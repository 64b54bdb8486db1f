"""Holds each wallet's ledger of nonces against what its chain says, all the time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import orjson

from holdfast.service.endpoint import EndpointDown
from holdfast.service.event import kind_of, parse
from holdfast.service.nonces import PATIENCE_S, Out, Seen, judge, taken

if TYPE_CHECKING:
    from holdfast.service.chain import Chain, Chains
    from holdfast.service.conditions import Condition, Conditions
    from holdfast.service.core import Core

Json = dict[str, Any]
Pair = tuple[int, str]

# While something is out or not well, and while nothing is.
LOOK_SECONDS = 2.0
QUIET_SECONDS = 10.0
SOURCE = "nonces"
# Stays once seen, until the next start: the ledger follows the chain, so the evidence goes.
LATCHED = frozenset({"foreign_transaction"})


class NonceWatch:
    """Looks every few seconds. `refused(id)` gives our words for a node's last refusal."""

    def __init__(
        self,
        core: Core,
        chains: Chains,
        conditions: Conditions,
        wallets: Iterable[str],
        refused: Callable[[str], str],
        time: Callable[[], float] | None = None,
    ) -> None:
        self._core = core
        self._chains = chains
        self._conditions = conditions
        self._wallets = tuple(wallets)
        self._refused = refused
        self._time = time or asyncio.get_running_loop().time
        self._seen: dict[Pair, Seen] = {}
        self._since: dict[tuple[str, int | None, str | None, str], float] = {}
        self._latched: dict[tuple[str, int | None, str | None], Condition] = {}
        self._out_since: dict[str, float] = {}
        self._news = asyncio.Event()
        core.listen(self._listen)

    def close(self) -> None:
        """Follows the events no more."""
        self._core.unlisten(self._listen)

    async def run(self) -> None:
        """Looks until cancelled."""
        while self._core.sealed is None:
            await self.look()
            self._news.clear()
            pause = LOOK_SECONDS if self._since or self._out_since else QUIET_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._news.wait()
                # Something was signed: not again at once for each of many.
                await asyncio.sleep(LOOK_SECONDS / 2)

    async def look(self) -> None:
        """One look at every wallet. A node that gives no answer leaves what was known of it."""
        pairs = self._pairs()
        found = await asyncio.gather(*(self._one(*pair) for pair in pairs))
        for pair, seen in zip(pairs, found, strict=True):
            if seen is not None:
                self._seen[pair] = seen
        self._seen = {pair: seen for pair, seen in self._seen.items() if pair in set(pairs)}
        self._conditions.put(SOURCE, self._stand())

    def report(self) -> list[Json]:
        """`nonces` of `health`: `[{chain_id, wallet, mined, pending, ledger, balance: decimal, out,
        oldest_ms: n|null}]`.
        """
        now = self._time()
        rows = []
        for seen in self._seen.values():
            ages = [now - self._out_since.get(each.id, now) for each in seen.out]
            rows.append(
                {
                    "chain_id": seen.chain_id,
                    "wallet": seen.wallet,
                    "mined": seen.mined,
                    "pending": seen.pending,
                    "ledger": seen.ledger,
                    "balance": str(seen.balance),
                    "out": len(seen.out),
                    "oldest_ms": round(max(ages) * 1000) if ages else None,
                }
            )
        return rows

    def _pairs(self) -> list[Pair]:
        """Wallets on chains where they ever sent something, and those of unsettled payments."""
        guard = self._core.guard
        found: dict[Pair, None] = {}
        for chain in self._chains.each():
            for wallet in self._wallets:
                if guard.next_nonce(wallet, chain.id) is not None:
                    found[chain.id, wallet] = None
        return list(found)

    async def _one(self, chain_id: int, wallet: str) -> Seen | None:
        chain = self._chains.get(chain_id)
        if chain is None:
            return None
        try:
            mined, pending, balance = await _numbers(chain, wallet)
        except EndpointDown:
            return None
        # The ledger after the chain: what of ours was mined by then is in it.
        guard = self._core.guard
        rows = [
            Out(row[0], row[4], row[6], self._refused(row[0]))
            for row in guard.unsettled()
            if row[2] == chain_id and row[1] == wallet
        ]
        ledger = guard.next_nonce(wallet, chain_id)
        return Seen(chain_id, wallet, mined, pending, balance, ledger, tuple(rows))

    def _stand(self) -> list[Condition]:
        """What was judged and has lasted."""
        now = self._time()
        judged = [each for seen in self._seen.values() for each in judge(seen)]
        self._age(now)
        since = {}
        stand = {}
        for each in judged:
            key = (*each.place, self._subject(each))
            since[key] = self._since.get(key, now)
            if each.code in LATCHED:
                self._latched.setdefault(each.place, each)
            if now - since[key] >= PATIENCE_S.get(each.code, 0.0):
                stand[each.place] = each
        self._since = since
        return list((self._latched | stand).values())

    def _subject(self, condition: Condition) -> str:
        """What the patience is with: a wallet whose payments go through one by one is not stuck."""
        if condition.code not in ("nonce_stuck", "nonce_gap", "not_sent"):
            return ""
        seen = self._seen.get((condition.chain_id or 0, condition.wallet or ""))
        return "" if seen is None else str(seen.mined)

    def _age(self, now: float) -> None:
        """Since when each payment is out, as far as this run knows."""
        out = [each for seen in self._seen.values() for each in seen.out]
        before = self._out_since
        self._out_since = {each.id: before.get(each.id, now) for each in out}

    def _listen(self, records: list[bytes]) -> None:
        """Something is out, or another transaction proved to have used a nonce of ours."""
        for record in records:
            if kind_of(record) == b"request.signed":
                self._news.set()
            if kind_of(record) != b"request.settled":
                continue
            data = parse(record)["data"]
            view = self._core.guard.request(data["id"]) if data["outcome"] == "dropped" else None
            if view is not None:
                found = orjson.loads(view)
                condition = taken(found["chain_id"], found["wallet"], data["id"])
                self._latched[condition.place] = condition


async def _numbers(chain: Chain, wallet: str) -> tuple[int, int, int]:
    """Mined and pending nonces and the balance. Raises EndpointDown."""
    # Pending first: what is mined in between must not look as if it were foreign.
    pending = await chain.pending_nonce(wallet)
    mined, balance = await asyncio.gather(chain.mined_nonce(wallet), chain.balance(wallet))
    return mined, pending, balance
