"""The demonstration as a stranger sees it: a terminal, agents at work, a clean end."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

import pytest

WAIT_S = 90.0


class Terminal:
    """A program on a pseudo-terminal of 200x50, and all it has written."""

    def __init__(self, command: list[str]) -> None:
        self._main, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        env = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        self.process = subprocess.Popen(
            command, stdin=side, stdout=side, stderr=side, env=env, start_new_session=True
        )
        os.close(side)
        self.seen = b""

    def pump(self, wait_s: float) -> None:
        """Takes what it writes for a while."""
        ready, _, _ = select.select([self._main], [], [], wait_s)
        if ready:
            try:
                self.seen += os.read(self._main, 1 << 16)
            except OSError:  # the other side is closed
                time.sleep(wait_s)

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + WAIT_S
        while text.encode() not in self.seen:
            assert time.monotonic() < deadline, f"{text!r} not seen: {self.seen[-3000:]!r}"
            assert self.process.poll() is None, f"ended: {self.seen[-3000:]!r}"
            self.pump(0.1)

    def press_until(self, keys: list[str], text: str) -> None:
        """Presses keys one after the other, again and again.

        Before there is a request, or under a dialog that closes, one does nothing.
        """
        deadline = time.monotonic() + WAIT_S
        while text.encode() not in self.seen:
            assert time.monotonic() < deadline, f"{text!r} not seen: {self.seen[-3000:]!r}"
            for key in keys:
                self.press(key)
                for _ in range(5):
                    self.pump(0.1)

    def press(self, keys: str) -> None:
        os.write(self._main, keys.encode())

    def ended(self, keys: str) -> int:
        """Presses one key again and again (the first second after a dialog opens, none counts)."""
        deadline = time.monotonic() + WAIT_S
        while (code := self.process.poll()) is None:
            assert time.monotonic() < deadline, "it did not end"
            self.press(keys)
            for _ in range(5):
                self.pump(0.1)
        self.pump(0.1)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._main)


def processes_naming(text: str) -> list[str]:
    """Command lines of running processes that name `text`."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in line:
            found.append(line)
    return found


@pytest.mark.timeout(300)
def test_the_demo_opens_the_console_over_agents_at_work_and_leaves_nothing_behind() -> None:
    with tempfile.TemporaryDirectory(prefix="hf-") as folder:
        home = str(Path(folder) / "home")
        screen = Terminal([sys.executable, "-m", "holdfast", "demo", "--home", home])
        try:
            screen.wait_for("let me decide")
            screen.wait_for("Press Enter")
            screen.press("\r")
            for word in ("payer", "buyer", "hijacked"):
                screen.wait_for(word)
            assert processes_naming(home)
            screen.press_until(["a"], "The demo's passphrase is: let me decide")
            screen.press_until(["\x1b", "q"], "leave and stop the guardian")
            assert screen.ended("y") == 0
            assert re.search(rb"`hijacked` was stopped in \d+ of \d+ attempts", screen.seen)
            assert b"The journal verifies: yes" in screen.seen
        finally:
            screen.close()
        assert processes_naming(home) == []
