"""Whether there is a terminal that a screen can be drawn on."""

from __future__ import annotations

import os
import sys

from holdfast.cli.output import EXIT_USAGE, Failure

# The console reads keys from the one and draws on the other.
KEYS, SCREEN = 0, 2


def need_terminal(otherwise: str) -> None:
    """Raises Failure unless keys can be read and a screen of UTF-8 be drawn.

    `otherwise` says what to use without one.
    """
    if not (os.isatty(KEYS) and os.isatty(SCREEN)):
        text = f"there is no terminal on standard input and standard error: {otherwise}"
        raise Failure(text, code="no_terminal", exit_code=EXIT_USAGE)
    encoding = (sys.stderr.encoding or "").lower().replace("-", "")
    if encoding != "utf8":
        text = (
            f"the screen needs UTF-8, and this locale says {sys.stderr.encoding}: set LC_ALL, such "
            f"as `LC_ALL=C.UTF-8`, where the terminal shows it; else {otherwise}"
        )
        raise Failure(text, code="no_utf8", exit_code=EXIT_USAGE)
