"""Where a passphrase may come from: the terminal, a file descriptor, or a command.

Never the environment or an argument, which other programs can read.
"""

from __future__ import annotations

import getpass
import os
import shlex
import sys
from dataclasses import dataclass

from holdfast.process import child

PASSPHRASE_BYTES_MAX = 1024
NEW_PASSPHRASE_CHARACTERS_MIN = 8
COMMAND_SECONDS_MAX = 60


class PassphraseError(ValueError):
    """A passphrase could not be had, or is not one; the text never holds any of it."""


class GaveUp(PassphraseError):
    """There is no terminal to ask, or no answer came."""


@dataclass(frozen=True)
class PassphraseSource:
    """At most one of `fd` and `command`; with neither, the terminal is asked."""

    fd: int | None = None
    command: str | None = None

    def __post_init__(self) -> None:
        if self.fd is not None and self.command is not None:
            raise PassphraseError("give a passphrase by file descriptor or by command, not both")

    def read(self, what: str, *, new: bool = False, may_be_empty: bool = False) -> bytearray:
        """The passphrase of `what` ("this home") as UTF-8 without its line end.

        Zero it after use with `wipe`.

        A `new` one must have at least 8 characters. On the terminal it is typed twice, and asked
        for again while it is not one, or the second is another; only a person can correct it. One
        of another program `may_be_empty`.
        """
        if self.fd is not None:
            return _checked(_from_fd(self.fd), what, new, may_be_empty)
        if self.command is not None:
            return _checked(_from_command(self.command), what, new, may_be_empty)
        return _asked(what, new, may_be_empty)

    @property
    def asks(self) -> bool:
        """Whether a person is asked, who can be asked again."""
        return self.fd is None and self.command is None


def wipe(secret: bytearray) -> None:
    """Overwrites a secret that is no longer needed."""
    secret[:] = bytes(len(secret))


def _checked(passphrase: bytearray, what: str, new: bool, may_be_empty: bool = False) -> bytearray:
    if not passphrase and not may_be_empty:
        raise PassphraseError(f"the passphrase of {what} is empty")
    if len(passphrase) > PASSPHRASE_BYTES_MAX:
        raise PassphraseError(
            f"the passphrase of {what} is longer than {PASSPHRASE_BYTES_MAX} bytes"
        )
    try:
        characters = len(passphrase.decode("utf-8"))
    except UnicodeDecodeError:
        raise PassphraseError(f"the passphrase of {what} is not UTF-8 text") from None
    if b"\0" in passphrase:
        raise PassphraseError(f"the passphrase of {what} holds a NUL character")
    if new and characters < NEW_PASSPHRASE_CHARACTERS_MIN:
        raise PassphraseError(
            f"the passphrase of {what} is too short: use at least "
            f"{NEW_PASSPHRASE_CHARACTERS_MIN} characters"
        )
    return passphrase


def _from_fd(fd: int) -> bytearray:
    """One line of `fd`, read byte by byte.

    So a second passphrase may follow on the same descriptor.
    """
    line = bytearray()
    while len(line) <= PASSPHRASE_BYTES_MAX + 1:
        try:
            byte = os.read(fd, 1)
        except OSError as error:
            raise PassphraseError(
                f"file descriptor {fd} cannot be read: {error.strerror}"
            ) from None
        if byte in (b"", b"\n"):
            break
        line += byte
    return _without_line_end(line)


def _from_command(command: str) -> bytearray:
    """The first line that the command prints.

    Split as a shell would, but no shell runs it. It runs in `/`, as `child.run` says of the
    operator's commands.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise PassphraseError(
            f"the passphrase command cannot be split into words: {error}"
        ) from None
    if not words:
        raise PassphraseError("the passphrase command is empty")
    try:
        done = child.run(words, timeout_s=COMMAND_SECONDS_MAX, operators=True)
    except child.TimeoutExpired:
        raise PassphraseError(
            f"the passphrase command took longer than {COMMAND_SECONDS_MAX} s"
        ) from None
    except OSError as error:
        raise PassphraseError(
            f"the passphrase command `{words[0]}` cannot be run: {error.strerror}"
        ) from None
    if done.returncode != 0:
        raise PassphraseError(
            f"the passphrase command `{words[0]}` failed with exit code {done.returncode}"
        )
    return _without_line_end(bytearray(done.stdout.partition(b"\n")[0]))


def _asked(what: str, new: bool, may_be_empty: bool) -> bytearray:
    """A passphrase that is one, however often it takes. Raises GaveUp."""
    while True:
        passphrase = bytearray()
        try:
            passphrase = _from_terminal(f"Passphrase of {what}: ", what)
            _checked(passphrase, what, new, may_be_empty)
            if not new or _from_terminal("Repeat: ", what) == passphrase:
                return passphrase
            fault = "the two passphrases are not the same"
        except GaveUp:
            wipe(passphrase)
            raise
        except PassphraseError as error:
            fault = str(error)
        wipe(passphrase)
        sys.stderr.write(f"{fault}; type it again, or press Ctrl-C to leave\n")


def _from_terminal(prompt: str, what: str) -> bytearray:
    """What is typed without echo. Raises GaveUp without a terminal or an answer."""
    # getpass falls back to standard input with echo when there is no terminal; that is refused
    # here.
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        raise GaveUp(
            f"there is no terminal to ask for the passphrase of {what}: use --passphrase-fd or "
            "--passphrase-command"
        ) from None
    os.close(terminal)
    try:
        typed = getpass.getpass(prompt)
    except (EOFError, KeyboardInterrupt):
        raise GaveUp(f"no passphrase was given for {what}") from None
    try:
        return bytearray(typed.encode("utf-8"))
    except UnicodeEncodeError:
        raise PassphraseError(f"the passphrase of {what} is not UTF-8 text") from None


def _without_line_end(line: bytearray) -> bytearray:
    return line.removesuffix(b"\n").removesuffix(b"\r")
