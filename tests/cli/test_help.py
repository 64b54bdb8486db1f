"""What every command has: help with an example, plain errors, a quick start."""

import re
import subprocess
import sys

import pytest
from tests.cli.conftest import Run

COMMANDS = [
    "init",
    "serve",
    "console",
    "up",
    "demo",
    "status",
    "prices",
    "watch",
    "pending",
    "show",
    "approve",
    "deny",
    "bump",
    "cancel",
    "freeze",
    "thaw",
    "decode",
    "policy check",
    "policy apply",
    "policy decide",
    "policy new",
    "policy explain",
    "policy worst-case",
    "policy diff",
    "policy import",
    "policy review",
    "policy schema",
    "policy shadow",
    "policy test",
    "policy try",
    "policy trust",
    "policy sign",
    "config apply",
    "assets add",
    "assets list",
    "journal verify",
    "journal export",
    "journal replay",
    "alerts test",
    "alerts status",
    "grant",
    "grant give",
    "grant revoke",
    "nonce",
    "nonce set",
    "clock",
    "clock set",
    "operator new",
]
SLOW = ("web3", "eth_account", "apprise", "textual", "nacl", "structlog", "uvloop", "asyncio")


def test_help_lists_every_command(run: Run) -> None:
    listed = re.findall(r"^  ([a-z]+) ", run("--help").out, re.MULTILINE)
    assert listed == list(dict.fromkeys(name.split()[0] for name in COMMANDS))


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_with_an_example(command: str, run: Run) -> None:
    result = run(*command.split(), "--help")
    assert result.code == 0
    assert f"holdfast {command}" in result.out.split("Example", 1)[1].split("Options:")[0]


def test_nothing_slow_is_loaded_before_a_command_needs_it() -> None:
    """The imports behind `holdfast policy check` stay few, so that it starts at once."""
    program = "import sys, holdfast.cli.main; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert not loaded & set(SLOW)


def test_wrong_use_is_exit_code_2_and_says_what_is_wrong(run: Run) -> None:
    result = run("policy", "check")
    assert result.code == 2
    assert "Missing argument" in result.err
    assert not result.out


@pytest.mark.parametrize("command", [["status"], ["pending"], ["show", "r1"], ["thaw"], ["watch"]])
def test_a_home_that_is_not_there_is_one_sentence(command: list[str], run: Run, tmp_path) -> None:
    result = run(*command, "--home", tmp_path / "none", "--json")
    assert result.code == 1
    assert result.json["error"]["code"] == "no_home"
    assert "holdfast init" in result.err
    assert result.err.count("\n") == 1


def test_a_guardian_that_is_not_running_is_exit_code_3(run: Run, home) -> None:
    result = run("status", "--home", home.path, "--json")
    assert result.code == 3
    assert result.json["error"]["code"] == "no_guardian"
    assert "holdfast serve" in result.err
