"""A guardian for as long as a console is open."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from holdfast.cli.link import Link, NoGuardian
from holdfast.cli.output import Failure, say

if TYPE_CHECKING:
    from holdfast.secrets.passphrase import PassphraseSource
    from holdfast.service.home import Home

START_S = 60.0
STOP_S = 20.0
LAST_WORDS = 2_000


@contextmanager
def running(home: Home, keys: PassphraseSource) -> Iterator[None]:
    """Starts a guardian unless one answers, and stops it at the end if it was started here."""
    with suppress(NoGuardian), Link(home.operator_socket):
        yield
        return
    process = _start(home, keys)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        _wait(home, process)
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            say("holdfast: the guardian did not end by itself and was killed")


def _leave(number: int, _: FrameType | None) -> NoReturn:
    """A polite kill or a lost terminal ends this as leaving the console does."""
    raise SystemExit(128 + number)


def _start(home: Home, keys: PassphraseSource) -> subprocess.Popen[bytes]:
    from holdfast.secrets.passphrase import wipe

    secret = keys.read("the wallets")
    read_end, write_end = os.pipe()
    try:
        os.write(write_end, secret + b"\n")
    finally:
        wipe(secret)
        os.close(write_end)
    command = [sys.executable, "-m", "holdfast", "serve", "--home", str(home.path)]
    descriptor = os.open(_log_path(home), os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(
            [*command, "--passphrase-fd", str(read_end)],
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            pass_fds=(read_end,),
            start_new_session=True,  # Ctrl-C in the console is not meant for the guardian
        )
    finally:
        os.close(read_end)
        os.close(descriptor)


def _log_path(home: Home) -> str:
    return str(home.run_dir / "serve.log")


def _wait(home: Home, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while True:
        with suppress(NoGuardian), Link(home.operator_socket):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise Failure(f"the guardian did not start: {_last_words(home)}", code="no_start")
        time.sleep(0.02)


def _last_words(home: Home) -> str:
    with Path(_log_path(home)).open("rb") as log:
        log.seek(0, os.SEEK_END)
        log.seek(max(0, log.tell() - LAST_WORDS))
        words = log.read().decode("utf-8", "replace").strip()
    return words.splitlines()[-1] if words else f"see `{_log_path(home)}`"
