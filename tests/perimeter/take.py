"""An attack: what a process can take from others of its own user.

Prints one JSON object, process id to what was taken. Run with `python -I take.py PID...`.
"""

import ctypes
import json
import os
import sys

PIDFD_GETFD = 438
PTRACE_ATTACH, PTRACE_DETACH = 16, 17
FDS = 64

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def taken_from(pid: int) -> list[str]:
    """The names of what could be taken."""
    pidfd = os.pidfd_open(pid)
    numbers = [n for n in range(FDS) if libc.syscall(PIDFD_GETFD, pidfd, n, 0) >= 0]
    taken = [f"descriptor {number}" for number in numbers]
    for name in ("environ", "mem", "maps"):
        try:
            with open(f"/proc/{pid}/{name}", "rb") as file:
                if name != "mem":
                    file.read(1)
                taken.append(name)
        except OSError:
            pass
    for number in range(FDS):
        try:
            os.readlink(f"/proc/{pid}/fd/{number}")
            taken.append(f"way to descriptor {number}")
        except OSError:
            pass
    if libc.ptrace(PTRACE_ATTACH, pid, None, None) == 0:
        os.waitpid(pid, 0)
        libc.ptrace(PTRACE_DETACH, pid, None, None)
        taken.append("control")
    return taken


print(json.dumps({pid: taken_from(int(pid)) for pid in sys.argv[1:]}))
