"""Room on the disk that is held for the journal's last words."""

from __future__ import annotations

import os
from pathlib import Path


class Reserve:
    """A file that holds room on the disk.

    Safe from any thread: each call is one system call or does nothing.
    """

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size = size

    @property
    def held(self) -> bool:
        """Whether the room is held."""
        try:
            return self.path.stat().st_blocks * 512 >= self.size
        except FileNotFoundError:
            return False

    def hold(self) -> bool:
        """Takes the room; False if there is not enough of it."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            fd = os.open(self.path, flags, 0o600)
            try:
                os.posix_fallocate(fd, 0, self.size)
            finally:
                os.close(fd)
        except OSError:
            self.give_up()
            return False
        return True

    def give_up(self) -> bool:
        """Gives the room back to the disk; False if there was none to give."""
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        return True
