"""The driver from a decided request to its end on the chain.

Order, signature, broadcast, settlement.

It acts only on what is on disk and keeps no truth of its own: after a restart the guard says what
is open, and every step can be done again with the same bytes. A step that cannot be done now is
tried again later; nothing is lost by that.
"""

from __future__ import annotations

import asyncio
import random
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from holdfast._core import AuthoriseFacts, Event, HoldfastError, RequestState
from holdfast.codes import TRANSIENT, Code
from holdfast.service.chain.broadcast import WouldFail
from holdfast.service.chain.chain import FeeTooHigh
from holdfast.service.chain.endpoint import EndpointDown
from holdfast.service.chain.witness import Sending
from holdfast.service.guardian.core import Sealed
from holdfast.service.guardian.waiting import Waiting
from holdfast.service.pipeline.before_start import WHY, BeforeStart
from holdfast.service.pipeline.instant import InstantOrders
from holdfast.service.pipeline.nonce_order import NonceOrder
from holdfast.service.pipeline.settings import SendingConfig
from holdfast.service.pipeline.settle import Round, Settler, Unsettled, look_or_nothing, unsettled
from holdfast.service.pipeline.upkeep import Upkeep
from holdfast.service.runtime.backoff import Backoff
from holdfast.service.runtime.logs import get_logger
from holdfast.service.signer.client import SignerError, SignerGone, SignerRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from holdfast.service.chain.broadcast import Broadcast
    from holdfast.service.chain.chain import Chain, Chains
    from holdfast.service.facts.gather import FactSources
    from holdfast.service.guardian.core import Core
    from holdfast.service.runtime.turns import Turns
    from holdfast.service.signer.client import Signed, Signer

    Work = Callable[[], Coroutine[Any, Any, None]]

log = get_logger()

STEPS_AT_ONCE = 64
RETRY_SECONDS_MIN = 0.25
RETRY_SECONDS_MAX = 15.0
MINED = frozenset({"confirmed", "reverted", "cancelled"})
OF_FEES = frozenset({Code.FEE_OVER_CAP, Code.TIP_OVER_CAP, Code.L1_FEE_OVER_CAP})
# Events after which there may be bytes to sign, to send or to follow. Those of `request.signed` are
# sent by the task that had them signed.
KINDS_WITH_BYTES = frozenset({"request.approved", "request.replaced", "freeze.lifted"})
# And those after which there may be anything to do at all.
KINDS_WITH_WORK = KINDS_WITH_BYTES | {"request.decided", "request.matured", "request.reopened"}
SLOW_POLL_SECONDS = 5.0


class Passing(Exception):
    """Refused for a reason that may pass by itself; `code` from docs/policy/codes.md."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Driver:
    """One for all wallets and chains.

    `start` reconciles and returns; the work goes on behind it.
    """

    def __init__(
        self,
        core: Core,
        signer: Signer,
        chains: Chains,
        turns: Turns,
        facts: FactSources | None = None,
        settings: SendingConfig | None = None,
        waiting: Waiting | None = None,
    ) -> None:
        """Without `facts`, requests are decided again by what was known at first."""
        settings = settings or SendingConfig()
        self._settings = settings
        self._waiting = waiting or Waiting(settings.wait_ms)
        self._before = BeforeStart(core)
        self._upkeep = Upkeep(
            core, settings, self._send_again, self._is_busy, self.refused, self._before.waits
        )
        self._core = core
        self._turns = turns
        self._outside = facts
        self._signer = signer
        self._chains = chains
        self._tasks: set[asyncio.Task[None]] = set()
        self._active: set[str] = set()
        self._outcomes: dict[str, str] = {}
        self._refusals: dict[str, str] = {}
        self._unsignable: set[int] = set()
        self._instant = InstantOrders(core, signer, turns)
        self._nonce_order = NonceOrder()
        self._settling: dict[int, asyncio.Task[None]] = {}
        self._news: dict[int, asyncio.Event] = {}
        # One for each chain: those that wait for a node that hangs keep no other chain waiting.
        self._limits: dict[int, asyncio.Semaphore] = {}
        # What is signed and not yet given to the nodes by this run.
        self._to_send: set[str] = set()
        self._woken = False
        self._scan = True
        self._stopping = False
        self._signer_text = ""

    async def start(self) -> None:
        """Takes up everything that was open when the guardian stopped, then follows the events."""
        self._signer.on_gone(self._signer_is_gone)
        self._core.listen(self._listen)
        await self._core.durable()
        self._before.take()
        self._to_send = {row.id for row in self._unsettled()}
        self._core.on_orders(self._instant.take)
        for request_id, seq in self._core.guard.to_sign():
            if seq not in self._instant:
                self._begin(request_id, partial(self._sign_and_send, request_id, seq))
        self.wake()

    async def stop(self) -> None:
        """Ends all work between two steps; the next start takes it up again. Idempotent."""
        if self._stopping:
            return
        self._stopping = True
        self._instant.stop()
        self._core.unlisten(self._listen)
        self._nonce_order.stop()
        tasks = [*self._tasks, *self._settling.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self) -> None:
        """Looks for work soon. Cheap, and safe to call at any time."""
        if not self._woken and not self._stopping:
            self._woken = True
            asyncio.get_running_loop().call_soon(self._look)

    def health(self) -> dict[str, Any]:
        """`{"chains": [...], "signer": {"ok", "text"}}` as in docs/architecture.md, 7."""
        return {
            "chains": self._chains.health(),
            "signer": {"ok": self._signer.alive, "text": self._signer_text},
        }

    def undone(self, chain_id: int, wallet: str, mined: int) -> None:
        """A chain counts `mined` transactions of the wallet: more of ours were mined once."""
        if self._core.sealed is None and not self._stopping:
            self._upkeep.undone(chain_id, wallet, mined)

    def refused(self, request_id: str) -> str:
        """Our words for why a node refused its bytes when they were last sent.

        Empty if it did not.
        """
        return self._refusals.get(request_id, "")

    def _listen(self, events: list[Event]) -> None:
        kinds = {event.kind for event in events}
        self._before.see(events)
        for event in events:
            if event.kind == "request.approved":
                # Of those that were held: then their bytes are sent like any others.
                self._to_send |= {each for each in event.requests if self._state(each) == "signed"}
            elif event.kind == "request.held":
                # What a node said to its bytes before is no answer to those that are approved.
                for request_id in event.requests:
                    self._outcomes.pop(request_id, None)
            elif event.kind == "request.signed":
                self._follow_chains_of(event.requests)
        if not kinds.isdisjoint(KINDS_WITH_BYTES):
            self._scan = True
        if not kinds.isdisjoint(KINDS_WITH_WORK):
            self.wake()

    def _follow_chains_of(self, requests: Iterable[str]) -> None:
        """Of transactions that are signed now."""
        for request_id in requests:
            state = self._core.guard.state(request_id)
            if state is None or not state.is_transaction:
                continue
            self._settle_on(state.chain_id)
            if request_id not in self._active:
                self._scan = True
                self.wake()

    def _signer_is_gone(self, text: str) -> None:
        self._signer_text = text
        log.error("signer gone", text=text)

    def _look(self) -> None:
        self._woken = False
        if self._stopping or self._core.sealed is not None:
            return
        # Without the signer an order would take a nonce and never be signed.
        if self._signer.alive:
            for request_id in self._core.guard.authorising():
                if request_id not in self._active:
                    self._begin(request_id, partial(self._authorise, request_id))
            for request_id, seq in self._core.guard.to_sign_again():
                if request_id not in self._active and seq not in self._unsignable:
                    self._begin(request_id, partial(self._sign_and_send, request_id, seq))
        if self._scan or self._to_send:
            self._scan = False
            rows = self._unsettled()
            self._to_send &= {row.id for row in rows}
            for row in rows:
                # What a node refused is sent again by and by: that is `upkeep`.
                if row.id in self._to_send and row.id not in self._active:
                    self._to_send.discard(row.id)
                    if row.state == "signed":
                        self._begin(row.id, partial(self._send, row.id))
                self._settle_on(row.chain_id)

    def _begin(self, request_id: str, work: Work) -> None:
        if self._stopping:
            return
        self._active.add(request_id)
        task = asyncio.create_task(self._run(request_id, work), name=f"send {request_id}")
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def _wait(self, waits: Backoff) -> None:
        # `gather` loses a cancellation when a child fails in the same moment, so `stop` says it
        # too.
        if self._stopping:
            raise asyncio.CancelledError
        await asyncio.sleep(waits.seconds())

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("step failed", task=task.get_name(), error=repr(error))

    async def _run(self, request_id: str, work: Work) -> None:
        try:
            await work()
        except Sealed:
            return
        except SignerGone as error:
            self._signer_text = str(error)
            return
        finally:
            self._active.discard(request_id)
        # What this request became while it was worked on may need another step.
        self.wake()

    async def _authorise(self, request_id: str) -> None:
        """From a decided request to a fixed order, then on.

        Waits for a usable answer of the chain, and for what passes by itself, as long as the
        settings say; then it ends and gives its limits back.
        """
        try:
            seq = await self._order_in_time(request_id)
        finally:
            self._waiting.drop(request_id)
        if seq is not None:
            await self._sign_and_send(request_id, seq)

    async def _order_in_time(self, request_id: str) -> int | None:
        """The number of its order; None when there is none to sign."""
        waits = Backoff(RETRY_SECONDS_MIN, RETRY_SECONDS_MAX)
        code: str = Code.CHAIN_UNAVAILABLE
        text = "the guardian was stopped meanwhile"
        while self._signer.alive and self._is_authorising(request_id):
            if self._is_late(request_id):
                self._fail(request_id, code, f"waited for too long: {text}")
                return None
            try:
                if self._before.waits_unsigned(request_id):
                    raise Passing(Code.CHAIN_UNAVAILABLE, WHY)
                return await self._order(request_id)
            except WouldFail as failure:
                self._fail(request_id, failure.code, failure.text)
                return None
            except Passing as passing:
                code, text = passing.code, passing.text
            except EndpointDown as down:
                code, text = Code.CHAIN_UNAVAILABLE, down.text
                log.info("waiting for the chain", request=request_id, why=text)
            if self._is_late(request_id):
                self._fail(request_id, code, f"waited for too long: {text}")
                return None
            self._waiting.put(request_id, "fee" if code in OF_FEES else "chain", text)
            await self._wait(waits)
        return None

    def _is_late(self, request_id: str) -> bool:
        """It has waited for its chain for as long as a request may."""
        state = self._core.guard.state(request_id)
        waited = 0 if state is None else self._core.clock.now_ms() - state.since
        return waited >= self._settings.wait_ms

    async def _order(self, request_id: str) -> int | None:
        """Gathers facts and fixes the order.

        Its event's number, or None when the decision became another.
        """
        await self._turns.step()
        try:
            facts = await self._facts(request_id)
        except FeeTooHigh as high:
            raise Passing(Code.FEE_OVER_CAP, high.text) from None
        if not self._is_authorising(request_id):
            return None
        try:
            return self._core.authorise(request_id, facts).order
        except HoldfastError as refusal:
            code, text = str(refusal.args[0]), str(refusal.args[1])
            if code in TRANSIENT:
                raise Passing(code, text) from None
            raise WouldFail(text, code) from None

    def _is_authorising(self, request_id: str) -> bool:
        return self._state(request_id) == "authorising"

    def _state(self, request_id: str) -> str:
        return self._core.guard.stage(request_id) or ""

    async def _facts(self, request_id: str) -> AuthoriseFacts:
        asked = self._core.guard.order_inputs(request_id)
        if asked is None:
            return AuthoriseFacts()
        numbers, simulated, facts = None, None, None
        if asked.is_transaction:
            chain = self._chain(asked.chain_id)
            ledger = self._core.guard.next_nonce(asked.wallet, chain.id)
            async with self._limits.setdefault(chain.id, asyncio.Semaphore(STEPS_AT_ONCE)):
                numbers, simulated = await asyncio.gather(
                    chain.transaction_facts(asked, ledger=ledger), chain.simulation.of(asked)
                )
            # The node may answer for many at once.
            await self._turns.step()
        if self._outside is not None:
            facts = await self._outside.of_request(request_id, asked)
        if numbers is None:
            return AuthoriseFacts(facts=facts)
        return AuthoriseFacts(
            gas=numbers.gas,
            max_fee_per_gas=numbers.max_fee_per_gas,
            max_priority_fee_per_gas=numbers.max_priority_fee_per_gas,
            chain_nonce=numbers.chain_nonce,
            nonce_proved=numbers.nonce_proved,
            l1_fee=numbers.l1_fee,
            facts=facts,
            simulated=simulated,
        )

    def _chain(self, chain_id: int) -> Chain:
        chain = self._chains.get(chain_id)
        if chain is None:
            raise EndpointDown(f"config.toml names no endpoint for chain {chain_id}", not_sent=True)
        return chain

    def _fail(self, request_id: str, code: str, text: str) -> None:
        """Ends a request that was never signed; unless it left that state in the meantime."""
        if self._state(request_id) in ("authorising", "authorised"):
            self._core.fail(request_id, code, text)

    async def _sign_and_send(self, request_id: str, seq: int) -> None:
        """From an order to a signature on disk, then on.

        The signer takes no order that is not on disk yet, and one of a command may not be.
        """
        await self._core.durable()
        signed = await self._sign(request_id, seq)
        if signed is None:
            return
        await self._turns.step()
        try:
            self._core.signed(request_id, signed.payload)
        except HoldfastError as refusal:
            # Frozen, or ended otherwise, while it was being signed: the bytes are dropped here.
            log.warning("signature dropped", request=request_id, code=str(refusal.args[0]))
            self._unsignable.add(seq)
            return
        # What a node says to these bytes is news.
        self._outcomes.pop(request_id, None)
        await self._core.durable()
        # What an agent asked to be signed is the agent's to send, for a while.
        if signed.is_transaction and self._state(request_id) != "released":
            await self._send(request_id)

    async def _sign(self, request_id: str, seq: int) -> Signed | None:
        """Asks the signer until it signs or refuses for good.

        None when there will be no signature.
        """
        waits = Backoff(RETRY_SECONDS_MIN, RETRY_SECONDS_MAX)
        while self._waits_for_signature(request_id, seq):
            try:
                return await self._signer.sign(seq)
            except SignerGone:
                raise
            except SignerRefused as refusal:
                log.error("order refused by the signer", request=request_id, why=str(refusal))
                self._unsignable.add(seq)
                self._fail(request_id, Code.WOULD_FAIL, str(refusal))
                return None
            except SignerError as error:
                self._signer_text = str(error)
                log.error("order not signed yet", request=request_id, why=str(error))
                await self._wait(waits)
        return None

    def _waits_for_signature(self, request_id: str, seq: int) -> bool:
        """The first order of a request, or the newest that is to take the place of another."""
        if self._state(request_id) == "authorised":
            return True
        return (request_id, seq) in self._core.guard.to_sign_again()

    def _is_replaced(self, request_id: str) -> bool:
        """An order that is to take the place of its bytes waits for a signature."""
        again = self._core.guard.to_sign_again()
        return any(one == request_id and seq not in self._unsignable for one, seq in again)

    def _is_busy(self, request_id: str) -> bool:
        return request_id in self._active

    def _send_again(self, request_id: str) -> None:
        self._begin(request_id, partial(self._send, request_id))

    async def _send(self, request_id: str) -> None:
        """Broadcasts signed bytes until a node answered.

        It asks the guard right before every time.
        """
        waits = Backoff(RETRY_SECONDS_MIN, RETRY_SECONDS_MAX)
        if self._settings.jitter_ms and self._state(request_id) == "signed":
            # So that the moment of a decision does not tell which transaction it was.
            await asyncio.sleep(random.uniform(0, self._settings.jitter_ms) / 1000)  # noqa: S311
        while self._core.sealed is None and self._core.guard.may_send(request_id):
            state = self._core.guard.state(request_id)
            if state is None or self._upkeep.holds_back(request_id, state):
                break
            try:
                if self._before.waits(request_id, state.hash or ""):
                    raise EndpointDown(WHY, not_sent=True)
                await self._send_once(request_id, state)
                break
            except EndpointDown as down:
                log.info("waiting to send", request=request_id, why=down.text)
                self._refusals[request_id] = down.text
                if state.stage != "signed" or self._is_replaced(request_id):
                    break
                self._waiting.put(request_id, "chain", down.text)
                await self._wait(waits)
        self._waiting.drop(request_id)

    async def _send_once(self, request_id: str, state: RequestState) -> None:
        chain = self._chain(state.chain_id)
        await chain.ready()
        # Those of private relays have a line of their own: they go elsewhere.
        place = (state.wallet, chain.id, state.is_private)
        send_all = partial(self._broadcast, chain, state.is_private)
        await self._nonce_order.send(place, request_id, send_all)
        await self._core.durable()

    async def _broadcast(
        self, chain: Chain, private: bool, request_ids: list[str]
    ) -> list[Exception | None]:
        """What was signed last, which may have changed while others of the wallet were sent."""
        guard = self._core.guard
        sendings: list[tuple[str, Sending]] = []
        for request_id in request_ids:
            state, raw = guard.state(request_id), guard.payload(request_id)
            if guard.may_send(request_id) and state is not None and raw and state.hash:
                still = partial(self._may_leave, request_id, state.hash)
                sendings.append((request_id, Sending(raw, state.hash, still)))
        if not sendings:
            return [None] * len(request_ids)
        told = await chain.broadcast([each for _, each in sendings], private=private)
        errors: dict[str, Exception] = {}
        for (request_id, _), found in zip(sendings, told, strict=True):
            if isinstance(found, EndpointDown):
                errors[request_id] = found
            else:
                self._record(request_id, found)
        return [errors.get(request_id) for request_id in request_ids]

    def _may_leave(self, request_id: str, tx_hash: str) -> bool:
        """Of these very bytes: a node may get them later than others took their place."""
        state = self._core.guard.state(request_id)
        same = state is not None and state.hash == tx_hash
        waits = self._before.waits(request_id, tx_hash)
        return same and not waits and self._core.guard.may_send(request_id)

    def _record(self, request_id: str, found: Broadcast) -> None:
        """Records a sending's outcome when it says something new."""
        self._upkeep.sent(request_id)
        self._refusals[request_id] = found.text if found.outcome == "rejected" else ""
        if self._outcomes.get(request_id) in (found.outcome, "accepted", "known"):
            return
        if self._state(request_id) in MINED:
            return  # sent again after a reorganisation: its end is on record
        try:
            self._core.sent(request_id, found.outcome, found.text)
        except HoldfastError as refusal:
            # It was settled or frozen while the answer was under way; the chain's word comes by
            # receipt.
            log.warning("outcome not recorded", request=request_id, code=str(refusal.args[0]))
            return
        self._outcomes[request_id] = found.outcome

    def _unsettled(self) -> list[Unsettled]:
        return [unsettled(row) for row in self._core.guard.unsettled()]

    def _settle_on(self, chain_id: int) -> None:
        """Follows a chain for as long as something on it is open."""
        chain = self._chains.get(chain_id)
        task = self._settling.get(chain_id)
        if chain is None:
            return
        self._news.setdefault(chain_id, asyncio.Event()).set()
        if task is None or task.done():
            task = asyncio.create_task(self._keep_following(chain), name=f"settle {chain_id}")
            task.add_done_callback(self._done)
            self._settling[chain_id] = task

    async def _keep_following(self, chain: Chain) -> None:
        """What one round stumbles over keeps no other payment of the chain from its end."""
        waits = Backoff(RETRY_SECONDS_MIN, RETRY_SECONDS_MAX)
        while True:
            try:
                await self._follow(chain)
            except Exception as error:  # noqa: BLE001 - whatever it is, payments wait to be settled
                log.error("settling failed, and begins anew", chain=chain.id, error=repr(error))
                await self._wait(waits)
            else:
                return

    async def _follow(self, chain: Chain) -> None:
        settler = Settler(chain)
        waits = Backoff(RETRY_SECONDS_MIN, RETRY_SECONDS_MAX)
        while self._core.sealed is None and not self._stopping:
            rows = [row for row in self._unsettled() if row.chain_id == chain.id]
            if not rows:
                settler.close()
                return
            found = await look_or_nothing(settler, rows)
            if found is None:
                await self._wait(waits)
                continue
            waits = Backoff(RETRY_SECONDS_MIN, RETRY_SECONDS_MAX)
            try:
                await self._take(chain, found)
            except Sealed:
                return
            await self._pause(chain, rows)

    async def _pause(self, chain: Chain, rows: list[Unsettled]) -> None:
        """Seconds until the next look.

        Soon while ours are under way, slowly while others must send them.
        """
        poll = chain.settings.poll_ms / 1000
        news = self._news[chain.id]
        news.clear()
        if any(row.state in ("signed", "sent") for row in rows):
            await asyncio.sleep(poll)
            return
        try:
            async with asyncio.timeout(max(poll, SLOW_POLL_SECONDS)):
                await news.wait()
        except TimeoutError:
            return

    async def _take(self, chain: Chain, found: Round) -> None:
        for end in found.settled:
            try:
                self._core.settle(end.id, orjson.dumps(end.as_json()))
            except HoldfastError as refusal:
                log.warning("not settled", request=end.id, code=str(refusal.args[0]))
                continue
            self._outcomes.pop(end.id, None)
            self._upkeep.ended(end.id)
            self._refusals.pop(end.id, None)
        await self._upkeep.look(chain, found.not_mined)
