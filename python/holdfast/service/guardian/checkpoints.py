"""When the log is signed and the state stored.

Every so many events, every so often, and at a clean stop.
"""

import asyncio
import hashlib
from typing import Protocol

from holdfast.service.guardian.core import Core, Sealed
from holdfast.service.journal.interface import Snapshot, Writer
from holdfast.service.journal.settings import JournalConfig
from holdfast.service.runtime.logs import get_logger

log = get_logger()

CHECK_SECONDS = 1.0


class NoteSigner(Protocol):
    """What signs notes with the log's key: the signer process."""

    async def checkpoint(self, size: int, root: bytes) -> bytes:
        """A signed checkpoint."""

    async def snapshot_note(self, size: int, root: bytes, sha256: bytes) -> bytes:
        """A signed note over a stored state."""


class Checkpoints:
    """Signs and stores in the background.

    A failure is logged and tried again, because the events are safe anyway.
    """

    def __init__(
        self, core: Core, journal: Writer, signer: NoteSigner, config: JournalConfig
    ) -> None:
        self._core = core
        self._journal = journal
        self._signer = signer
        self._config = config
        self._signed_size = max((size for size, _ in journal.reader.checkpoints()), default=0)
        self._stored_size = journal.reader.snapshot_size()
        self._signed_at = asyncio.get_running_loop().time()

    async def run(self) -> None:
        """Runs until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            unsigned = self._core.durable_size - self._signed_size
            late = loop.time() - self._signed_at >= self._config.checkpoint_seconds
            try:
                if self._core.durable_size - self._stored_size >= self._config.snapshot_events:
                    await self.snapshot()
                elif unsigned >= self._config.checkpoint_events or (unsigned and late):
                    await self.checkpoint()
            except Sealed:
                return
            except (OSError, RuntimeError) as error:
                log.warning("checkpoint failed", error=str(error))
                await asyncio.sleep(10 * CHECK_SECONDS)

    async def checkpoint(self) -> None:
        """Signs the log as it is now, once that is on disk."""
        if self._core.guard.size == self._signed_size:
            return
        size, root = self._core.end_commit()
        await self._core.durable()
        note = await self._signer.checkpoint(size, root)
        self._journal.add_checkpoint(size, note)
        self._signed_size = size
        self._signed_at = asyncio.get_running_loop().time()

    async def snapshot(self) -> None:
        """Signs the log and stores the state that belongs to it."""
        if self._core.guard.size == self._stored_size:
            return
        size, root = self._core.end_commit()
        data = self._core.guard.snapshot()
        await self._core.durable()
        sha256 = hashlib.sha256(data).digest()
        note = await self._signer.checkpoint(size, root)
        bound = await self._signer.snapshot_note(size, root, sha256)
        self._journal.add_checkpoint(size, note)
        self._journal.add_snapshot(Snapshot(size, root, sha256, data, bound))
        self._signed_size = self._stored_size = size
        self._signed_at = asyncio.get_running_loop().time()
