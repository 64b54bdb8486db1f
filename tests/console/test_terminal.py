"""What really leaves the process: bytes read from a pseudo-terminal."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.operator_thread import SCENES, ThreadedOperator
from tests.support.terminal import Terminal

HOSTILE: list[str] = json.loads((SCENES / "hostile.json").read_text("utf-8"))
STRINGS = 1_000
BATCH = 25
AT = 1_772_625_600_000
RUN = """
import sys
from pathlib import Path
from holdfast.console import run
sys.exit(run(Path(sys.argv[1])))
"""

# Every control sequence the console itself has a reason to send.
OWN_SEQUENCES = re.compile(
    rb"\x1b\[[0-9;]*m"  # colours
    rb"|\x1b\[\d+;\d+H|\x1b\[H"  # cursor placed
    rb"|\x1b\[\?(?:7|25|1000|1002|1003|1004|1006|1015|1016|1049|2004|2026|2031|2048)(?:\$p|[hl])"
    rb"|\x1b\[(?:>\d*u|<\d*u|\?u|>4;\dm)"  # keyboard protocol
    rb"|\x1b\]22;[a-z-]+\x07"  # pointer shape
    rb"|\x1b\]2;(?:\(\d+!\) )?Holdfast\x07"  # window title
)


@pytest.fixture
def guardian(home: Path) -> Iterator[ThreadedOperator]:
    server = ThreadedOperator(home, "idle")
    yield server
    server.close()


def start(home: Path, columns: int, rows: int, **env: str) -> Terminal:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("TEXTUAL", "NO_COLOR"))}
    full = {**clean, "TERM": "xterm-256color", "XDG_CONFIG_HOME": str(home / "config"), **env}
    return Terminal([sys.executable, "-c", RUN, str(home)], full, columns, rows)


def leave(terminal: Terminal) -> None:
    """Presses q until the question comes: the first one may only close what is open."""
    for _ in range(20):
        terminal.type("q")
        until = time.monotonic() + 1
        while time.monotonic() < until:
            terminal.read()
            if b"Leave the console?" in terminal.output:
                return
    raise AssertionError(f"leaving was never asked; last: {bytes(terminal.output[-2000:])!r}")


def hostile_event(number: int, text: str) -> tuple[str, dict[str, Any]]:
    """One of the ways in which foreign words come with an event."""
    kinds: list[tuple[str, dict[str, Any]]] = [
        (
            "request.refused",
            {"agent": text, "method": text, "code": text, "path": text, "text": text},
        ),
        ("policy.rejected", {"digest": text, "error": text, "by": text}),
        ("policy.loaded", {"digest": "00", "name": text, "by": text, "source": text}),
        ("request.decided", request(number, text)),
        ("request.failed", {"id": f"r{number - 1}", "code": text, "text": text}),
    ]
    return kinds[number % len(kinds)]


def request(number: int, text: str) -> dict[str, Any]:
    """A waiting request with foreign words in every member that can hold words."""
    asset = {"chain_id": 1, "address": text, "standard": text, "symbol": text, "decimals": 6}
    effect = {"effect": "transfer", "asset": asset, "from": text, "to": text, "amount": text}
    return {
        "id": f"r{number}",
        "agent": text,
        "wallet": text,
        "method": text,
        "kind": "transaction",
        "chain_id": text,
        "request": {"data": text, text: text, "message": text},
        "digest": "0x00",
        "effects": [{**effect, "path": text, "expires": text}, {**effect, "effect": text}],
        "display": [{"label": text, "value": text}],
        "warnings": [{"code": text, "text": text}],
        "verdict": "approval",
        "reasons": [{"code": text, "rule": text, "observed": text, "limit": text}],
        "state": "waiting-approval",
        "expires_at": AT + number * 1000,
        "matures_at": None,
        "note": text,
        "policy": text,
    }


def limit(text: str) -> dict[str, Any]:
    numbers = {"used": "1", "reserved": "1", "max": "9", "left": text}
    return {"limit": text, "key": text, "measure": text, "window": "24h", **numbers}


def foreign_controls(output: bytes) -> list[bytes]:
    """Control bytes and forbidden characters that are not the console's own."""
    rest = OWN_SEQUENCES.sub(b"", output)
    found = re.findall(rb"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f].{0,30}", rest, re.DOTALL)
    text = rest.decode("utf-8", "strict")
    shapes = "[\x80-\x9f\xad\u0300-\u036f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ue000\ufeff]"
    found += [match.encode() for match in re.findall(shapes, text)]
    return found


def test_a_thousand_hostile_strings_put_no_foreign_byte_on_the_terminal(
    home: Path, guardian: ThreadedOperator
) -> None:
    quiet = home / "config" / "holdfast" / "console.json"
    quiet.parent.mkdir(parents=True)
    quiet.write_text('{"bell": false}')
    terminal = start(home, 200, 50)
    try:
        place = terminal.wait_for("guardian started")
        for first in range(0, STRINGS, BATCH):
            for number in range(first, first + BATCH):
                text = HOSTILE[number % len(HOSTILE)] + f" #{number}"
                kind, data = hostile_event(number + 10, text)
                guardian.event(kind, data, AT)
            guardian.server.limits = [limit(HOSTILE[first % len(HOSTILE)])]
            alerts = {"pending": 1, "failed": 1, "last_error": HOSTILE[first // BATCH]}
            guardian.health(AT, alerts=alerts, policy_alarm=HOSTILE[-1 - first // BATCH])
            guardian.event("guardian.started", {"version": f"mark-{first}."}, AT)
            place = terminal.wait_for(f"mark-{first}.", since=place)
            terminal.type("1j")
        terminal.type("?")
        terminal.wait_for("Decide", since=place)
        terminal.type("\x06")
        place = terminal.wait_for("freeze nothing", since=place)
        terminal.type("f")
        terminal.wait_for("■ frozen: ", since=place)
        leave(terminal)
        terminal.type("y")
        assert terminal.wait_exit() == 0
    finally:
        terminal.close()
    output = bytes(terminal.output)
    assert b"EVIL-TITLE" in output
    assert b"EVIL-CLICK" in output
    assert foreign_controls(output) == []


@pytest.mark.parametrize(
    "env",
    [{"TERM": "xterm"}, {"NO_COLOR": "1"}, {"TERM": "xterm", "COLORTERM": ""}],
    ids=["xterm", "no-color", "no-truecolor"],
)
def test_poor_terminals_show_the_state_in_words(
    home: Path, guardian: ThreadedOperator, env: dict[str, str]
) -> None:
    terminal = start(home, 80, 24, **env)
    try:
        terminal.wait_for("LIVE")
        data = {"freeze": 9, "scope": {"kind": "everything"}, "reason": "why", "actor": "ana"}
        guardian.event("freeze.set", data, AT)
        terminal.wait_for("FROZEN")
        leave(terminal)
        terminal.type("y")
        assert terminal.wait_exit() == 0
    finally:
        terminal.close()
    assert foreign_controls(bytes(terminal.output)) == []
    if env.get("TERM") == "xterm":
        assert b"38;2;" not in terminal.output


def test_what_waits_rings_and_stands_in_the_window_title(
    home: Path, guardian: ThreadedOperator
) -> None:
    terminal = start(home, 80, 24)
    try:
        terminal.wait_for("LIVE")
        before = bytes(terminal.output)
        guardian.event("request.decided", request(20, "plain"), AT)
        terminal.wait_for("\x1b]2;(1!) Holdfast\x07")
        assert OWN_SEQUENCES.sub(b"", bytes(terminal.output)).count(b"\x07") == 1
        assert b"\x1b]2;Holdfast\x07" in before
    finally:
        terminal.close()


def test_a_console_whose_terminal_is_gone_ends(home: Path, guardian: ThreadedOperator) -> None:
    terminal = start(home, 80, 24)
    try:
        terminal.wait_for("LIVE")
        terminal.hang_up()
        assert terminal.process.wait(20) != 0
    finally:
        terminal.close()
