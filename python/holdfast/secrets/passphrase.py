"""Where a passphrase may come from: the terminal, a file descriptor, or a command.

Never the environment or an argument, which other programs can read.
"""

from __future__ import annotations

import getpass
import os
import shlex
from dataclasses import dataclass

from holdfast.process import child

PASSPHRASE_BYTES_MAX = 1024
NEW_PASSPHRASE_CHARACTERS_MIN = 8
COMMAND_SECONDS_MAX = 60


class PassphraseError(ValueError):
    """A passphrase could not be had, or is not one; the text never holds any of it."""


@dataclass(frozen=True)
class PassphraseSource:
    """At most one of `fd` and `command`; with neither, the terminal is asked."""

    fd: int | None = None
    command: str | None = None

    def __post_init__(self) -> None:
        if self.fd is not None and self.command is not None:
            raise PassphraseError("give a passphrase by file descriptor or by command, not both")

    def read(self, what: str, *, new: bool = False, may_be_empty: bool = False) -> bytearray:
        """The passphrase of `what` ("this home") as UTF-8 without its line end; zero it after use
        with `wipe`.

        A `new` one is asked for twice on the terminal and must have at least 8 characters. One of
        another program `may_be_empty`.
        """
        if self.fd is not None:
            passphrase = _from_fd(self.fd)
        elif self.command is not None:
            passphrase = _from_command(self.command)
        else:
            passphrase = _from_terminal(what, twice=new)
        return passphrase if may_be_empty and not passphrase else _checked(passphrase, what, new)


def wipe(secret: bytearray) -> None:
    """Overwrites a secret that is no longer needed."""
    secret[:] = bytes(len(secret))


def _checked(passphrase: bytearray, what: str, new: bool) -> bytearray:
    if not passphrase:
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
            f"the passphrase of {what} is too short: take at least "
            f"{NEW_PASSPHRASE_CHARACTERS_MIN} characters"
        )
    return passphrase


def _from_fd(fd: int) -> bytearray:
    """One line of `fd`, read byte by byte so that a second passphrase may follow on the same
    descriptor.
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
    """The first line that the command prints. Split as a shell would, but no shell runs it. It runs
    in `/`, as `child.run` says of the operator's commands.
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


def _from_terminal(what: str, *, twice: bool) -> bytearray:
    # getpass falls back to standard input with echo when there is no terminal; that is refused
    # here.
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        raise PassphraseError(
            f"there is no terminal to ask for the passphrase of {what}: use --passphrase-fd or "
            "--passphrase-command"
        ) from None
    os.close(terminal)
    try:
        first = getpass.getpass(f"Passphrase of {what}: ")
        if twice and getpass.getpass("Once more: ") != first:
            raise PassphraseError("the two passphrases are not the same")
    except (EOFError, KeyboardInterrupt):
        raise PassphraseError(f"no passphrase was given for {what}") from None
    try:
        return bytearray(first.encode("utf-8"))
    except UnicodeEncodeError:
        raise PassphraseError(f"the passphrase of {what} is not UTF-8 text") from None


def _without_line_end(line: bytearray) -> bytearray:
    return line.removesuffix(b"\n").removesuffix(b"\r")
