"""How commands speak: data on stdout, words on stderr, JSON with --json.

JSON is UTF-8 on every terminal; text for people has escapes for what a terminal cannot show.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NoReturn

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_NO_GUARDIAN = 3
EXIT_BUG = 70


class Failure(Exception):
    """A command cannot do what was asked. `text` says what, where and what to do next."""

    def __init__(
        self, text: str, *, code: str = "failed", exit_code: int = EXIT_FAILED, **more: Any
    ) -> None:
        super().__init__(text)
        self.text = text
        self.code = code
        self.exit_code = exit_code
        self.more = more


class ReaderGone(Exception):
    """The program that read our output ended, as `| head` does; that is no failure of ours."""


class OutputFailure(Failure):
    """Standard output cannot be written: nothing more is printed there."""

    def __init__(self, error: OSError) -> None:
        text = f"standard output cannot be written: {error.strerror}"
        super().__init__(text, code="output_failed")


def emit(value: object) -> None:
    """One JSON value on one line of stdout."""
    emit_raw(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def emit_raw(value: bytes) -> None:
    """JSON bytes of the core on one line of stdout, as they are."""
    with written():
        sys.stdout.flush()
        sys.stdout.buffer.write(value + b"\n")


def line(text: str = "") -> None:
    """One line of data for people on stdout."""
    with written():
        sys.stdout.write(text + "\n")


def flush() -> None:
    """Everything printed so far has left. Raises ReaderGone and OutputFailure."""
    with written():
        sys.stdout.flush()


def check_reader() -> None:
    """Raises ReaderGone when standard output is a pipe that has no reader any more."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    if any(event & select.POLLERR for _, event in poll.poll(0)):
        raise ReaderGone


def say(text: str) -> None:
    """Words on stderr."""
    flush()
    # Without a reader of words the exit code alone reports.
    with contextlib.suppress(OSError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def show_escapes() -> None:
    """Text that the terminal's encoding cannot say becomes escapes that it can."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def print_no_more() -> None:
    """What is still to be printed goes nowhere."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Left-aligned columns on stdout; nothing at all for no rows."""
    cells = [[str(cell) for cell in row] for row in rows]
    if not cells:
        return
    lines = [list(header), *cells]
    widths = [max(len(row[i]) for row in lines) for i in range(len(header))]
    for row in lines:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        line("  ".join(padded).rstrip())


def fail(failure: Failure, *, as_json: bool) -> NoReturn:
    """Ends the process with the failure said on stderr, and on stdout as JSON when asked for."""
    if isinstance(failure, OutputFailure):
        print_no_more()
    elif as_json:
        error = {"code": failure.code, "text": failure.text, **failure.more}
        emit({"error": error})
    say(f"holdfast: {failure.text}")
    sys.exit(failure.exit_code)


@contextlib.contextmanager
def written() -> Iterator[None]:
    """What is done here writes to stdout. Raises ReaderGone and OutputFailure."""
    try:
        yield
    except BrokenPipeError:
        raise ReaderGone from None
    except OSError as error:
        raise OutputFailure(error) from None
