"""A body of a post that may be called back until it is written to its connection.

Whatever the client waits for before that: a free connection, a name, a handshake.

aiohttp takes most of a second to import, so this module is loaded at the first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import BytesPayload

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.abc import AbstractStreamWriter


class CalledBack(Exception):
    """The body did not leave."""


class Revocable(BytesPayload):
    """Asks `still()` right before its bytes leave; `called_back` tells that they did not."""

    def __init__(self, body: bytes, still: Callable[[], bool]) -> None:
        super().__init__(body, content_type="application/json")
        self._still = still
        self.called_back = False

    def _ask(self) -> None:
        self.called_back = not self._still()
        if self.called_back:
            raise CalledBack

    async def write(self, writer: AbstractStreamWriter) -> None:
        """As that of a body of bytes. Raises CalledBack."""
        self._ask()
        await super().write(writer)

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        """The same. Raises CalledBack."""
        self._ask()
        await super().write_with_length(writer, content_length)
