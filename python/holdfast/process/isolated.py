"""Python's isolated mode (`python -I`).

Neither the folder a command is started in, nor PYTHONPATH, nor the user's own site-packages say
what is loaded; see "Command line and environment" in Python's manual.

This module loads first, before anything that a planted file could stand in for, so it imports only
what the interpreter has loaded already.
"""

from __future__ import annotations

import os
import sys

# What changes the code that a new process loads. Python ignores its own in isolated mode; programs
# that we start, such as a passphrase command, would not.
LOADER_PREFIXES = ("LD_", "PYTHON")
LOADER_VARIABLES = frozenset({"GCONV_PATH", "OPENSSL_CONF", "OPENSSL_ENGINES", "OPENSSL_MODULES"})

FIND = "import importlib.util as u, sys; sys.exit(u.find_spec('holdfast') is None)"


def isolate() -> None:
    """Continues in isolated mode.

    At once when this process is isolated, else by starting itself again in its place, with the same
    arguments, descriptors and folder. Exits with words when it cannot.
    """
    # The interpreter looks at its standard streams once, when it starts.
    if not open_standard_streams() and sys.flags.isolated:
        return
    drop_unsafe_entries()
    interpreter = own_interpreter()
    environment = without_loader(os.environ)
    if _may_be_out_of_reach() and os.spawnve(
        os.P_WAIT, interpreter, [interpreter, "-I", "-c", FIND], environment
    ):
        sys.exit(
            f"holdfast: `{_root()}` is on Python's path only by PYTHONPATH, by the working folder "
            "or as the user's own site-packages, which others could change: install Holdfast into "
            "a virtual environment and start its `holdfast`"
        )
    arguments = [interpreter, "-I", "-m", "holdfast", *sys.argv[1:]]
    os.execve(interpreter, arguments, environment)


def open_standard_streams() -> bool:
    """Whether a standard stream was closed.

    It is one on `/dev/null` now, so that no file that is opened later takes its number: reading
    ends, and writing to standard output fails.
    """
    closed = False
    for descriptor, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            closed = True
            opened = os.open(os.devnull, flags)
            if opened == descriptor:
                os.set_inheritable(descriptor, True)
            else:
                os.dup2(opened, descriptor)
                os.close(opened)
    return closed


def drop_unsafe_entries() -> None:
    """Takes the working folder, and what is relative to it, off `sys.path`."""
    try:
        here = _real(os.getcwd())
    except OSError:
        here = ""
    sys.path[:] = [each for each in sys.path if os.path.isabs(each) and _real(each) != here]


def own_interpreter() -> str:
    """The absolute path of this interpreter, by which it finds its virtual environment."""
    if not sys.executable:
        sys.exit("holdfast: the interpreter does not know its own path: start it by its full path")
    return os.path.abspath(sys.executable)


def without_loader(environment: os._Environ[str] | dict[str, str]) -> dict[str, str]:
    """The environment without what changes the code a new process loads."""
    return {
        name: value
        for name, value in environment.items()
        if name not in LOADER_VARIABLES and not name.startswith(LOADER_PREFIXES)
    }


def _real(path: str) -> str:
    return os.path.realpath(path)


def _root() -> str:
    """The folder on `sys.path` that this package was found in."""
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def _may_be_out_of_reach() -> bool:
    """Whether the package may have been found only where isolated mode does not look."""
    places = [*os.environ.get("PYTHONPATH", "").split(os.pathsep), os.curdir]
    root = _real(_root())
    in_home = root.startswith(_real(os.path.expanduser("~/.local/lib")) + os.sep)
    return in_home or any(_real(place) == root for place in places)
