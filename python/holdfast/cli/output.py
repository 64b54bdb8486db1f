"""How commands speak: data on stdout, words on stderr, JSON with --json."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
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


def emit(value: object) -> None:
    """One JSON value on one line of stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")


def emit_raw(value: bytes) -> None:
    """JSON bytes of the core on one line of stdout, as they are."""
    sys.stdout.write(value.decode() + "\n")


def line(text: str = "") -> None:
    """One line of data for people on stdout."""
    sys.stdout.write(text + "\n")


def say(text: str) -> None:
    """Words on stderr."""
    sys.stdout.flush()
    sys.stderr.write(text + "\n")


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
    if as_json:
        error = {"code": failure.code, "text": failure.text, **failure.more}
        emit({"error": error})
    say(f"holdfast: {failure.text}")
    sys.exit(failure.exit_code)
