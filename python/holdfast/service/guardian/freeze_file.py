"""The FREEZE file.

Anyone who can write into the home can stop everything, with or without a running daemon.

The file is taken away once its freeze is in the journal, where only an operator's key lifts it.
"""

import os
from pathlib import Path

from holdfast.secrets.files import sync_folder
from holdfast.service.guardian.core import Core, Sealed
from holdfast.service.runtime.logs import get_logger

log = get_logger()

EVERYTHING = b'{"kind":"everything"}'
REASON_BYTES_MAX = 500


class FreezeFile:
    """Turns the file into a freeze of everything."""

    def __init__(self, path: Path, core: Core) -> None:
        self.path = path
        self._core = core

    @property
    def present(self) -> bool:
        """Whether the file is there (a link or a folder of that name counts)."""
        return os.path.lexists(self.path)

    async def obey(self) -> None:
        """Freezes everything if the file is there, and removes it once that is durable."""
        if not self.present:
            return
        try:
            self._core.freeze(EVERYTHING, self._reason(), "file")
            self._core.flush()
            await self._core.durable()
        except Sealed:
            # Nothing is signed now; the file makes the next start begin frozen.
            return
        log.warning("frozen by file", path=str(self.path))
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            log.error("the freeze file cannot be removed", error=str(error))

    def drop(self, reason: str) -> None:
        """Leaves the file for the next start, durable. Raises OSError."""
        # A pipe of that name must not keep the guardian waiting.
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK
        fd = os.open(self.path, flags | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, reason.encode()[:REASON_BYTES_MAX])
            os.fsync(fd)
        finally:
            os.close(fd)
        sync_folder(self.path.parent)

    def _reason(self) -> str:
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return "the file FREEZE"
        try:
            text = os.read(fd, REASON_BYTES_MAX).decode("utf-8", "replace")
        except OSError:
            text = ""
        finally:
            os.close(fd)
        # One line is shown, however many a person wrote.
        return " ".join(text.split()) or "the file FREEZE"
