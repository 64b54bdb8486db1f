"""The one owner of the guard.

Nothing of a mutation leaves the process before its records are on disk.

Memory runs ahead of the disk by what is queued: every mutator queues its records at once, and
a caller that acts on the outcome waits with `after_durable`. If the journal fails, what memory
holds may never become true, so the core seals itself: it takes no more commands and says so to
those who wait.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from holdfast._core import (
    Applied,
    AuthoriseFacts,
    Event,
    Facts,
    Guard,
    HoldfastError,
    PreparedPolicy,
)
from holdfast.service.journal.interface import Writer
from holdfast.service.runtime.clock import Clock

HOW_TO_COME_BACK = (
    "nothing is signed until holdfast is started again; it then replays what is on disk"
)

Listener = Callable[[list[Event]], None]
Done = Callable[[bool], None]
# (request id, number of the order)
Orders = Callable[[list[tuple[str, int]]], None]


class Sealed(RuntimeError):
    """The journal failed and the guardian takes no more commands.

    The text says why and how to come back.
    """


class Core:
    """Every mutator of the guard, without its time.

    Each puts its records on the way to the journal.
    """

    def __init__(self, guard: Guard, journal: Writer, clock: Clock) -> None:
        """`guard` holds exactly what is in `journal`.

        Call on the running loop; starts the journal's writer.
        """
        self.guard = guard
        self.clock = clock
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._sealed: str | None = None
        self._durable = guard.size
        self._appended = guard.size
        self._fresh: list[Event] = []
        self._written: deque[Event] = deque()
        self._orders: deque[tuple[str, int]] = deque()
        self._on_orders: Orders | None = None
        self._waiting: deque[tuple[int, Done]] = deque()
        self._listeners: list[Listener] = []
        self._on_sealed: list[Callable[[str], None]] = []
        journal.start(self._from_writer_durable, self._from_writer_failed)

    @property
    def sealed(self) -> str | None:
        """Why the guardian takes no more commands; None while it does."""
        return self._sealed

    @property
    def durable_size(self) -> int:
        """Number of events that are on disk."""
        return self._durable

    def listen(self, listener: Listener) -> None:
        """From now on calls `listener(events)` with each durable batch, in order."""
        self._listeners.append(listener)

    def unlisten(self, listener: Listener) -> None:
        """Ends what `listen` began."""
        self._listeners.remove(listener)

    def on_orders(self, callback: Orders) -> None:
        """Calls `callback(orders)` with orders that are on disk and can be signed.

        They came with their decisions. One caller; what waits by now comes at once.
        """
        self._on_orders = callback
        self._hand_out_orders()

    def on_sealed(self, callback: Callable[[str], None]) -> None:
        """Calls `callback(text)` once when the guardian seals itself."""
        self._on_sealed.append(callback)

    def after_durable(self, done: Done) -> None:
        """Calls `done(True)` once everything applied so far is on disk.

        It is called on the loop; with False if that never happens.
        """
        if self._sealed is None and self._durable < self._appended:
            self._waiting.append((self._appended, done))
        else:
            self._loop.call_soon(done, self._sealed is None)

    async def durable(self) -> None:
        """Returns when everything applied so far is on disk. Raises Sealed if it never will be."""
        future: asyncio.Future[bool] = self._loop.create_future()
        self.after_durable(lambda ok: None if future.done() else future.set_result(ok))
        if not await future:
            raise Sealed(self._sealed or HOW_TO_COME_BACK)

    def seal(self, why: str) -> None:
        """Takes no more commands. Idempotent; only a new start undoes it."""
        if self._sealed is not None:
            return
        self._sealed = f"{why}; {HOW_TO_COME_BACK}"
        waiting, self._waiting = self._waiting, deque()
        for _, done in waiting:
            self._loop.call_soon(done, False)
        for callback in self._on_sealed:
            callback(self._sealed)

    def submit(self, agent: str, method: str, params: bytes, facts: Facts) -> Applied:
        """`Guard.submit`."""
        return self._ordered(self._apply(self.guard.submit, agent, method, params, facts))

    def submit_signed(self, agent: str, payload: bytes, signature: bytes, facts: Facts) -> Applied:
        """`Guard.submit_signed`."""
        return self._ordered(
            self._apply(self.guard.submit_signed, agent, payload, signature, facts)
        )

    def refuse(self, agent: str, method: str, params: bytes, code: str, text: str) -> Applied:
        """`Guard.refuse`."""
        return self._apply(self.guard.refuse, agent, method, params, code, text)

    def see_code(self, chain_id: int, facts: Facts) -> None:
        """`Guard.see_code`: no records."""
        self.guard.see_code(chain_id, facts)

    def check(self, agent: str, method: str, params: bytes, facts: Facts) -> bytes:
        """`Guard.check`: no records."""
        return self.guard.check(agent, method, params, facts, self.clock.now_ms())

    def command(self, payload: bytes, signature: bytes) -> Applied:
        """`Guard.command`. One that sets the clock sets ours."""
        applied = self._apply(self.guard.command, payload, signature)
        if any(event.kind == "clock.set" for event in applied.events):
            self.clock.set(self.guard.last_at)
        return applied

    def freeze(self, scope: bytes, reason: str, actor: str) -> Applied:
        """`Guard.freeze`."""
        return self._apply(self.guard.freeze, scope, reason, actor)

    def tick(self) -> Applied:
        """`Guard.tick`."""
        return self._apply(self.guard.tick)

    def authorise(self, request_id: str, facts: AuthoriseFacts) -> Applied:
        """`Guard.authorise`."""
        return self._apply(self.guard.authorise, request_id, facts)

    def fail(self, request_id: str, code: str, text: str) -> Applied:
        """`Guard.fail`."""
        return self._apply(self.guard.fail, request_id, code, text)

    def signed(self, request_id: str, payload: bytes) -> Applied:
        """`Guard.signed`."""
        return self._apply(self.guard.signed, request_id, payload)

    def sent(self, request_id: str, outcome: str, text: str) -> Applied:
        """`Guard.sent`."""
        return self._apply(self.guard.sent, request_id, outcome, text)

    def settle(self, request_id: str, outcome: bytes) -> Applied:
        """`Guard.settle`."""
        return self._apply(self.guard.settle, request_id, outcome)

    def replace(
        self, request_id: str, why: str, fee: int, tip: int, by: str, gas: int | None = None
    ) -> Applied:
        """`Guard.replace`."""
        return self._apply(self.guard.replace, request_id, why, fee, tip, gas, by)

    def hold(self, request_id: str, why: str) -> Applied:
        """`Guard.hold`."""
        return self._apply(self.guard.hold, request_id, why)

    def answers_delivered(self, request_ids: list[str]) -> Applied:
        """`Guard.answers_delivered`."""
        return self._apply(self.guard.answers_delivered, request_ids)

    def cancel(self, request_id: str, by: str) -> Applied:
        """`Guard.cancel`."""
        return self._apply(self.guard.cancel, request_id, by)

    def delivered(self, request_id: str) -> Applied:
        """`Guard.delivered`."""
        return self._apply(self.guard.delivered, request_id)

    def mark_pending_answer(self, request_id: str) -> Applied:
        """`Guard.mark_pending_answer`."""
        return self._apply(self.guard.mark_pending_answer, request_id)

    def load_policy(
        self,
        source: str,
        by: str,
        command: bytes | None = None,
        signature: bytes | None = None,
        also: Sequence[tuple[bytes, bytes]] = (),
        prepared: PreparedPolicy | None = None,
    ) -> Applied:
        """`Guard.load_policy`."""
        load = partial(self.guard.load_policy, also=list(also), prepared=prepared)
        return self._apply(load, source, by, command, signature)

    def load_config(self, digest: str, by: str, command: bytes, signature: bytes) -> Applied:
        """`Guard.load_config`."""
        return self._apply(self.guard.load_config, digest, by, command, signature)

    def reject_policy(self, source: str, error: str, by: str) -> Applied:
        """`Guard.reject_policy`."""
        return self._apply(self.guard.reject_policy, source, error, by)

    def clock_jumped(self, wall_ms: int, expected_ms: int) -> Applied:
        """`Guard.clock_jumped`."""
        return self._apply(self.guard.clock_jumped, wall_ms, expected_ms)

    def started(self, version: str) -> Applied:
        """`Guard.started`."""
        return self._apply(self.guard.started, version)

    def stopped(self) -> Applied:
        """`Guard.stopped`."""
        return self._apply(self.guard.stopped)

    def _apply(self, mutate: Callable[..., Applied], *arguments: object) -> Applied:
        if self._sealed is not None:
            raise Sealed(self._sealed)
        try:
            applied = mutate(*arguments, self.clock.now_ms())
            events = applied.events
        except HoldfastError:
            raise
        except BaseException as error:
            # A panic in the core: its state may be half changed, so nothing more may come of it.
            self.seal(f"the core failed ({type(error).__name__}: {error})")
            raise Sealed(self._sealed) from error
        if events:
            if not self._fresh:
                self._loop.call_soon(self._flush)
            self._fresh += events
            self._appended += len(events)
        return applied

    def _ordered(self, applied: Applied) -> Applied:
        """Notes an order that came with its decision."""
        if applied.order is not None and applied.request_id is not None:
            self._orders.append((applied.request_id, applied.order))
        return applied

    def _flush(self) -> None:
        """Hands all records of one turn of the loop to the writer at once.

        With the size and root that they lead to.
        """
        events, self._fresh = self._fresh, []
        if not events or self._sealed is not None:
            return
        if self.guard.size != self._appended:
            self.seal("the core holds events that were never queued for the journal")
            return
        self._written.extend(events)
        records = [event.record for event in events]
        self._journal.append(records, self._appended, self.guard.root)

    def end_commit(self) -> tuple[int, bytes]:
        """Makes everything applied so far end a commit of the journal.

        Gives the size and root there. It is on disk after `durable`.
        """
        self._flush()
        self._journal.end_commit()
        return self.guard.size, self.guard.root

    def flush(self) -> None:
        """Hands queued records over now, for a stop that ends the loop."""
        self._flush()

    def _from_writer_durable(self, size: int) -> None:
        self._loop.call_soon_threadsafe(self._durable_to, size)

    def _from_writer_failed(self, error: Exception) -> None:
        self._loop.call_soon_threadsafe(self.seal, f"the journal cannot be written ({error})")

    def _durable_to(self, size: int) -> None:
        if self._sealed is not None:
            return
        batch = [self._written.popleft() for _ in range(size - self._durable)]
        self._durable = size
        waiting = self._waiting
        while waiting and waiting[0][0] <= size:
            waiting.popleft()[1](True)
        for listener in tuple(self._listeners):
            listener(batch)
        self._hand_out_orders()

    def _hand_out_orders(self) -> None:
        ready = []
        while self._on_orders and self._orders and self._orders[0][1] < self._durable:
            ready.append(self._orders.popleft())
        if ready and self._on_orders:
            self._on_orders(ready)
