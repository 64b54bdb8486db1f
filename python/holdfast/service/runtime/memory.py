"""How the process asks for memory."""

from __future__ import annotations

import ctypes
import sys

# A parameter of mallopt, see its manual page.
M_ARENA_MAX = -8
ARENAS = 2


def limit_malloc_arenas() -> None:
    """Threads share two pools of memory.

    Each would otherwise get one of its own, and those that only load libraries after the start keep
    what they once needed for good. Call it before any thread starts; where the C library is another
    one, nothing happens.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Returns to the system what was needed once and is free by now: the C library would keep it.

    Takes some milliseconds.
    """
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
