"""What is known of the code of contracts, for every decision.

Of those that the policy pins, and of those that count for what their address says as soon as their
code was seen (`Guard.code_believed`).

A task of its own looks at each of the first once a minute and at each of the others once in twenty.
A request never waits for that: it is decided by what was seen last, which the core takes for
unknown once it is five minutes old, or an hour. What a request touches is looked at again before
its order.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

from holdfast import codes
from holdfast._core import CODE_AGE_MS_MAX, Event, Facts, OrderInputs
from holdfast.service.chain.contract_code import Code, Unclear, newest_block, read_code
from holdfast.service.chain.endpoint import EndpointDown
from holdfast.service.chain.node import FindNode, Node
from holdfast.service.guardian.core import Core
from holdfast.service.runtime.logs import get_logger

log = get_logger()

LOOK_MS = 60_000
# Contracts that no policy pins; the core counts what was seen of them for an hour.
LOOK_BELIEVED_MS = 20 * 60_000
# After a look that failed: a node that comes back should not cost a minute.
RETRY_MS = 5_000
# How soon it is noticed that the guardian's clock went on.
STEP_SECONDS = 0.25
AT_ONCE_MAX = 8  # of one chain
CONTRACT_SECONDS_MAX = 10.0
# The facts of a call have at most a megabyte.
CONTRACTS_MAX = 2_000
ALARMS_MAX = 20
# Keccak-256 of nothing: there is no code at the address.
NO_CODE = "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"

NO_FACTS = Facts()
NO_NODE = "there is no node of this chain"
TOO_MANY = f"at most {CONTRACTS_MAX} contracts of a chain are watched"
POLICY_LOADED = "policy.loaded"

Json = dict[str, Any]
# A contract as `Facts` takes it: hash, implementation, when it was looked at.
Fact = tuple[str, str | None, int]
Place = tuple[int, str]


@dataclass(slots=True)
class _Watched:
    """One contract. Times are the core's, in ms; `at` is that before the node was asked."""

    chain_id: int
    address: str
    # What the policy says it must be; None for a contract that it does not pin.
    pinned: Code | None
    since: int
    due: int | None
    found: Code | None = None
    at: int = 0
    fault: str = "not checked yet"
    looking: bool = False
    alarm: str | None = None
    # Of a contract that is not pinned: the hash that the known codes code, what was there the first
    # time, and whether the policy names it.
    known: str | None = None
    first: Code | None = None
    named: bool = False

    @property
    def look_ms(self) -> int:
        """How often it is looked at."""
        return LOOK_BELIEVED_MS if self.pinned is None else LOOK_MS

    def is_known(self, now: int) -> bool:
        return self.found is not None and now - self.at <= CODE_AGE_MS_MAX

    def alarm_now(self, now: int) -> str | None:
        """`code_changed`, `code_absent`, `code_unknown` or None.

        None when all is well, when it is too early to say, or when no policy names a contract that
        is not there.
        """
        if self.pinned is None:
            return self._believed_alarm()
        if self.found is not None and self.found != self.pinned:
            return codes.Code.CODE_CHANGED
        return codes.Code.CODE_UNKNOWN if now - max(self.at, self.since) > CODE_AGE_MS_MAX else None

    def _believed_alarm(self) -> str | None:
        if self.found is None:
            return None
        if self.found.hash == NO_CODE:
            return "code_absent" if self.named or self.first is not None else None
        if self.known is not None:
            return None if self.found.hash == self.known else codes.Code.CODE_CHANGED
        return None if self.first in (None, self.found) else codes.Code.CODE_CHANGED

    def words(self, alarm: str) -> str:
        """What an operator has to know."""
        place = f"{self.address} on chain {self.chain_id}"
        if alarm == "code_absent":
            return f"there is no code at {place}: what relies on it counts as an unknown contract"
        if self.pinned is None:
            which = "the known code" if self.known is not None else "its earlier code"
            now = f"hash {self.found.hash}" if self.found else "unknown"
            if self.found and self.found.implementation is not None:
                now += f", implementation {self.found.implementation}"
            return (
                f"the code of {place} differs from {which} ({now}): check it, and pin it with "
                f"code_hash"
                " in a [[contract]] of the policy"
            )
        if alarm == codes.Code.CODE_UNKNOWN or self.found is None:
            return f"the code of {place} could not be read for 5 minutes: {self.fault}"
        if self.found.hash != self.pinned.hash:
            return f"the code of {place} differs from what the policy pins: {self.found.hash}"
        runs = self.found.implementation
        if self.pinned.implementation is None:
            return f"{place} is a proxy, and the policy pins no implementation_hash: it runs {runs}"
        if runs is None:
            return f"{place} is pinned as a proxy and names no implementation"
        return f"{place} runs an implementation other than the policy pins: {runs}"


class CodeFacts:
    """Looks, remembers, and says what it knows."""

    def __init__(self, core: Core, node: FindNode) -> None:
        """`node(chain_id)` gives the node of a chain, None while there is none."""
        self._core = core
        self._node = node
        self._watched: dict[Place, _Watched] = {}
        self._pins = False
        self._facts: dict[int, Facts] = {}
        # Chains of which the core was not told the newest.
        self._news: set[int] = set()
        self._wake = asyncio.Event()
        self._at_once: dict[int, asyncio.Semaphore] = {}
        self._rounds: set[asyncio.Task[None]] = set()

    @property
    def is_empty(self) -> bool:
        """Whether the policy pins no code at all."""
        return not self._pins

    async def of_request(self, asked: OrderInputs) -> Facts:
        """The facts by which a request is decided again.

        As for a call, but what it touches and that was not seen lately is looked at now. Only one
        waits for that: the request itself, which would end for want of it after a start or a time
        without a node.
        """
        chain_id = asked.chain_id
        now = self._now()
        touched = [self._watched.get((chain_id, address)) for address in asked.touched]
        unknown = [each for each in touched if each is not None and not each.is_known(now)]
        node = self._node(chain_id)
        if unknown and node is not None:
            await asyncio.gather(*(self._look(node, each) for each in unknown))
        self._tell()
        relied = {
            each.address: _fact(each.found, each.at)
            for each in touched
            if each is not None and each.pinned is None and each.found is not None
        }
        if not relied:
            return self.of_chain(chain_id)
        return Facts(code=self._pinned(chain_id) | relied)

    def alarms(self) -> list[Json]:
        """`[{"chain_id", "address", "code", "text"}]` for the health push, changed code first.

        The last entry counts what is left out.
        """
        found = [each for each in self._watched.values() if each.alarm is not None]
        found.sort(key=lambda each: (str(each.alarm), each.chain_id, each.address))
        shown: list[Json] = [
            {
                "chain_id": each.chain_id,
                "address": each.address,
                "code": each.alarm,
                "text": each.words(str(each.alarm)),
            }
            for each in found[:ALARMS_MAX]
        ]
        if left := len(found) - len(shown):
            more = f"and {left} more contracts whose code changed or is unknown"
            shown.append({"chain_id": None, "address": None, "code": "more", "text": more})
        return shown

    def wake(self) -> None:
        """Looks now at whatever was not seen yet: the nodes are there."""
        now = self._now()
        for each in self._watched.values():
            if each.found is None and each.due is not None:
                each.due = now
        self._wake.set()

    def moved(self, by: int) -> None:
        """The clock moved: what was seen is as old as before."""
        for each in self._watched.values():
            each.at += by
            each.since += by
            each.due = None if each.due is None else each.due + by
            self._news.add(each.chain_id)
        self._facts.clear()
        self._wake.set()

    async def run(self) -> None:
        """Looks until cancelled."""
        self._core.listen(self._listen)
        self._take_pins()
        try:
            while self._core.sealed is None:
                self._tell()
                self._begin_rounds()
                self._raise_alarms()
                self._wake.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(STEP_SECONDS if self._watched else None):
                        await self._wake.wait()
        finally:
            self._core.unlisten(self._listen)
            for task in self._rounds:
                task.cancel()
            await asyncio.gather(*self._rounds, return_exceptions=True)

    def _now(self) -> int:
        return self._core.clock.now_ms()

    def _listen(self, events: list[Event]) -> None:
        if any(event.kind == POLICY_LOADED for event in events):
            self._take_pins()
            self._wake.set()

    def _take_pins(self) -> None:
        """The pins of the policy in force, and what its agents may rely on.

        What was seen of a contract stays known.
        """
        now = self._now()
        before, self._watched = self._watched, {}
        counts: dict[int, int] = {}
        pins = orjson.loads(self._core.guard.code_pins())
        believed = orjson.loads(self._core.guard.code_believed())
        self._pins = bool(pins)
        for told in [*pins, *believed]:
            chain_id, address = int(told["chain_id"]), str(told["address"])
            counts[chain_id] = counts.get(chain_id, 0) + 1
            watched = before.get((chain_id, address))
            if watched is None:
                watched = _Watched(chain_id, address, None, since=now, due=now)
            watched.pinned, watched.due = None, now
            if "implementation" in told:
                watched.pinned = Code(told["hash"], told["implementation"])
            else:
                first = told["first"]
                watched.known, watched.named = told["hash"], told["named"]
                watched.first = None
                if first is not None:
                    watched.first = Code(first["hash"], first["implementation"])
            if counts[chain_id] > CONTRACTS_MAX:
                watched.found, watched.due, watched.fault = None, None, TOO_MANY
            self._watched[chain_id, address] = watched
            self._news.add(chain_id)
        self._facts.clear()

    def _tell(self) -> None:
        """Tells the core what was seen last.

        What a request relied on before this start counts as seen then: before its order it is
        looked at again.
        """
        for chain_id in self._news:
            seen = {}
            for each in self._watched.values():
                if each.chain_id != chain_id:
                    continue
                if each.found is not None:
                    seen[each.address] = _fact(each.found, each.at)
                elif each.first is not None:
                    seen[each.address] = _fact(each.first, each.since)
            self._core.see_code(chain_id, Facts(code=seen))
        self._news.clear()

    def _begin_rounds(self) -> None:
        """One round for each chain that has contracts due, so that no node waits for another."""
        now = self._now()
        due: dict[int, list[_Watched]] = {}
        for each in self._watched.values():
            if each.due is not None and each.due <= now and not each.looking:
                each.looking = True
                due.setdefault(each.chain_id, []).append(each)
        for chain_id, contracts in due.items():
            task = asyncio.create_task(self._round(chain_id, contracts), name=f"code {chain_id}")
            self._rounds.add(task)
            task.add_done_callback(self._rounds.discard)

    async def _round(self, chain_id: int, contracts: list[_Watched]) -> None:
        fault = await self._fault_of_node(chain_id)
        try:
            node = self._node(chain_id)
            if fault is None and node is not None:
                await asyncio.gather(*(self._look(node, each) for each in contracts))
                return
            now = self._now()
            for each in contracts:
                self._failed(each, fault or NO_NODE, now)
        finally:
            for each in contracts:
                each.looking = False
            self._wake.set()

    async def _fault_of_node(self, chain_id: int) -> str | None:
        """Why the node cannot be asked at all; None when it can."""
        node = self._node(chain_id)
        if node is None:
            return NO_NODE
        try:
            async with asyncio.timeout(CONTRACT_SECONDS_MAX):
                await newest_block(node)
        except EndpointDown as error:
            return error.text
        except TimeoutError:
            return "the node does not answer"
        return None

    async def _look(self, node: Node, contract: _Watched) -> None:
        at_once = self._at_once.setdefault(contract.chain_id, asyncio.Semaphore(AT_ONCE_MAX))
        async with at_once:
            at = self._now()
            try:
                async with asyncio.timeout(CONTRACT_SECONDS_MAX):
                    found = await read_code(node, contract.address)
            except EndpointDown as error:
                self._failed(contract, error.text, at)
            except Unclear as error:
                self._failed(contract, str(error), at)
            except TimeoutError:
                self._failed(contract, "the node took too long", at)
            else:
                contract.due = _next(contract.due, at, contract.look_ms)
                # An answer may come after that to a later question.
                if at >= contract.at:
                    contract.found, contract.at = found, at
                    self._facts.pop(contract.chain_id, None)
                    self._news.add(contract.chain_id)

    def _failed(self, contract: _Watched, why: str, at: int) -> None:
        contract.fault = why
        contract.due = at + RETRY_MS

    def _raise_alarms(self) -> None:
        now = self._now()
        for each in self._watched.values():
            alarm = each.alarm_now(now)
            if alarm == each.alarm:
                continue
            each.alarm = alarm
            if alarm is not None:
                log.warning("pinned code", alarm=alarm, text=each.words(alarm))
            else:
                log.info("pinned code is as it should be", address=each.address)

    def of_chain(self, chain_id: int) -> Facts:
        """What was last seen of the pinned contracts of a chain; no code where nothing was.

        The same object until that changes. Of the others the core is told once, not with every
        call.
        """
        facts = self._facts.get(chain_id)
        if facts is None:
            seen = self._pinned(chain_id)
            facts = self._facts[chain_id] = Facts(code=seen) if seen else NO_FACTS
        return facts

    def _pinned(self, chain_id: int) -> dict[str, Fact]:
        return {
            each.address: _fact(each.found, each.at)
            for each in self._watched.values()
            if each.chain_id == chain_id and each.found is not None and each.pinned is not None
        }


def _fact(code: Code, at: int) -> Fact:
    return code.hash, code.implementation, at


def _next(due: int | None, now: int, every: int) -> int:
    """`every` ms after it was due, or so many times that it is to come."""
    since = now if due is None else min(due, now)
    return since + every * ((now - since) // every + 1)
