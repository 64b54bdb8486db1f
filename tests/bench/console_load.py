"""The console at 1,000 events a second on a real terminal: its share of a core, and key to screen.

python -m tests.bench.console_load [--seconds N] [--rate N] [--json]

The console is a process on a pseudo-terminal of 200x50; the guardian's socket and the reading of
the terminal are in this process, so their cost is not counted. A baseline console without load
runs first. The share is measured while nobody types, then keys are pressed under the same load.
Prints `{"cpu_percent", "cpu_percent_idle", "key_ms_p50", "key_ms_p99", ...}`.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from tests.support.operator_thread import ThreadedOperator
from tests.support.terminal import Terminal

COLUMNS, ROWS = 200, 50
TICK_S = 0.01
WARM_UP_S = 3.0
KEY_EVERY_S = 0.1
SWITCH_S = 0.0005
SORTS = ("newest", "amount", "agent", "deadline")
RUN = """
import sys
from pathlib import Path
from holdfast.console import run
sys.exit(run(Path(sys.argv[1])))
"""


def life(server: Any, number: int) -> list[tuple[str, dict[str, Any]]]:
    """The events of one payment, shaped as the core records them."""
    template = next(e["data"] for e in server.events if e["kind"] == "request.decided")
    ident = f"r{server.seq + 1}"
    digest = "0x" + hashlib.sha256(ident.encode()).hexdigest()
    order = {"nonce": number, "gas": 65_000, "to": digest[:42], "value": "0", "data": digest * 2}
    return [
        ("request.decided", {**template, "id": ident, "digest": digest}),
        ("request.authorised", {"id": ident, "order": order, "digest": digest}),
        ("request.signed", {"id": ident, "hash": digest, "raw": digest * 4}),
        ("request.sent", {"id": ident, "outcome": "accepted", "text": ""}),
        ("request.settled", {"id": ident, "outcome": "confirmed", "block_number": number}),
    ]


class Load:
    """Pushes `rate` events a second from the server's own loop, keeping to the clock."""

    def __init__(self, guardian: ThreadedOperator, rate: int) -> None:
        self._guardian = guardian
        self._rate = rate
        self._stop = threading.Event()
        self.sent = 0

    async def run(self) -> None:
        server = self._guardian.server
        waiting: list[tuple[str, dict[str, Any]]] = []
        began = time.monotonic()
        said = began
        while not self._stop.is_set():
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            while self.sent < (now - began) * self._rate:
                if not waiting:
                    waiting = life(server, self.sent)
                kind, data = waiting.pop(0)
                server.push_event(kind, data, int(time.time() * 1000))
                del server.events[50:]
                self.sent += 1
            if now - said >= 1:
                said = now
                server.push_health(int(time.time() * 1000))

    def stop(self) -> None:
        self._stop.set()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def key_to_screen(terminal: Terminal, step: int) -> float:
    """Milliseconds from writing `s` until the new order's name leaves the terminal."""
    since = len(terminal.output)
    began = time.perf_counter()
    terminal.type("s")
    terminal.wait_for(f"by {SORTS[step % len(SORTS)]}", since=since)
    return (time.perf_counter() - began) * 1000


def measure(rate: int, seconds: float) -> tuple[float, list[float], int]:
    """(per cent of a core, key times in ms, events sent) with `rate` events a second."""
    with tempfile.TemporaryDirectory(prefix="hf") as folder:
        home = Path(folder)
        guardian = ThreadedOperator(home, "busy")
        load = Load(guardian, rate)
        env = {**os.environ, "TERM": "xterm-256color", "XDG_CONFIG_HOME": str(home / "config")}
        env |= {"COLORTERM": "truecolor"}
        terminal = Terminal([sys.executable, "-c", RUN, folder], env, COLUMNS, ROWS)
        try:
            terminal.wait_for("LIVE")
            running = guardian.begin(load.run())
            watch(terminal, WARM_UP_S)
            before, sent, began = cpu_seconds(terminal.process.pid), load.sent, time.monotonic()
            watch(terminal, seconds)
            elapsed = time.monotonic() - began
            share = (cpu_seconds(terminal.process.pid) - before) / elapsed * 100
            sent = load.sent - sent
            times: list[float] = []
            while time.monotonic() - began < 2 * seconds:
                terminal.output.clear()
                times.append(key_to_screen(terminal, len(times)))
                watch(terminal, KEY_EVERY_S)
            load.stop()
            running.result(5)
            return share, times, int(sent / elapsed)
        finally:
            load.stop()
            terminal.close()
            guardian.close()


def watch(terminal: Terminal, seconds: float) -> None:
    """Reads the terminal for a while, as a person's terminal does."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        terminal.read(left)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rate", type=int, default=1_000)
    parser.add_argument("--json", action="store_true", help="the only format there is")
    given = parser.parse_args()
    # Reading the terminal must not wait for the thread that makes the load.
    sys.setswitchinterval(SWITCH_S)
    idle, _, _ = measure(0, min(5.0, given.seconds))
    share, times, rate = measure(given.rate, given.seconds)
    result = {
        "cpu_percent": round(share, 1),
        "cpu_percent_idle": round(idle, 1),
        "key_ms_p50": round(percentile(times, 0.5), 1),
        "key_ms_p99": round(percentile(times, 0.99), 1),
        "keys": len(times),
        "events_per_s": rate,
        "seconds": given.seconds,
        "terminal": f"{COLUMNS}x{ROWS}",
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
