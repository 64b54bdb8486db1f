"""How many events were committed, in a file of its own beside the journal.

The end of a journal that is missing, with its proofs, leaves a journal that is whole. This number
shows it: written at each commit and never synced, it outlives a kill, and after a loss of power it
may be an older one. It proves nothing, so it only keeps a start from forgetting limits.
"""

from __future__ import annotations

import os
from pathlib import Path

from holdfast.service.journal.interface import JournalError

_DIGITS = 16


def path_of(journal: Path) -> Path:
    """Where the number of this journal is."""
    return journal.with_suffix(".size")


def committed(journal: Path) -> int:
    """How many events were committed at least; 0 where the file is missing or holds no number."""
    try:
        text = path_of(journal).read_bytes()[:_DIGITS]
    except OSError:
        return 0
    return int(text) if text.isdigit() else 0


def check(journal: Path, size: int) -> None:
    """Raises JournalError `journal_cut` when more than `size` events were committed once."""
    known = committed(journal)
    if known > size:
        raise JournalError(
            "journal_cut",
            f"{known} events were committed, but only {size} are left: the end of the journal is "
            "missing, and with it what counts under the limits. Restore it from a backup; to go on "
            f"without, remove `{path_of(journal).name}`",
        )


class HighWater:
    """The number, open for writing. One system call a commit, which needs no room on the disk."""

    def __init__(self, journal: Path) -> None:
        """Raises OSError."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._fd = os.open(path_of(journal), flags, 0o600)

    def put(self, size: int) -> None:
        """So many events are committed. Raises OSError."""
        os.pwrite(self._fd, b"%0*d\n" % (_DIGITS, size), 0)

    def close(self) -> None:
        """Closes the file."""
        os.close(self._fd)
