"""Options that several commands share, and what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.output import Failure

if TYPE_CHECKING:
    from holdfast.secrets.passphrase import PassphraseSource
    from holdfast.service.home.folder import Home

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help="The guardian's home folder. Default: $HOLDFAST_HOME, else the XDG data folder.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
JsonErrorsOption = Annotated[
    bool, typer.Option("--json", help="Also print errors as JSON on stdout.")
]
PassphraseFd = Annotated[
    int | None,
    typer.Option(
        "--passphrase-fd", help="Read the passphrase from this file descriptor.", show_default=False
    ),
]
PassphraseCommand = Annotated[
    str | None,
    typer.Option(
        "--passphrase-command",
        help="Use the first line this command prints as the passphrase.",
        show_default=False,
    ),
]

YesOption = Annotated[bool, typer.Option("--yes", help="Sign without confirmation.")]
KeyOption = Annotated[
    Path | None,
    typer.Option(
        "--key",
        help="An operator key in a file of its own. Default: the one in the home.",
        show_default=False,
    ),
]


def locate(home: Path | None) -> Home:
    """The home meant by `--home`, not yet looked at."""
    from holdfast.service.home.folder import Home

    return Home.locate(home)


def existing(home: Path | None) -> Home:
    """The home meant by `--home`; fails when no guardian was made there."""
    found = locate(home)
    if not found.exists:
        text = f"there is no guardian in `{found.path}`: create one with `holdfast init`"
        raise Failure(text, code="no_home")
    return found


def source(fd: int | None, command: str | None) -> PassphraseSource:
    """Where a passphrase comes from; the terminal when neither option is given.

    Raises UnsafeFile when another user could change the code that would read it.
    """
    from holdfast.process.places import check_code
    from holdfast.secrets.passphrase import PassphraseSource

    check_code()
    return PassphraseSource(fd=fd, command=command)


def text_of(path: Path) -> str:
    """The text of a file the user named; `-` is standard input."""
    import sys

    try:
        # Not `read_text`, which changes line ends: a digest is of the bytes that are there.
        data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        number, column = before.count("\n") + 1, len(before.rsplit("\n", 1)[-1]) + 1
        place = f"line {number}, column {column}"
        text = f"`{path}` is not UTF-8 text: {place}; save it as UTF-8"
        raise Failure(text, code="bad_file") from None
    except OSError as error:
        raise Failure(f"`{path}` cannot be read: {error.strerror}", code="bad_file") from None
