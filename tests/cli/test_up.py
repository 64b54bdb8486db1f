"""`holdfast up`: a guardian for as long as its console is open, and words that say so."""

from __future__ import annotations

import os
import sys

import pytest
from tests.cli.conftest import PASSPHRASE
from tests.docs.terminal import Terminal

from holdfast.cli.link import Link, NoGuardian
from holdfast.service.home.folder import Home

pytestmark = pytest.mark.timeout(180)

PROMPT = "Passphrase of the wallets: "
LEAVE = "Leave the console?"


def holdfast(home: Home, command: str) -> Terminal:
    words = [sys.executable, "-m", "holdfast", command, "--home", str(home.path)]
    return Terminal(words, {**os.environ, "XDG_CONFIG_HOME": str(home.path.parent)}, {})


def answers(home: Home) -> bool:
    try:
        Link(home.operator_socket).close()
    except NoGuardian:
        return False
    return True


def leave(console: Terminal, *words: str) -> None:
    """Opens the question (the first key may come before the screen does), and says yes to it."""
    console.press_until("q", LEAVE)
    # The screen comes in pieces.
    console.pump_until(lambda: all(each in console.screen for each in words))
    assert all(each in console.screen for each in words), console.screen[-3000:]
    console.press("y")
    assert console.finish() == 0


def test_a_wrong_passphrase_is_asked_for_again_before_the_console_opens(home: Home) -> None:
    with holdfast(home, "up") as up:
        up.ask(PROMPT, "not this one")
        up.wait_for("this is not the passphrase of the wallets; type it again")
        assert not answers(home)
        assert "LIVE" not in up.screen
        up.ask(PROMPT, PASSPHRASE)
        up.wait_for("LIVE")
        assert answers(home)
        leave(up, "The guardian stops with it", "leave and stop the guardian")
    assert not answers(home)
    assert not home.freeze_file.exists(), "nothing that was typed was a key of the console"


def test_a_guardian_that_ran_before_goes_on_without_the_console(home: Home) -> None:
    with holdfast(home, "serve") as serve:
        serve.ask(PROMPT, PASSPHRASE)
        serve.pump_until(lambda: answers(home))
        with holdfast(home, "up") as up:
            up.wait_for("LIVE")
            leave(up, "The guardian keeps running")
        assert answers(home)
