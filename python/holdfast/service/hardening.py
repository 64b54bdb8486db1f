"""What keeps the signer's memory to itself: no core files, not dumpable, locked in memory, nothing
inherited.

Linux only; see prctl(2) and mlockall(2).
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_GET_DUMPABLE = 3
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38
CAP_IPC_LOCK = 14
MCL_CURRENT = 1
MCL_FUTURE = 2
MCL_ONFAULT = 4
RECURSION_MAX = 1000
KEPT_VARIABLES = ("PATH", "PYTHONPATH", "LANG")

_libc = ctypes.CDLL(None, use_errno=True)


class HardeningError(RuntimeError):
    """A protection that must hold could not be had."""


def harden(parent: int) -> bool:
    """Protects this process before any secret enters it, and ties its life to that of `parent` (a
    process id).

    Gives whether its memory is locked, which needs a privilege or a limit that not every user has.
    Raises HardeningError when anything else fails.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _prctl(PR_SET_DUMPABLE, 0, "not dumpable")
    _prctl(PR_SET_NO_NEW_PRIVS, 1, "without new privileges")
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL, "bound to its parent")
    # The parent may have died before the line above; then the signal never comes.
    if os.getppid() != parent:
        raise HardeningError("the process that started this one is gone")
    return _lock_memory()


def is_dumpable() -> bool:
    """Whether other processes of this user may look into this one."""
    return int(_libc.prctl(PR_GET_DUMPABLE, 0, 0, 0, 0)) != 0


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
    """Call after loading eth-account or web3: what they load lifts the limit so far that deeply
    nested input overflows the stack and ends the process instead of raising RecursionError.
    """
    sys.setrecursionlimit(RECURSION_MAX)


def clean_environment(environment: dict[str, str]) -> dict[str, str]:
    """The few variables a new interpreter needs; everything else may hold secrets or change what it
    loads.
    """
    return {name: environment[name] for name in KEPT_VARIABLES if name in environment}


def _prctl(option: int, value: int, words: str) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise HardeningError(f"this process cannot be made {words}: {reason}")


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
