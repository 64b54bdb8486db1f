"""The one place that starts other processes.

A child gets an environment made from nothing, the folder `/`, no descriptor that it was not given,
and a session of its own; a child of ours also Python's isolated mode.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT, CompletedProcess, Popen, TimeoutExpired
from typing import IO, Any

from holdfast.process.isolated import own_interpreter, without_loader

__all__ = [
    "DEVNULL",
    "PIPE",
    "STDOUT",
    "TERMINAL",
    "CompletedProcess",
    "Popen",
    "TimeoutExpired",
    "find",
    "own",
    "run",
    "start",
]

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT = {"PATH": PATH, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
# What a console must know of the terminal it draws on and of its user's settings: words, no paths
# that code is loaded from.
TERMINAL = (
    "COLORTERM",
    "COLUMNS",
    "HOME",
    "LINES",
    "NO_COLOR",
    "TERM",
    "TERM_PROGRAM",
    "TERM_PROGRAM_VERSION",
    "TEXTUAL_COLOR_SYSTEM",
    "TMUX",
    "XDG_CONFIG_HOME",
)

Stream = int | IO[Any] | None


def own(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of this package in isolated mode."""
    return [own_interpreter(), "-I", "-m", module, *arguments]


def start(
    command: Sequence[str],
    *,
    keep: Iterable[str] = (),
    session: bool = True,
    pass_fds: Sequence[int] = (),
    stdin: Stream = DEVNULL,
    stdout: Stream = None,
    stderr: Stream = None,
    text: bool = False,
) -> Popen[Any]:
    """Starts `command`, whose first word is an absolute path. Raises OSError, ValueError.

    Of the caller's environment the child sees only the variables in `keep`. Without `session` it
    stays in the caller's session, with its terminal.
    """
    if not Path(command[0]).is_absolute():
        raise ValueError(f"`{command[0]}` is not an absolute path")
    kept = {name: os.environ[name] for name in keep if name in os.environ}
    return _start(command, ENVIRONMENT | kept, session, pass_fds, stdin, stdout, stderr, text)


def run(
    command: Sequence[str],
    *,
    timeout_s: float,
    operators: bool = False,
    stderr: Stream = None,
    text: bool = False,
) -> CompletedProcess[Any]:
    """Runs `command` to its end and gives its exit code and output.

    Raises OSError, ValueError and TimeoutExpired; then the process is gone.

    With `operators` it is a command line of the operator's own. It keeps their environment, which
    programs that hold passphrases need (a desktop's bus, an agent's socket, a folder of secrets),
    without what changes the code it loads; and it keeps their terminal. It still runs in `/`, so
    that nothing beside the folder they happen to be in takes the place of a program or a file.
    """
    if operators:
        words = [find(command[0]), *command[1:]]
        environment = without_loader(os.environ)
        process = _start(words, environment, False, (), None, PIPE, stderr, text)
    else:
        process = start(command, stdout=PIPE, stderr=stderr, text=text)
    with process:
        try:
            out, err = process.communicate(timeout=timeout_s)
        except BaseException:
            process.kill()
            raise
    return CompletedProcess(process.args, process.returncode, out, err)


def find(program: str) -> str:
    """The absolute path of a program.

    It is named by its absolute path or found on the PATH, of which only absolute folders count.
    Raises FileNotFoundError.
    """
    if Path(program).is_absolute():
        return program
    folders = [each for each in os.environ.get("PATH", PATH).split(os.pathsep) if each[:1] == "/"]
    found = None if os.sep in program else shutil.which(program, path=os.pathsep.join(folders))
    if found is None:
        text = "not found; name it by its absolute path"
        raise FileNotFoundError(2, text, program)
    return found


def _start(
    command: Sequence[str],
    environment: dict[str, str],
    session: bool,
    pass_fds: Sequence[int],
    stdin: Stream,
    stdout: Stream,
    stderr: Stream,
    text: bool,
) -> Popen[Any]:
    return subprocess.Popen(
        list(command),
        env=environment,
        cwd="/",
        close_fds=True,
        start_new_session=session,
        pass_fds=pass_fds,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        text=text,
    )
