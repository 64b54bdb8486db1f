"""Whose call is next: agents take turns by the time they use, and the operator comes first.

The core decides on the loop's thread, so a call that takes long holds up everybody. A turn of the
loop serves agents for two milliseconds, or one call that takes longer, and then lets the sockets
be read again. While other agents want something too, an agent that used up its share of the loop
for nothing waits, and so do its connections. What the guardian goes on with itself, orders and
signatures, comes a few at a time: a commit that answers many would else hold up the sockets.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from holdfast.service.runtime.token_bucket import TokenBucket

# What a call may take of the loop before it counts.
CALL_SECONDS_FREE = 0.002
# A turn ends after this time; an agent's part of it, while others wait, after a quarter.
TURN_SECONDS = 0.002
PART_SECONDS = TURN_SECONDS / 4
# Another agent counts as wanting the loop for this long after its last call.
OTHERS_SECONDS = 1.0
SLEEP_SECONDS = (0.002, 0.25)
# Orders or signatures that the guardian goes on with in one turn; each takes about a sixth of a
# millisecond.
STEPS_PER_TURN = 8
# What is done at once in a turn takes no longer than this, but for the last piece.
WORK_SECONDS = TURN_SECONDS / 2
# A command or a freeze of the operator keeps others waiting for no longer than this.
OPERATOR_SECONDS_MAX = 0.25


class Waiting(Protocol):
    """A connection with calls to serve."""

    def serve(self) -> bool:
        """Carries one call out; whether there are more."""

    def drop(self) -> None:
        """Closes at once."""


class Budget(Protocol):
    """What turns need of an agent's budgets."""

    @property
    def share(self) -> TokenBucket:
        """Seconds of the loop."""


class Loop(Protocol):
    """What turns need of the event loop."""

    def call_soon(self, callback: Callable[[], None]) -> object:
        """Calls back in the next turn."""

    def call_later(self, delay: float, callback: Callable[[], None]) -> object:
        """Calls back after some seconds."""


class Lane:
    """One agent's connections that wait, in order."""

    __slots__ = ("budget", "credit", "queued", "served_at", "waiting")

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.credit = PART_SECONDS
        self.queued = False
        self.served_at = float("-inf")
        self.waiting: deque[Waiting] = deque()


class Turns:
    """Serves all agents' calls, a few milliseconds a turn."""

    def __init__(self, time: Callable[[], float], loop: Loop | None = None) -> None:
        """`time` gives monotonic seconds."""
        self._time = time
        self._loop: Loop = loop or asyncio.get_running_loop()
        self._lanes: dict[str, Lane] = {}
        self._active: deque[Lane] = deque()
        self._steps: deque[Callable[[], None]] = deque()
        self._work: deque[Callable[[], None]] = deque()
        self._scheduled = False
        self._operator_since: deque[float] = deque()

    def want(self, agent: str, budget: Budget, connection: Waiting) -> None:
        """The connection has calls. It must not ask again before it was served."""
        lane = self._lanes.get(agent)
        if lane is None:
            lane = self._lanes[agent] = Lane(budget)
        lane.budget = budget
        lane.waiting.append(connection)
        if not lane.queued:
            lane.queued = True
            self._active.append(lane)
            self._soon()

    def want_step(self, begin: Callable[[], None]) -> None:
        """Calls `begin` when it is the turn of one step of the guardian's own work."""
        self._steps.append(begin)
        self._soon()

    def want_work(self, work: Callable[[], None]) -> None:
        """Calls `work`, which does a piece of the guardian's own work at once, when it is its turn.

        As many in one turn as their time allows.
        """
        self._work.append(work)
        self._soon()

    async def step(self) -> None:
        """Returns when the caller may take one such step."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.want_step(lambda: None if turn.done() else turn.set_result(None))
        await turn

    def operator_waits(self) -> None:
        """A command or freeze of the operator is under way.

        All else waits until `operator_served`.
        """
        self._operator_since.append(self._time())

    def operator_served(self) -> None:
        """It is answered."""
        if self._operator_since:
            self._operator_since.popleft()
        if not self._operator_since and (self._active or self._steps or self._work):
            self._soon()

    def _soon(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        now = self._time()
        while self._operator_since and now - self._operator_since[0] > OPERATOR_SECONDS_MAX:
            self._operator_since.popleft()
        if self._operator_since:
            # Ends by `operator_served`, or here when that takes too long.
            self._scheduled = True
            self._loop.call_later(SLEEP_SECONDS[0], self._turn)
            return
        end = now + TURN_SECONDS
        for _ in range(min(len(self._steps), STEPS_PER_TURN)):
            self._steps.popleft()()
        try:
            now = self._do_work(now)
            while self._active and now < end:
                now = self._serve(self._active[0], now)
        finally:
            # A fault in one call must not keep others from theirs.
            if self._active or self._steps or self._work:
                self._soon()

    def _do_work(self, now: float) -> float:
        end = now + WORK_SECONDS
        while self._work and now < end:
            self._work.popleft()()
            now = self._time()
        return now

    def _serve(self, lane: Lane, now: float) -> float:
        """One call of the lane in front, or its place for the next; gives the time after it."""
        if lane.budget.share.left(now) <= 0 and self._others_want(lane, now):
            self._sleep(lane, now)
            return now
        if lane.credit <= 0 and len(self._active) > 1:
            lane.credit = min(lane.credit + PART_SECONDS, PART_SECONDS)
            self._active.rotate(-1)
            return now
        connection = lane.waiting.popleft()
        try:
            if connection.serve():
                lane.waiting.append(connection)
        except Exception:
            connection.drop()
            raise
        finally:
            after = self._time()
            self._account(lane, now, after)
        return after

    def _account(self, lane: Lane, now: float, after: float) -> None:
        spent = after - now
        lane.served_at = after
        lane.credit = spent_credit(lane.credit, spent, alone=len(self._active) == 1)
        if spent > CALL_SECONDS_FREE:
            lane.budget.share.charge(spent - CALL_SECONDS_FREE, after)
        if not lane.waiting:
            lane.queued = False
            self._active.popleft()

    def _others_want(self, lane: Lane, now: float) -> bool:
        since = now - OTHERS_SECONDS
        return any(
            each is not lane and (each.queued or each.served_at > since)
            for each in self._lanes.values()
        )

    def _sleep(self, lane: Lane, now: float) -> None:
        self._active.popleft()
        least, most = SLEEP_SECONDS
        delay = min(max(lane.budget.share.wait_s(now), least), most)
        self._loop.call_later(delay, lambda: self._wake(lane))

    def _wake(self, lane: Lane) -> None:
        self._active.append(lane)
        self._soon()


def spent_credit(credit: float, spent: float, *, alone: bool) -> float:
    """What an agent has left of its part; while it is alone it owes nothing."""
    return PART_SECONDS if alone else credit - spent
