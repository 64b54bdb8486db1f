"""Signed bytes to every node of a chain at once."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from holdfast.service.chain.broadcast import ACCEPTED, Broadcast
from holdfast.service.chain.endpoint import EndpointDown

if TYPE_CHECKING:
    from holdfast.service.chain.witness import Sending, Witness

Told = list[Broadcast | EndpointDown]

# Of several answers to one sending, the one that says most.
OUTCOMES = ("accepted", "known", "unknown", "rejected")


class Spread:
    """Of one chain."""

    def __init__(self, witnesses: Sequence[Witness]) -> None:
        self._witnesses = witnesses
        self._tasks: set[asyncio.Task[Told]] = set()

    async def send(self, sendings: Sequence[Sending]) -> list[Broadcast | EndpointDown]:
        """Sends the bytes once and in order to each node known to serve the chain.

        It gives of each the outcome that says most. Those nodes that do not rest and have yet to
        say which chain they serve get them later: the caller does not wait for that. An
        EndpointDown instead of an outcome says that those bytes surely reached none.
        """
        ready = [each for each in self._witnesses if each.is_verified()]
        later = [each for each in self._witnesses if not (each.is_verified() or each.rests)]
        waiting = {self._begin(each.broadcast_all(sendings)) for each in ready}
        for each in later:
            self._begin(_when_verified(each, sendings))
        none = EndpointDown("no endpoint of the chain is available", not_sent=True)
        found: list[Broadcast | EndpointDown] = [none] * len(sendings)
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                found = [_better(*pair) for pair in zip(found, _told(task, found), strict=True)]
            # Those that hang keep no other waiting: the bytes are out.
            if all(each is ACCEPTED for each in found):
                break
        return found

    def _begin(self, sending: Coroutine[Any, Any, Told]) -> asyncio.Task[Told]:
        task = asyncio.create_task(sending)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def close(self) -> None:
        """Ends what is still under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Told]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # It may have been given up.
            task.exception()


def _told(task: asyncio.Task[Told], so_far: Told) -> Told:
    error = task.exception()
    if isinstance(error, EndpointDown):
        return [error] * len(so_far)
    if error is not None:
        raise error
    return task.result()


def _better(
    one: Broadcast | EndpointDown, other: Broadcast | EndpointDown
) -> Broadcast | EndpointDown:
    """That which says more of where the bytes are."""
    if isinstance(other, EndpointDown):
        return one if not isinstance(one, EndpointDown) else other
    if isinstance(one, EndpointDown):
        return other
    return min(one, other, key=lambda each: OUTCOMES.index(each.outcome))


async def _when_verified(witness: Witness, sendings: Sequence[Sending]) -> Told:
    await witness.verify()
    return await witness.broadcast_all(sendings)
