"""Calls that wait for their request's outcome, for a few seconds at most.

Real clients give up after 10 s, so a call is held for 8 s and then answered "pending"; an identical
request attaches
later. Outcomes come from durable events only. A request whose caller is gone counts as answered
"pending", so that the
caller's retry joins it and does not pay twice; an outcome counts as delivered only when a living
connection took it.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from holdfast._core import Event, HoldfastError, RequestState
from holdfast.service.agents.errors import sealed
from holdfast.service.agents.leaving import Leaving
from holdfast.service.agents.outcomes import Outcome, outcome_of, pending
from holdfast.service.agents.reply import Out, Reply
from holdfast.service.guardian.core import Core, Sealed
from holdfast.service.guardian.waiting import Waiting

# Events that make a result; what a hash or signature stands for is on disk with them.
MADE_BY = frozenset({"request.signed", "request.sent", "request.settled"})

# Events that end nothing.
NO_END = frozenset({"request.authorised", "request.decided", "request.refused"})

# A crash within this time after an answer takes an identical call for the same payment.
TOLD_SECONDS = 0.05

Write = Callable[[Reply, Outcome, str], None]


class PendingCall:
    """One call that waits.

    `marked`: a pending answer left for its request, or is about to. `instead_of`: it waits until
    other bytes than those with this hash were signed and sent, or for the end.
    """

    __slots__ = (
        "done",
        "instead_of",
        "is_signed",
        "marked",
        "reply",
        "request_id",
        "until",
        "write",
    )

    def __init__(
        self,
        reply: Reply,
        request_id: str,
        write: Write,
        marked: bool,
        until: float,
        *,
        instead_of: str | None = None,
    ) -> None:
        self.reply = reply
        self.request_id = request_id
        self.write = write
        self.marked = marked
        self.until = until
        self.instead_of = instead_of
        self.is_signed = False
        self.done = False

    def is_answered_by(self, kind: str, state: RequestState | None) -> bool:
        """Whether the outcome that is there once this event is on disk is the one it waits for."""
        if self.instead_of is None or kind == "request.settled" or state is None:
            return True
        # The answer of a node to the bytes before can come as late as this.
        if kind == "request.signed" and state.hash != self.instead_of:
            self.is_signed = True
        # What an agent asked to be signed is not sent for it.
        return self.is_signed and (kind == "request.sent" or state.stage == "released")


class PendingCalls:
    """All calls that wait, by request."""

    def __init__(self, core: Core, hold_ms: int, retry_after_s: int, waiting: Waiting) -> None:
        self._core = core
        self._waiting = waiting
        self._told: list[str] = []
        self._leaving: set[Leaving] = set()
        self._tell: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._hold_s = hold_ms / 1000
        self._retry_after_s = retry_after_s
        self._by_request: dict[str, list[PendingCall]] = {}
        self._in_order: deque[PendingCall] = deque()
        self._timer: asyncio.TimerHandle | None = None
        core.listen(self._durable)
        core.on_sealed(self._sealed)

    def __len__(self) -> int:
        return sum(len(calls) for calls in self._by_request.values())

    def wait(
        self,
        reply: Reply,
        request_id: str,
        write: Write,
        *,
        marked: bool,
        anew: bool = False,
    ) -> None:
        """Answers `reply` through `write` with the outcome, or "pending" when the time is up.

        `anew`: not with the hash it has by now, but with that of the bytes that are sent next.
        """
        until = self._loop.time() + self._hold_s
        state = self._core.guard.state(request_id) if anew else None
        instead_of = None if state is None else state.hash
        call = PendingCall(reply, request_id, write, marked, until, instead_of=instead_of)
        self._by_request.setdefault(request_id, []).append(call)
        self._in_order.append(call)
        if self._timer is None:
            self._timer = self._loop.call_at(until, self._expire)

    def settle_now(self, reply: Reply, request_id: str, write: Write, *, marked: bool) -> bool:
        """Answers with the outcome the request already has, once that is durable.

        False if it has none.
        """
        outcome = self.outcome(request_id)
        if outcome is None:
            return False
        call = PendingCall(reply, request_id, write, marked, 0.0)
        self._core.after_durable(lambda ok: self._hand_over([call], outcome, ok))
        return True

    def outcome(self, request_id: str) -> Outcome | None:
        """The outcome of a request as memory has it (not yet durable, perhaps)."""
        told = self._core.guard.outcome(request_id)
        return None if told is None else outcome_of(told)

    def pending(self, request_id: str) -> Outcome:
        """What is told of a request that has no outcome yet: what it waits for, and until when."""
        waits = self._waiting.of(self._core.guard, request_id)
        return pending(request_id, self.retry_after_s(request_id), waits)

    def retry_after_s(self, request_id: str) -> int:
        """Seconds after which asking again about a pending request makes sense."""
        left = self._core.guard.delay_left_s(request_id, self._core.clock.now_ms())
        return self._retry_after_s if left is None else left

    def abandon(self, out: Out) -> None:
        """The caller behind `out` is gone.

        What it waited for must be joined by its retry, and so must what waits in a batch for its
        other calls.
        """
        for leaving in tuple(self._leaving):
            if leaving.is_for(out):
                with suppress(Sealed, HoldfastError):
                    self._core.mark_pending_answer(leaving.request_id)
        for request_id, calls in tuple(self._by_request.items()):
            gone = [call for call in calls if call.reply.connection is out]
            if gone and not any(call.marked for call in calls):
                self._mark(request_id, calls)

    def _mark(self, request_id: str, calls: list[PendingCall]) -> None:
        for call in calls:
            call.marked = True
        try:
            self._core.mark_pending_answer(request_id)
        except (Sealed, HoldfastError):
            return

    def _durable(self, events: list[Event]) -> None:
        if not self._by_request:
            return
        for event in events:
            kind = event.kind
            if kind in NO_END:
                continue
            for request_id in event.requests:
                self._look(request_id, kind)

    def _look(self, request_id: str, kind: str) -> None:
        """An event of this kind about the request is on disk: hand its outcome over if it has one.

        With what makes a result a result is on disk now. It leaves at once, before anything that
        became durable later is acknowledged, such as a freeze.
        """
        all_calls = self._by_request.get(request_id, [])
        if not all_calls:
            return
        state = self._core.guard.state(request_id)
        calls = [call for call in all_calls if call.is_answered_by(kind, state)]
        if not calls:
            return
        outcome = self.outcome(request_id)
        if outcome is None:
            return
        later = [call for call in all_calls if call not in calls]
        if later:
            self._by_request[request_id] = later
        else:
            del self._by_request[request_id]
        if kind in MADE_BY and outcome.result is not None:
            self._hand_over(calls, outcome, True)
        else:
            # The view may be ahead of the disk: wait until all of it is there.
            self._core.after_durable(lambda ok: self._hand_over(calls, outcome, ok))

    def _hand_over(self, calls: list[PendingCall], outcome: Outcome, ok: bool) -> None:
        request_id = calls[0].request_id
        marked = False
        replies = []
        for call in calls:
            if call.done:
                continue
            call.done = True
            marked = marked or call.marked
            if ok:
                call.write(call.reply, outcome, request_id)
                replies.append(call.reply)
            else:
                self._say_sealed(call)
        if not ok:
            return
        known = partial(self._has_left, marked, outcome.final)
        leaving = Leaving(request_id, replies, known)
        self._leaving.add(leaving)
        leaving.begin()
        self._leaving = {each for each in self._leaving if not each.is_known}

    def _has_left(self, marked: bool, final: bool, request_id: str, taken: bool) -> None:
        """All answers of this outcome were written, or cannot be any more."""
        self._leaving = {each for each in self._leaving if not each.is_known}
        try:
            if not marked and not (taken and final):
                self._core.mark_pending_answer(request_id)
            elif marked and taken and final:
                self._core.delivered(request_id)
            elif taken and final:
                self._delivered(request_id)
        except (Sealed, HoldfastError):
            return

    def _delivered(self, request_id: str) -> None:
        """Its agent has the answer and never had to come back: written down for many at once."""
        self._told.append(request_id)
        if self._tell is None:
            self._tell = self._loop.call_later(TOLD_SECONDS, self._write_down)

    def _write_down(self) -> None:
        self._tell = None
        told, self._told = self._told, []
        if told:
            with suppress(Sealed, HoldfastError):
                self._core.answers_delivered(told)

    def close(self) -> None:
        """Writes down which answers were delivered: after a start the same payment is a new one."""
        if self._tell is not None:
            self._tell.cancel()
        self._write_down()

    def _expire(self) -> None:
        """Answers "pending" for every call whose time is up, once that fact is durable."""
        now = self._loop.time()
        while self._in_order and (self._in_order[0].done or self._in_order[0].until <= now):
            call = self._in_order.popleft()
            if call.done:
                continue
            calls = self._by_request.get(call.request_id, [])
            if call not in calls:
                continue
            if not call.marked:
                self._mark(call.request_id, calls)
            self._core.after_durable(partial(self._say_pending, call))
        self._timer = None
        if self._in_order:
            self._timer = self._loop.call_at(self._in_order[0].until, self._expire)

    def _say_pending(self, call: PendingCall, ok: bool) -> None:
        if call.done:
            return
        call.done = True
        calls = self._by_request.get(call.request_id)
        if calls and call in calls:
            calls.remove(call)
            if not calls:
                del self._by_request[call.request_id]
        if ok:
            outcome = self.pending(call.request_id)
            call.write(call.reply, outcome, call.request_id)
        else:
            self._say_sealed(call)

    def _sealed(self, _: str) -> None:
        for calls in self._by_request.values():
            for call in calls:
                if not call.done:
                    call.done = True
                    self._say_sealed(call)
        self._by_request.clear()
        self._in_order.clear()

    def _say_sealed(self, call: PendingCall) -> None:
        error = sealed(self._core.sealed or "sealed")
        call.write(call.reply, Outcome(error=error, status="sealed"), call.request_id)
