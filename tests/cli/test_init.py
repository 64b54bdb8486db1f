"""`holdfast init` makes a home once, whole or not at all."""

import os
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import OPERATOR_PASSPHRASE, PASSPHRASE, Run
from tests.docs.terminal import Terminal

from holdfast.secrets import keystore
from holdfast.service.config import load_config
from holdfast.service.home import starter

SECRETS = (PASSPHRASE, OPERATOR_PASSPHRASE)
FDS = ("--passphrase-fd", "{0}", "--operator-passphrase-fd", "{1}", "--kdf", "light")


def at_terminal(home: Path, *options: str, answers: dict[str, str]) -> Terminal:
    """`holdfast init` on a terminal of its own."""
    command = [sys.executable, "-m", "holdfast", "init", "--home", str(home), *options]
    return Terminal(command, dict(os.environ), answers)


def test_init_makes_a_home_that_checks_and_verifies(run: Run, tmp_path: Path) -> None:
    home = tmp_path / "h"
    made = run("init", "--home", home, "--agent", "shopper", *FDS, "--json", secrets=SECRETS)
    assert made.code == 0, made.err
    assert made.json["wallets"][0].startswith("0x")
    assert made.json["agent_socket"] == str(home / "run/agents/shopper.sock")
    assert run("policy", "check", home / "policy.toml").code == 0
    assert run("journal", "verify", home).code == 0
    for path in (home, *home.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize(
    ("chain", "blocks"),
    [(31337, 1), (1337, 1), (1, 12), (8453, 30), (42161, 240), (137, 128), (11155111, 12), (7, 12)],
)
def test_init_writes_when_a_payment_is_final_on_that_chain(
    tmp_path: Path, chain: int, blocks: int
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(starter.config(chain, "https://node.example/"))
    (endpoint,) = load_config(path).endpoint
    assert (endpoint.chain, endpoint.confirmations) == (chain, blocks)


def test_the_number_of_blocks_is_in_the_file_that_init_makes(run: Run, tmp_path: Path) -> None:
    home = tmp_path / "h"
    made = run("init", "--home", home, "--chain", "8453", *FDS, secrets=SECRETS)
    assert made.code == 0, made.err
    (endpoint,) = load_config(home / "config.toml").endpoint
    assert endpoint.confirmations == 30


def test_init_signs_the_policy_that_it_is_given(run: Run, tmp_path: Path) -> None:
    account = keystore.new_wallet()
    kept = keystore.save_wallet(tmp_path, account, b"of the keystore", "light")
    policy = tmp_path / "first.toml"
    policy.write_text(run("policy", "new", "--wallet", account.address).out)
    home = tmp_path / "h"
    answers = {
        f"Passphrase of `{kept.name}`: ": "of the keystore",
        "Passphrase of the wallets: ": PASSPHRASE,
        "Passphrase of your operator key: ": OPERATOR_PASSPHRASE,
    }
    given = ("--policy", str(policy), "--import", str(kept), "--kdf", "light")
    with at_terminal(home, *given, answers=answers) as made:
        assert made.finish() == 0, made.screen
    assert (home / "policy.toml").read_text() == policy.read_text()
    events = run("journal", "export", "--home", home).lines
    assert [each["kind"] for each in events[1:]] == ["policy.loaded", "config.loaded"]
    assert events[1]["data"]["source"] == policy.read_text()


def test_a_first_policy_with_a_fault_or_a_wallet_without_a_key_makes_nothing(
    run: Run, tmp_path: Path
) -> None:
    policy = tmp_path / "first.toml"
    wallet = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    foreign = run("policy", "new", "--wallet", wallet).out
    for text, words in (("version = 1\n[[nonsense]]\n", "the policy, line "), (foreign, wallet)):
        policy.write_text(text)
        refused = run("init", "--home", tmp_path / "h", "--policy", policy, *FDS, secrets=SECRETS)
        assert (refused.code, words in refused.err) == (1, True), refused.err
        assert not (tmp_path / "h").exists()


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--chain", "0", "not a chain id"),
        ("--chain", "-1", "not a chain id"),
        ("--rpc-url", "ftp://node.example/", "http:// or https://"),
        ("--rpc-url", "node.example", "put the scheme in front"),
        ("--rpc-url", "node.example:8545", "put the scheme in front"),
        ("--rpc-url", "https://", "http:// or https://"),
        ("--agent", "Not An Id", "not an agent id"),
        ("--wallets", "65", "1 to 64 wallets"),
    ],
)
def test_what_cannot_work_is_refused_before_a_passphrase_is_asked_for(
    run: Run, tmp_path: Path, option: str, value: str, words: str
) -> None:
    refused = run("init", "--home", tmp_path / "h", f"{option}={value}")
    assert refused.code == 1
    assert words in refused.err
    assert "passphrase" not in refused.err
    assert not (tmp_path / "h").exists()


def test_a_short_or_unlike_passphrase_is_asked_for_again(tmp_path: Path) -> None:
    """Nothing of what was decided before is typed twice."""
    home = tmp_path / "h"
    with at_terminal(home, "--kdf", "light", answers={}) as init:
        for typed, words in (
            ("short", "too short: use at least 8 characters"),
            (PASSPHRASE, "Repeat: "),
            (f"{PASSPHRASE}x", "not the same"),
            (PASSPHRASE, "Repeat: "),
            (PASSPHRASE, "Passphrase of your operator key: "),
            (OPERATOR_PASSPHRASE, "Repeat: "),
            (OPERATOR_PASSPHRASE, "Back up now"),
        ):
            init.ask(": ", typed)
            init.wait_for(words)
        assert init.finish() == 0
        assert str(home / "keys") in init.screen
        assert PASSPHRASE not in init.screen


def test_init_never_touches_a_home_that_is_there(run: Run, tmp_path: Path) -> None:
    home = tmp_path / "h"
    assert run("init", "--home", home, *FDS, secrets=SECRETS).code == 0
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    again = run("init", "--home", home, *FDS, "--json", secrets=SECRETS)
    assert again.code == 1
    assert again.json["error"]["code"] == "home_exists"
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("short", ["", "1234567"])
def test_a_passphrase_that_is_too_short_makes_nothing(run: Run, tmp_path: Path, short: str) -> None:
    result = run("init", "--home", tmp_path / "h", *FDS, secrets=(short, OPERATOR_PASSPHRASE))
    assert result.code == 1
    assert not (tmp_path / "h").exists()


def test_without_a_terminal_the_other_ways_are_named(run: Run, tmp_path: Path) -> None:
    if os.isatty(0):
        pytest.skip("the tests run at a terminal, which would be asked")
    result = run("init", "--home", tmp_path / "h")
    assert result.code in (1, 130)


def test_a_wrong_passphrase_starts_nothing_and_says_so(run: Run, tmp_path: Path) -> None:
    home = tmp_path / "h"
    assert run("init", "--home", home, *FDS, secrets=SECRETS).code == 0
    result = run("serve", "--home", home, "--passphrase-fd", "{0}", secrets=("not this one",))
    assert result.code == 1
    assert "passphrase" in result.err
    assert PASSPHRASE not in result.err
