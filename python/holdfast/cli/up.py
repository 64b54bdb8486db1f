"""A guardian for as long as a console is open, each in a process of its own."""

from __future__ import annotations

import os
import signal
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from holdfast.cli.link import Link, NoGuardian
from holdfast.cli.output import Failure, say
from holdfast.process import child

if TYPE_CHECKING:
    from holdfast.secrets.passphrase import PassphraseSource
    from holdfast.service.home.folder import Home

START_S = 60.0
STOP_S = 20.0
LAST_WORDS = 2_000
# Main screen, cursor, no mouse, no bracketed paste: what a console that was killed leaves undone.
RESTORE = "\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?2004l"


def run(home: Home, keys: PassphraseSource, theme: str | None) -> int:
    """Starts a guardian unless one answers, opens the console, stops what was started here.

    Gives the console's exit code. A polite kill or a lost terminal ends it as leaving does.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    with _guardian(home, keys) as started:
        return _console(home, theme, stops=started)


def _leave(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _console(home: Home, theme: str | None, *, stops: bool) -> int:
    options = ["--theme", theme] if theme else []
    options += ["--stops-guardian"] if stops else []
    command = child.own("holdfast", "console", "--home", str(home.path), *options)
    before = termios.tcgetattr(0) if sys.stdin.isatty() else None
    process = child.start(command, keep=child.TERMINAL, session=False, stdin=None)
    try:
        while True:
            # Ctrl-C is a key of the console, which is in the same foreground group.
            with suppress(KeyboardInterrupt):
                return process.wait()
    finally:
        if _stop(process) < 0 and before is not None:
            termios.tcsetattr(0, termios.TCSANOW, before)
            sys.stdout.write(RESTORE)
            sys.stdout.flush()


def _stop(process: child.Popen[bytes]) -> int:
    """The exit code of a process that is asked to end, and made to when it does not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_S)
        except child.TimeoutExpired:
            process.kill()
            say(f"holdfast: process {process.pid} did not end by itself and was killed")
    return process.wait()


@contextmanager
def _guardian(home: Home, keys: PassphraseSource) -> Iterator[bool]:
    """Whether it was started here, and so stops here."""
    try:
        Link(home.operator_socket).close()
    except NoGuardian:
        process = _start(home, keys)
    else:
        yield False
        return
    try:
        _wait(home, process)
        yield True
    finally:
        _stop(process)


def _passphrase(home: Home, keys: PassphraseSource) -> bytearray:
    """The passphrase of the wallets, tried on the log's key.

    A person is asked again, before the console takes the terminal and keys typed for a prompt are
    its commands.
    """
    from holdfast.secrets.passphrase import wipe
    from holdfast.service.guardian.session import open_log_key
    from holdfast.service.signer.client import WrongPassphrase

    while True:
        secret = keys.read("the wallets")
        try:
            open_log_key(home.log_key_path, secret)
        except WrongPassphrase:
            wipe(secret)
            fault = "this is not the passphrase of the wallets"
            if not keys.asks:
                raise Failure(f"{fault}: nothing was started", code="wrong_passphrase") from None
            say(f"{fault}; type it again, or press Ctrl-C to leave")
        else:
            return secret


def _start(home: Home, keys: PassphraseSource) -> child.Popen[bytes]:
    from holdfast.secrets.passphrase import wipe

    secret = _passphrase(home, keys)
    read_end, write_end = os.pipe()
    try:
        os.write(write_end, secret + b"\n")
    finally:
        wipe(secret)
        os.close(write_end)
    command = child.own("holdfast", "serve", "--home", str(home.path))
    command += ["--passphrase-fd", str(read_end)]
    descriptor = os.open(_log_path(home), os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        # In a session of its own: Ctrl-C in the console is not meant for the guardian.
        return child.start(command, stdout=descriptor, stderr=descriptor, pass_fds=(read_end,))
    finally:
        os.close(read_end)
        os.close(descriptor)


def _log_path(home: Home) -> Path:
    return home.run_dir / "serve.log"


def _wait(home: Home, process: child.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while True:
        with suppress(NoGuardian):
            Link(home.operator_socket).close()
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise Failure(f"the guardian did not start: {_last_words(home)}", code="no_start")
        time.sleep(0.02)


def _last_words(home: Home) -> str:
    with _log_path(home).open("rb") as log:
        log.seek(0, os.SEEK_END)
        log.seek(max(0, log.tell() - LAST_WORDS))
        words = log.read().decode("utf-8", "replace").strip()
    return words.splitlines()[-1] if words else f"see `{_log_path(home)}`"
