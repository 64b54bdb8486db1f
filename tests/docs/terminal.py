"""A person at a terminal: runs a command under a pty and answers what it asks."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

WAIT_S = 90.0


class Terminal:
    """`answers` maps the end of a prompt to what is typed then. Without any the test types."""

    def __init__(self, command: list[str], env: dict[str, str], answers: Mapping[str, str]) -> None:
        self._answers = answers
        self._unanswered = ""
        self._last = ""
        self._typed_at = 0
        self.screen = ""
        self._master, slave = os.openpty()
        # The pty must be the controlling terminal: passphrases are read from /dev/tty.
        self.process = subprocess.Popen(
            command,
            env={**env, "TERM": "xterm-256color", "COLUMNS": "200", "LINES": "50"},
            preexec_fn=lambda: os.login_tty(slave),
            close_fds=True,
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.pump_until(lambda: self.process.poll() is not None, 30.0)
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._master)

    def finish(self) -> int:
        """Its exit code, once it ended."""
        self.pump_until(lambda: self.process.poll() is not None, WAIT_S)
        code = self.process.poll()
        assert code is not None, f"still running; the screen says:\n{self.screen}"
        return code

    def wait_for(self, words: str) -> None:
        """Returns when `words` are on the screen behind all that was typed before."""
        self.pump_until(lambda: words in self.screen[self._typed_at :], WAIT_S)
        assert words in self.screen[self._typed_at :], f"`{words}` is not shown:\n{self.screen}"

    def ask(self, prompt: str, typed: str) -> None:
        """Types a line once the screen ends with `prompt`."""
        self.pump_until(lambda: self._unanswered.endswith(prompt), WAIT_S)
        assert self._unanswered.endswith(prompt), f"`{prompt}` is not asked:\n{self.screen}"
        self._type(typed)

    def press(self, keys: str) -> None:
        """Types keys, whatever is shown."""
        self._typed_at = len(self.screen)
        os.write(self._master, keys.encode())

    def press_until(self, keys: str, words: str) -> None:
        """Types keys again and again: until a screen is there, none is heard."""
        start, deadline = len(self.screen), time.monotonic() + WAIT_S
        while words not in self.screen[start:] and time.monotonic() < deadline:
            self.press(keys)
            self.pump_until(lambda: words in self.screen[start:], 1.0)
        assert words in self.screen[start:], f"`{words}` is not shown:\n{self.screen[-3000:]}"

    def pump(self, seconds: float = 0.05) -> None:
        """Reads what is there, waiting at most so long for the first of it, and answers prompts."""
        while select.select([self._master], [], [], seconds)[0]:
            try:
                data = os.read(self._master, 65_536)
            except OSError:  # EIO: the other end is closed
                return
            if not data:
                return
            text = data.decode("utf-8", "replace")
            self.screen += text
            self._unanswered += text
            self._answer()
            seconds = 0.0

    def _answer(self) -> None:
        for prompt, answer in self._answers.items():
            if self._unanswered.endswith(prompt):
                self._last = answer
                break
        else:
            # A new passphrase is asked for a second time, without saying of what.
            if not self._answers or not self._unanswered.endswith("Repeat: "):
                return
        self._type(self._last)

    def _type(self, line: str) -> None:
        self._typed_at = len(self.screen)
        os.write(self._master, line.encode() + b"\n")
        self._unanswered = ""

    def pump_until(self, done: Callable[[], bool], seconds: float = WAIT_S) -> None:
        """Reads until something has come true, or the time is up."""
        deadline = time.monotonic() + seconds
        while not done() and time.monotonic() < deadline:
            self.pump()
        self.pump(0.0)
