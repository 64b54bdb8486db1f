"""A wallet's transactions reach the nodes in the order of their nonces.

One that comes too early is set aside there, and some nodes forget to take it up again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

# A node that hangs holds up the next ones of the wallet for so long each.
PATIENCE_SECONDS = 0.5

Place = tuple[str, int]


class Lines:
    """One for each wallet and chain."""

    def __init__(self) -> None:
        self._locks: dict[Place, asyncio.Lock] = {}

    @asynccontextmanager
    async def turn(self, place: Place) -> AsyncIterator[None]:
        """Waits until those before it were sent, but not for long."""
        lock = self._locks.setdefault(place, asyncio.Lock())
        held = False
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                held = await lock.acquire()
        except TimeoutError:
            pass
        try:
            yield
        finally:
            if held:
                lock.release()
