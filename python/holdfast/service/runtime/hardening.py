"""What the process with the keys does besides what every process does.

It is bound to its parent, locked in memory and inherits nothing. See mlockall(2).
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from pathlib import Path

from holdfast.process.hardening import (
    HardeningError,
    bind_to_parent,
    harden_process,
    is_dumpable,
)

__all__ = ["HardeningError", "close_inherited", "harden", "is_dumpable", "limit_recursion"]

CAP_IPC_LOCK = 14
MCL_CURRENT = 1
MCL_FUTURE = 2
MCL_ONFAULT = 4
RECURSION_MAX = 1000

_libc = ctypes.CDLL(None, use_errno=True)


def harden(parent: int) -> bool:
    """Protects this process before any secret enters it.

    It ties its life to that of `parent` (a process id).

    Gives whether its memory is locked, which needs a privilege or a limit that not every user has.
    Raises HardeningError when anything else fails.
    """
    harden_process()
    bind_to_parent(parent)
    return _lock_memory()


def close_inherited(keep: set[int]) -> None:
    """Closes every descriptor from 3 on that is not in `keep`."""
    for entry in list(Path("/proc/self/fd").iterdir()):
        descriptor = int(entry.name)
        if descriptor > 2 and descriptor not in keep:
            try:
                os.close(descriptor)
            except OSError:
                continue  # the descriptor that listed the folder


def limit_recursion() -> None:
    """Call after loading eth-account or web3.

    What they load lifts the limit so far that deeply nested input overflows the stack and ends the
    process instead of raising RecursionError.
    """
    sys.setrecursionlimit(RECURSION_MAX)


def _lock_memory() -> bool:
    # With a finite limit a later allocation would fail instead of being left unlocked, so the lock
    # is all or nothing.
    _, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (hard, hard))
    if hard != resource.RLIM_INFINITY and not _may_lock_without_limit():
        return False
    return bool(_libc.mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0)


def _may_lock_without_limit() -> bool:
    """Whether this process has CAP_IPC_LOCK; see capabilities(7)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> CAP_IPC_LOCK & 1)
    return False
