"""Holds each wallet's ledger of nonces against what its chain says, all the time."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from holdfast._core import Event
from holdfast.service.chain.endpoint import EndpointDown
from holdfast.service.chain.nonces import (
    DOUBTED,
    PATIENCE_S,
    Out,
    Seen,
    doubted,
    judge_all,
    taken,
)
from holdfast.service.runtime.event import parse

if TYPE_CHECKING:
    from holdfast.service.chain.chain import Chain, Chains
    from holdfast.service.chain.witness import Witness
    from holdfast.service.guardian.core import Core
    from holdfast.service.runtime.conditions import Condition, Conditions, Place

Json = dict[str, Any]
Pair = tuple[int, str]
# Chain, wallet and nonce of a payment, while its nonce is known.
Spot = tuple[int, str, int | None]

# While something is out or not well, and while nothing is.
LOOK_SECONDS = 2.0
QUIET_SECONDS = 10.0
SOURCE = "nonces"
# Stays once seen, until the next start: the ledger follows the chain, so the evidence goes. Of more
# than so many the newest.
PROVED_MAX = 32
# How long an end that one node alone claims is shown.
DOUBTED_SECONDS = 600.0
LATCHED = frozenset({"foreign_transaction"})


class NonceWatch:
    """Looks every few seconds, at what each node of a chain says.

    `refused(id)` gives our words for a node's last refusal.
    """

    def __init__(
        self,
        core: Core,
        chains: Chains,
        conditions: Conditions,
        wallets: Iterable[str],
        refused: Callable[[str], str],
        time: Callable[[], float] | None = None,
        counted: Callable[[int, str, int], None] | None = None,
        *,
        agents_alone: bool = False,
    ) -> None:
        """`counted(chain_id, wallet, mined)` is called with what each look finds mined.

        With `agents_alone` the guardian sends nothing that it gave to an agent, whatever the rules
        say.
        """
        self._agents_alone = agents_alone
        self._counted = counted
        self._core = core
        self._chains = chains
        self._conditions = conditions
        self._wallets = tuple(wallets)
        self._refused = refused
        self._time = time or asyncio.get_running_loop().time
        self._seen: dict[Pair, Seen] = {}
        self._since: dict[Pair, dict[Place, tuple[float, float]]] = {}
        self._held: dict[Pair, list[Condition]] = {}
        self._proved: deque[Condition] = deque(maxlen=PROVED_MAX)
        self._doubted: deque[tuple[float, Condition]] = deque(maxlen=PROVED_MAX)
        self._out_since: dict[Pair, dict[str, float]] = {}
        # Of what is out: the guard may have forgotten it when its end becomes known.
        self._spots: dict[str, Spot] = {}
        self._news = {chain.id: asyncio.Event() for chain in chains.each()}
        core.listen(self._listen)

    def close(self) -> None:
        """Follows the events no more."""
        self._core.unlisten(self._listen)

    async def run(self) -> None:
        """Looks at each chain apart until cancelled: one whose node hangs holds up no other."""
        async with asyncio.TaskGroup() as group:
            for chain in self._chains.each():
                group.create_task(self._follow(chain))

    async def look(self) -> None:
        """One look at every chain."""
        await asyncio.gather(*(self._look(chain) for chain in self._chains.each()))

    async def _follow(self, chain: Chain) -> None:
        news = self._news[chain.id]
        while self._core.sealed is None:
            await self._look(chain)
            news.clear()
            mine = [pair for pair in self._seen if pair[0] == chain.id]
            busy = any(self._since[pair] or self._seen[pair].out for pair in mine)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS if busy else QUIET_SECONDS):
                    await news.wait()
                # Something was signed: not again at once for each of many.
                await asyncio.sleep(LOOK_SECONDS / 2)

    async def _look(self, chain: Chain) -> None:
        """A node that gives no answer leaves what was known and shown of a wallet as it is."""
        known = self._core.guard.next_nonce
        wallets = [each for each in self._wallets if known(each, chain.id) is not None]
        found = await asyncio.gather(*(self._one(chain, wallet) for wallet in wallets))
        for looks in found:
            if looks:
                self._judge(looks)
        held = [each for pair in self._held if pair[0] == chain.id for each in self._held[pair]]
        proved = [each for each in self._proved if each.chain_id == chain.id]
        since = self._time() - DOUBTED_SECONDS
        proved += [each for at, each in self._doubted if each.chain_id == chain.id and at > since]
        # One by one, the newest last: the newest words of the same condition are the ones shown.
        self._conditions.put(f"{SOURCE}:{chain.id}", [*held, *proved])

    def _judge(self, looks: list[Seen]) -> None:
        """What holds for a wallet: what was judged and has lasted for longer than its patience."""
        # The preferred node of those that answered.
        seen = looks[0]
        pair, now = (seen.chain_id, seen.wallet), self._time()
        self._seen[pair] = seen
        if self._counted is not None:
            # Sent again too often does no harm: only what no node counts any more is.
            self._counted(*pair, max(each.mined for each in looks))
        out = {each.id: self._out_since.get(pair, {}).get(each.id, now) for each in seen.out}
        self._out_since[pair] = out
        known, held = self._since.setdefault(pair, {}), []
        for each in judge_all(looks):
            begun, _ = known.get(each.place, (now, now))
            known[each.place] = (begun, now)
            if each.code in LATCHED:
                self._prove(each)
            elif now - begun >= PATIENCE_S.get(each.code, 0.0):
                held.append(each)
        self._held[pair] = held
        # Nodes behind one address do not agree at once: what is not seen for a moment goes on.
        for place, (_, seen_at) in list(known.items()):
            if now - seen_at > PATIENCE_S.get(place[0], 0.0) / 6:
                del known[place]

    def _prove(self, condition: Condition) -> None:
        if all(each.place != condition.place for each in self._proved):
            self._proved.append(condition)

    def report(self) -> list[Json]:
        """`nonces` of `health`.

        `[{chain_id, wallet, mined, pending, ledger, balance: decimal, out, oldest_ms: n|null}]`.
        """
        now = self._time()
        rows = []
        for seen in self._seen.values():
            ages = [now - at for at in self._out_since[seen.chain_id, seen.wallet].values()]
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

    async def _one(self, chain: Chain, wallet: str) -> list[Seen]:
        """What each node says that answers, in order of preference."""
        asked = chain.awake()
        found = await asyncio.gather(*(_numbers(each, wallet) for each in asked))
        # The ledger after the chain: what of ours was mined by then is in it.
        guard = self._core.guard
        rows = tuple(
            Out(row[0], row[4], row[6], self._refused(row[0]), self._agents_alone or row[11])
            for row in guard.unsettled()
            if row[2] == chain.id and row[1] == wallet
        )
        self._spots |= {each.id: (chain.id, wallet, each.nonce) for each in rows}
        ledger = guard.next_nonce(wallet, chain.id)
        return [
            Seen(chain.id, wallet, *numbers, ledger, rows, each.name)
            for each, numbers in zip(asked, found, strict=True)
            if numbers is not None
        ]

    def _listen(self, events: list[Event]) -> None:
        """Something is out, or another transaction proved to have used a nonce of ours."""
        for event in events:
            if event.kind == "request.signed":
                for news in self._news.values():
                    news.set()
            if event.kind != "request.settled":
                continue
            data = parse(event.record)["data"]
            spot = self._spots.pop(data["id"], None) or self._spot(data["id"])
            if spot is None:
                continue
            chain_id, wallet, _ = spot
            if data["outcome"] == "dropped" and not self._is_ours(spot, data["id"]):
                self._prove(taken(chain_id, wallet, data["id"]))
            if not data.get("proved", True) and self._counts_all(data):
                found = doubted(chain_id, wallet, data["id"], data["outcome"])
                self._doubted.append((self._time(), found))

    def _counts_all(self, data: Json) -> bool:
        """An end without proof leaves more counted than it moved.

        What closed a gap moved only its fee: its request ended otherwise.
        """
        outcome = data["outcome"]
        return outcome in DOUBTED and (
            outcome != "cancelled" or self._core.guard.stage(data["id"]) == "cancelled"
        )

    def _spot(self, request_id: str) -> Spot | None:
        """Of a payment that ended before the first look; None once it is forgotten."""
        state = self._core.guard.state(request_id)
        return None if state is None else (state.chain_id, state.wallet, state.nonce)

    def _is_ours(self, spot: Spot, request_id: str) -> bool:
        """Another payment of ours has the nonce of this one.

        This one was denied after its signature and gave it back. One that is not signed yet has
        used no nonce.
        """
        chain_id, wallet, nonce = spot
        guard = self._core.guard
        owner = None if nonce is None else guard.nonce_owner(wallet, chain_id, nonce)
        return owner not in (None, request_id) and guard.stage(owner or "") != "authorised"


async def _numbers(witness: Witness, wallet: str) -> tuple[int, int, int] | None:
    """Mined and pending nonces and the balance, by one node; None when it gives no answer."""
    try:
        # Pending first: what is mined in between must not look as if it were foreign.
        pending = await witness.pending_nonce(wallet)
        mined, balance = await asyncio.gather(witness.mined_nonce(wallet), witness.balance(wallet))
    except EndpointDown:
        return None
    return mined, pending, balance
