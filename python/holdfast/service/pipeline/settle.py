"""How signed transactions end.

Every node of the chain is asked, and what they prove together is settled (`findings`, `proof`).

Nothing is concluded from silence. What cannot be proved stays counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from holdfast.service.chain.endpoint import EndpointDown
from holdfast.service.pipeline.findings import End, Finder, Finding, Unsettled, unsettled
from holdfast.service.pipeline.proof import (
    WITNESSES_MIN,
    disagreement,
    end_unknown,
    unproved_end,
    weigh,
)
from holdfast.service.runtime.conditions import Condition

if TYPE_CHECKING:
    from holdfast.service.chain.chain import Chain
    from holdfast.service.chain.witness import Witness

__all__ = ["Round", "Settlement", "Settler", "Unsettled", "look_or_nothing", "unsettled"]

# How long an end waits for a node that is silent, or whose newest block does not move.
LATE_SECONDS = 30.0
# And at most for one whose blocks come, but not yet this one.
LATE_SECONDS_MAX = 600.0
# A payment of ours with the same nonce may be mined before the settler knows of it.
ANOTHER_OF_OURS_SECONDS = 1.0
# Servers behind one address do not agree at once.
HIDDEN_SECONDS = 4.0
# A reorganisation is over and an index is built within so long. After that an alarm names a
# payment whose nonce was used and whose end no node shows.
UNKNOWN_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a payment ended. `proved`: two nodes say so, and none says anything else."""

    id: str
    end: End
    proved: bool

    def as_json(self) -> dict[str, Any]:
        """The argument of `Guard.settle`."""
        members: dict[str, Any] = {
            "outcome": self.end.outcome,
            "block_number": self.end.block_number,
            "block_hash": self.end.block_hash,
            "proved": self.proved,
        }
        if self.end.gas_used is not None:
            members["gas_used"] = self.end.gas_used
        if self.end.fee_wei is not None:
            members["fee_wei"] = str(self.end.fee_wei)
        if self.end.hash is not None:
            members["hash"] = self.end.hash
        return members


@dataclass(frozen=True, slots=True)
class Round:
    """What one look at the chain found: ends to settle, and what a node says is not mined.

    A payment that no node gave an answer about is in neither.
    """

    settled: list[Settlement]
    not_mined: list[Unsettled]


class Settler:
    """Looks at one chain, and keeps since when ends wait. What cannot be settled is a condition."""

    def __init__(self, chain: Chain, time: Callable[[], float] | None = None) -> None:
        self._chain = chain
        self._time = time or asyncio.get_running_loop().time
        self._source = f"settle:{chain.id}"
        self._began = self._time()
        self._seen: dict[str, float] = {}  # an end of the payment, by any node
        self._hidden: dict[str, float] = {}
        self._past: dict[str, float] = {}  # its nonce was used, by any node
        self._given: set[str] = set()  # its end was settled here before
        self._moved: dict[str, tuple[int, float]] = {}  # a node's newest block, and since when

    async def look(self, rows: Iterable[Unsettled]) -> Round:
        """One round over the open transactions of this chain.

        Each settles on its own: what a node fails to answer is looked at in the next round. Raises
        EndpointDown when none answered anything.
        """
        open_rows = list(rows)
        told = await self._ask(open_rows)
        if open_rows and not any(told.values()):
            raise EndpointDown(f"no endpoint of chain {self._chain.id} answers")
        self._note_heads(told)
        found, conditions = Round([], []), []
        unknown: dict[str, list[tuple[Unsettled, str]]] = {}
        for row in open_rows:
            said = {name: findings[row.id] for name, findings in told.items() if row.id in findings}
            self._note_past(row, said)
            ended = self._judge(row, said)
            if (why := self._why_unknown(row, said, ended)) is not None:
                unknown.setdefault(row.wallet, []).append((row, why))
            if isinstance(ended, Settlement):
                found.settled.append(ended)
                continue
            if ended is not None:
                conditions.append(ended)
            if any(not each.mined for each in said.values()):
                found.not_mined.append(row)
        self._forget({row.id for row in open_rows})
        conditions += [end_unknown(rows) for rows in unknown.values()]
        self._chain.conditions.put(self._source, conditions)
        return found

    def close(self) -> None:
        """Nothing is open any more."""
        self._chain.conditions.put(self._source, [])

    async def _ask(self, rows: list[Unsettled]) -> dict[str, dict[str, Finding]]:
        """What each node says of each payment, by the node's name."""
        if not rows:
            return {}
        asked = self._chain.awake()
        confirmations = self._chain.settings.confirmations

        async def ask(witness: Witness) -> dict[str, Finding]:
            return await Finder(witness, confirmations).look(rows)

        found = await asyncio.gather(*(ask(each) for each in asked))
        return {each.name: findings for each, findings in zip(asked, found, strict=True)}

    def _judge(self, row: Unsettled, said: Mapping[str, Finding]) -> Settlement | Condition | None:
        """What becomes of a payment; None while it is open."""
        now = self._time()
        ended = {name: each.end for name, each in said.items() if each.end is not None}
        if ended:
            self._seen.setdefault(row.id, now)
        else:
            self._seen.pop(row.id, None)
        waited = self._waited(row.id, said, now)
        verdict = weigh(said, self._chain.settings.confirmations, waited=waited)
        if verdict != "hidden":
            self._hidden.pop(row.id, None)
        elif now - self._hidden.setdefault(row.id, now) < HIDDEN_SECONDS:
            return None
        if verdict in ("hidden", "disagree"):
            return disagreement(row, said)
        if verdict not in ("proved", "unproved"):
            return None
        name, end = next(iter(ended.items()))
        if end.outcome == "dropped" and verdict == "unproved":
            # The nonce may be that of another payment of ours, which the next round knows of.
            soon = now - self._seen[row.id] < ANOTHER_OF_OURS_SECONDS
            return None if soon else unproved_end(row, name)
        return Settlement(row.id, end, verdict == "proved")

    def _waited(self, request_id: str, said: Mapping[str, Finding], now: float) -> bool:
        """Whether the nodes that do not have an end of it yet had their time."""
        since = self._seen.get(request_id)
        if since is None:
            return False
        ended = [name for name, each in said.items() if each.end is not None]
        late = [each.name for each in self._chain.witnesses if each.name not in ended]
        if not late or now - since >= LATE_SECONDS_MAX:
            return True
        if len(ended) >= WITNESSES_MIN:
            return now - since >= LATE_SECONDS
        # With one node alone it is settled without proof: not while the others' blocks come, unless
        # they have that block for long and do not show the end.
        silent = [name for name, each in said.items() if each.silent and self._is_late(request_id)]
        late = [name for name in late if name not in silent]
        moved = [self._moved.get(name, (0, self._began))[1] for name in late]
        return now - max([since, *moved]) >= LATE_SECONDS

    def _note_past(self, row: Unsettled, said: Mapping[str, Finding]) -> None:
        if any(each.mined for each in said.values()):
            self._past.setdefault(row.id, self._time())
        elif said:
            self._past.pop(row.id, None)

    def _is_late(self, request_id: str) -> bool:
        """Its nonce was used so long ago that an end of it should be there."""
        since = self._past.get(request_id)
        return since is not None and self._time() - since >= UNKNOWN_SECONDS

    def _why_unknown(
        self, row: Unsettled, said: Mapping[str, Finding], ended: Settlement | Condition | None
    ) -> str | None:
        """Why it is unknown for long how a payment ended whose nonce was used.

        None where that is known, told otherwise, or not due yet.
        """
        why = next((each.fault for each in said.values() if each.fault), None)
        if isinstance(ended, Condition):
            why = None
        elif isinstance(ended, Settlement):
            again = row.id in self._given
            why = "the reported outcome does not match the guardian's record" if again else None
            self._given.add(row.id)
        return why if self._is_late(row.id) else None

    def _note_heads(self, told: Mapping[str, Mapping[str, Finding]]) -> None:
        now = self._time()
        for name, findings in told.items():
            head = max((each.head for each in findings.values()), default=0)
            if head > self._moved.get(name, (0, 0.0))[0]:
                self._moved[name] = (head, now)

    def _forget(self, open_ids: Collection[str]) -> None:
        for known in (self._seen, self._hidden, self._past):
            for gone in [each for each in known if each not in open_ids]:
                del known[gone]
        self._given &= set(open_ids)


async def look_or_nothing(settler: Settler, rows: list[Unsettled]) -> Round | None:
    """A round, or None when the chain gives no usable answer now."""
    try:
        return await settler.look(rows)
    except EndpointDown:
        return None
