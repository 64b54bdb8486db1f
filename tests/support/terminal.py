"""A program on a pseudo-terminal: every byte it sends is kept, keys are typed as by a person."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Sequence


class Terminal:
    """Runs `argv` on a fresh pty of `columns` x `rows`."""

    def __init__(
        self,
        argv: Sequence[str],
        env: dict[str, str],
        columns: int = 80,
        rows: int = 24,
        *,
        controlling: bool = False,
    ) -> None:
        """With `controlling` it is the program's terminal also where it opens `/dev/tty`."""
        self._master, child = pty.openpty()
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            list(argv),
            stdin=child,
            stdout=child,
            stderr=child,
            env=env,
            start_new_session=not controlling,
            preexec_fn=(lambda: os.login_tty(child)) if controlling else None,
        )
        os.close(child)
        self.output = bytearray()

    def read(self, seconds: float = 0.05) -> None:
        """Takes what is there, waiting at most `seconds` for the first byte."""
        while select.select([self._master], [], [], seconds)[0]:
            try:
                data = os.read(self._master, 1 << 16)
            except OSError:
                return
            if not data:
                return
            self.output += data
            seconds = 0

    def wait_for(self, words: str, seconds: float = 20, since: int = 0) -> int:
        """Reads until the words were sent after byte `since`; gives the place behind them."""
        wanted = words.encode()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            at = self.output.find(wanted, since)
            if at >= 0:
                return at + len(wanted)
            if self.process.poll() is not None:
                break
            self.read()
        raise AssertionError(f"`{words}` was never shown; last: {bytes(self.output[-2000:])!r}")

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def wait_exit(self, seconds: float = 20) -> int:
        """Reads until the program ended; gives its exit code."""
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            self.read()
        self.read(0)
        return self.process.wait(1)

    def hang_up(self) -> None:
        """The terminal goes away while the program runs."""
        os.close(self._master)
        self._master = -1

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(5)
        if self._master >= 0:
            os.close(self._master)
