"""One daemon per home: an exclusive flock on the lock file, held for the life of the process."""

import fcntl
import os
from pathlib import Path
from typing import Self


class HomeInUse(RuntimeError):
    """Another daemon owns this home."""


class HomeLock:
    """Holds the lock file open and locked until `release`.

    The kernel releases it when the process dies.
    """

    def __init__(self, path: Path) -> None:
        """Takes the lock.

        Raises HomeInUse when another process has it, OSError when the file cannot be opened.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._fd = os.open(path, flags, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip()
            os.close(self._fd)
            who = f" (process {owner})" if owner.isdigit() else ""
            raise HomeInUse(
                f"another guardian{who} already runs in {path.parent}; stop it first, or use "
                f"another --home"
            ) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Gives the home up.

        The file stays: removing it would let two daemons lock different files.
        """
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
