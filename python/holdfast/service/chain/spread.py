"""Signed bytes to every node of a chain at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from holdfast.service.chain.broadcast import ACCEPTED
from holdfast.service.chain.endpoint import EndpointDown

if TYPE_CHECKING:
    from holdfast.service.chain.broadcast import Broadcast
    from holdfast.service.chain.witness import Witness

# Of several answers to one sending, the one that says most.
OUTCOMES = ("accepted", "known", "unknown", "rejected")


class Spread:
    """Of one chain."""

    def __init__(self, witnesses: Sequence[Witness]) -> None:
        self._witnesses = witnesses
        self._tasks: set[asyncio.Task[Broadcast]] = set()

    async def send(self, raw: bytes, tx_hash: str, still: Callable[[], bool]) -> Broadcast:
        """Sends the bytes once to each node that is known to serve the chain, while `still()` says
        so, and gives the outcome that says most. Those that do not rest and have yet to say which
        chain they serve get them later: nobody waits for that. Raises EndpointDown only if the
        bytes surely reached none.
        """
        ready = [each for each in self._witnesses if each.is_verified()]
        later = [each for each in self._witnesses if not (each.is_verified() or each.rests)]
        waiting = {self._begin(each.broadcast(raw, tx_hash, still)) for each in ready}
        for each in later:
            self._begin(_when_verified(each, raw, tx_hash, still))
        found: list[Broadcast] = []
        fault = EndpointDown("no endpoint of the chain is there", not_sent=True)
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                error = task.exception()
                if isinstance(error, EndpointDown):
                    fault = error
                elif error is not None:
                    raise error
                else:
                    found.append(task.result())
            # Those that hang keep nobody waiting: the bytes are out.
            if ACCEPTED in found:
                break
        if not found:
            raise fault
        return min(found, key=lambda each: OUTCOMES.index(each.outcome))

    def _begin(self, sending: Coroutine[Any, Any, Broadcast]) -> asyncio.Task[Broadcast]:
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

    def _ended(self, task: asyncio.Task[Broadcast]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # Nobody may be waiting for it any more.
            task.exception()


async def _when_verified(
    witness: Witness, raw: bytes, tx_hash: str, still: Callable[[], bool]
) -> Broadcast:
    await witness.verify()
    return await witness.broadcast(raw, tx_hash, still)
