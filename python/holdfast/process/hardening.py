"""What keeps a process to itself: no core files, not dumpable, no new privileges.

Linux only; see prctl(2). A process that is not dumpable cannot be traced, its memory, environment
and descriptors cannot be read or taken by other processes of its user (ptrace(2), "Ptrace access
mode checking"; pidfd_getfd(2)); only root can. The kernel makes a process dumpable again when it
executes a program, so each one does this for itself, first of all.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal

PR_SET_PDEATHSIG = 1
PR_GET_DUMPABLE = 3
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38

_libc = ctypes.CDLL(None, use_errno=True)


class HardeningError(RuntimeError):
    """A protection that must hold could not be had."""


def harden_process() -> None:
    """Protects this process, before any secret enters it and before it opens a socket to the keys.

    Raises HardeningError. Children inherit that they make no core file and gain no privilege.
    """
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except OSError as error:
        raise HardeningError(f"core files cannot be turned off: {error.strerror}") from None
    _prctl(PR_SET_DUMPABLE, 0, "not dumpable")
    _prctl(PR_SET_NO_NEW_PRIVS, 1, "without new privileges")


def bind_to_parent(parent: int) -> None:
    """Lets the kernel kill this process when the thread that started it ends.

    `parent` is the process id of that thread's process. Raises HardeningError when it is gone
    already.
    """
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL, "bound to its parent")
    # The parent may have died before the line above; then the signal never comes.
    if os.getppid() != parent:
        raise HardeningError("the process that started this one is gone")


def is_dumpable() -> bool:
    """Whether other processes of this user may look into this one."""
    return int(_libc.prctl(PR_GET_DUMPABLE, 0, 0, 0, 0)) != 0


def _prctl(option: int, value: int, words: str) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise HardeningError(f"this process cannot be made {words}: {reason}")
