"""A wallet's transactions reach the nodes in the order of their nonces.

One that comes too early is set aside there, and some nodes forget to take it up again. What is
ready while others of the wallet are on their way goes with the next post.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

# A node that hangs holds up the next ones of the wallet for so long each.
PATIENCE_SECONDS = 0.5
# So many go together.
TOGETHER_MAX = 16

# Wallet, chain, and whether by private relays.
Place = tuple[str, int, bool]
# A request, and what its caller waits for.
Waiting = tuple[str, "asyncio.Future[None]"]
# Sends these requests' bytes; gives of each the error that the caller of `send` gets, or None.
SendAll = Callable[[list[str]], Awaitable[list[Exception | None]]]


class NonceOrder:
    """One line for each place. In a line requests are sent in the order of `send`."""

    def __init__(self) -> None:
        self._lines: dict[Place, deque[Waiting]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def send(self, place: Place, request_id: str, send_all: SendAll) -> None:
        """Returns when the request was sent, alone or with others of its line.

        `send_all` must be the same for a place at all times. Raises what it gives for the request,
        or raises.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line = self._lines.get(place)
        if line is None:
            self._lines[place] = deque([(request_id, done)])
            self._begin(self._run(place, send_all))
        else:
            line.append((request_id, done))
        await done

    def stop(self) -> None:
        """Ends what is on its way."""
        for task in self._tasks:
            task.cancel()

    def _begin(self, work: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self, place: Place, send_all: SendAll) -> None:
        line = self._lines[place]
        try:
            while line:
                group: list[Waiting] = []
                while line and len(group) < TOGETHER_MAX:
                    one = line.popleft()
                    if not one[1].done():
                        group.append(one)
                if group:
                    await asyncio.wait(
                        {self._begin(_send(group, send_all))}, timeout=PATIENCE_SECONDS
                    )
        finally:
            del self._lines[place]
            for _, done in line:
                done.cancel()


async def _send(group: list[Waiting], send_all: SendAll) -> None:
    errors: list[Exception | None]
    try:
        errors = await send_all([request_id for request_id, _ in group])
    except asyncio.CancelledError:
        for _, done in group:
            done.cancel()
        raise
    except Exception as failure:  # noqa: BLE001 - it belongs to those who wait
        errors = [failure] * len(group)
    for (_, done), error in zip(group, errors, strict=True):
        if done.done():
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
