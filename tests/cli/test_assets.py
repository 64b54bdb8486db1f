"""`holdfast assets`: what a contract says of itself is shown, judged, pinned; on a real chain."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak
from tests.cli.conftest import POLICY, Run
from tests.support.anvil import Anvil
from tests.support.stub_contract import SUPPORTS, VIEWS, place_contract, runtime, string, word
from tests.support.token import deploy_token

from holdfast._core import checksum_address

CASES = tomllib.loads(Path(__file__).with_name("assets.toml").read_text())["case"]
OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
ADDRESS = "0xc0de0000000000000000000000000000000070c3"
MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def chain() -> Iterator[Anvil]:
    """One chain for the table: every case has its own contract."""
    anvil = Anvil.start()
    yield anvil
    anvil.stop()


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_bytes(POLICY.read_bytes())
    return path


def code_of(case: dict[str, Any]) -> str:
    """The runtime code of a case."""
    if case.get("no_code"):
        return "0x"
    answers: dict[str, bytes] = {}
    sizes: dict[str, int] = {}
    if not case.get("no_views"):
        answers[VIEWS["total_supply"]] = word(10**24)
        answers[VIEWS["balance_of"]] = word(0)
    if "symbol" in case:
        length = case.get("symbol_bytes")
        answers[VIEWS["symbol"]] = string(case["symbol"].encode(), length)
        if length is not None:
            sizes[VIEWS["symbol"]] = 64 + length
    if "symbol_bytes32" in case:
        answers[VIEWS["symbol"]] = case["symbol_bytes32"].encode().ljust(32, b"\0")
    if "symbol_hex" in case:
        answers[VIEWS["symbol"]] = bytes.fromhex(case["symbol_hex"])
    if "decimals" in case:
        answers[VIEWS["decimals"]] = word(case["decimals"])
    if "decimals_hex" in case:
        answers[VIEWS["decimals"]] = bytes.fromhex(case["decimals_hex"])
    for interface in case.get("supports", []):
        answers[SUPPORTS + interface] = word(1)
    return runtime(answers, sizes)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_what_a_contract_says_is_judged(
    run: Run, chain: Anvil, policy: Path, case: dict[str, Any]
) -> None:
    address = checksum_address(case.get("address", ADDRESS))
    code = code_of(case)
    place_contract(chain, address, code)
    for slot, value in case.get("slots", {}).items():
        chain.call("anvil_setStorageAt", address, slot, value)
    before = policy.read_bytes()
    flags = ["--chain", 31337, "--rpc", chain.url, "--policy", policy, *case["args"], "--yes"]
    result = run("assets", "add", address, *flags, "--json")
    for slot in case.get("slots", {}):
        chain.call("anvil_setStorageAt", address, slot, "0x" + "00" * 32)
    if "error" in case:
        assert (result.code, result.json["error"]["code"]) == (1, case["error"])
        assert policy.read_bytes() == before
        return
    assert result.code == 0, result.err
    told = result.json
    assert len(result.out) < 8_000
    assert [warning["code"] for warning in told["warnings"]] == case["warnings"]
    assert told["asset"]["id"] == case["id"]
    assert told["code_hash"] == "0x" + keccak(bytes.fromhex(code[2:])).hex()
    assert told["proxy"] == case.get("proxy", {})
    for key, value in case["shown"].items():
        assert told["asset"][key] == value
    after = policy.read_bytes()
    assert after.startswith(before)
    assert f"# code hash {told['code_hash']} read at block" in after.decode()
    entry = tomllib.loads(after.decode())["asset"][-1]
    assert entry["address"] == address
    assert entry["symbol"] == told["asset"]["symbol"]
    assert len(entry["symbol"]) <= 16
    assert entry["symbol"].isprintable()
    assert run("policy", "check", policy).code == 0


def test_a_real_token_is_shown_in_words_and_only_printed_without_a_policy(
    run: Run, anvil: Anvil
) -> None:
    token = deploy_token(anvil, OWNER)
    result = run("assets", "add", token.lower(), "--chain", 31337, "--rpc", anvil.url)
    assert result.code == 0, result.err
    assert f"address   {token}" in result.out
    assert "name      Test USD" in result.out
    assert "decimals  6" in result.out
    table = tomllib.loads(result.out[result.out.index("[[asset]]") :])["asset"][0]
    expected = {"id": "tusd", "chain": 31337, "address": token, "symbol": "tUSD", "decimals": 6}
    assert table == {**expected, "standard": "erc20"}


@pytest.mark.parametrize(
    "slot",
    [
        "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc",
        "0x7050c9e0f4ca769c69bd3a8ef740bc37934f8e2c036e5a723fd8ee048ed3f8c3",
    ],
    ids=["EIP-1967", "as USDC"],
)
def test_code_is_pinned_on_request(run: Run, anvil: Anvil, policy: Path, slot: str) -> None:
    behind = deploy_token(anvil, OWNER)
    place_contract(anvil, ADDRESS, code_of({"symbol": "PROX", "decimals": 6}))
    anvil.call("anvil_setStorageAt", ADDRESS, slot, "0x" + behind[2:].lower().rjust(64, "0"))
    flags = ("--chain", 31337, "--rpc", anvil.url, "--policy", policy, "--yes", "--pin-code")
    result = run("assets", "add", ADDRESS, *flags, "--json")
    assert result.code == 0, result.err
    entry = tomllib.loads(policy.read_text())["asset"][-1]
    for address, key in ((ADDRESS, "code_hash"), (behind, "implementation_hash")):
        code = bytes.fromhex(anvil.call("eth_getCode", address, "latest")[2:])
        assert entry[key] == result.json[key] == "0x" + keccak(code).hex()
    assert run("policy", "check", policy).code == 0


def test_it_is_listed_and_cannot_be_added_twice(run: Run, anvil: Anvil, policy: Path) -> None:
    token = deploy_token(anvil, OWNER)
    command = ("assets", "add", token, "--chain", 31337, "--rpc", anvil.url, "--policy", policy)
    assert run(*command, "--yes").code == 0
    again = run(*command, "--yes", "--json")
    assert again.json["error"]["code"] == "registered"
    rows = run("assets", "list", "--policy", policy, "--json").lines
    assert [row["id"] for row in rows] == ["eth", "tusd"]
    assert rows[1]["address"] == token
    assert token in run("assets", "list", "--policy", policy).out


def test_nobody_is_asked_without_a_terminal_and_nothing_is_written(
    run: Run, anvil: Anvil, policy: Path
) -> None:
    token = deploy_token(anvil, OWNER)
    command = ("assets", "add", token, "--chain", 31337, "--rpc", anvil.url, "--policy", policy)
    result = run(*command, stdin="y\n")
    assert result.code == 2
    assert "--yes" in result.err
    assert "[[asset]]" in result.out
    as_json = run(*command, "--json").json["error"]
    assert as_json["code"] == "not_confirmed"
    assert as_json["asset"]["address"] == token
    assert policy.read_bytes() == POLICY.read_bytes()


@pytest.mark.parametrize(("answer", "written"), [("y", True), ("n", False), ("", False)])
def test_on_a_terminal_the_default_is_no(
    anvil: Anvil, policy: Path, answer: str, written: bool
) -> None:
    token = deploy_token(anvil, OWNER)
    words = ["assets", "add", token, "--chain", "31337", "--rpc", anvil.url, "--policy", policy]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "holdfast", *map(str, words)],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        os.close(theirs)
        os.write(ours, answer.encode() + b"\n")
        process.communicate(timeout=60)
    os.close(ours)
    assert (process.returncode == 0) is written
    assert (policy.read_bytes() != POLICY.read_bytes()) is written


def test_a_node_of_another_chain_is_refused(run: Run, anvil: Anvil, policy: Path) -> None:
    token = deploy_token(anvil, OWNER)
    result = run("assets", "add", token, "--chain", 1, "--rpc", anvil.url, "--json")
    assert result.json["error"]["code"] == "chain_mismatch"
    assert "serves chain 31337" in result.err


def test_a_policy_that_would_be_refused_stays_as_it_was(
    run: Run, anvil: Anvil, policy: Path
) -> None:
    token = deploy_token(anvil, OWNER)
    undeclared = policy.read_text().replace("31337", "1")
    policy.write_text(undeclared)
    flags = ("--chain", 31337, "--rpc", anvil.url, "--policy", policy, "--yes", "--json")
    result = run("assets", "add", token, *flags)
    assert result.json["error"]["code"] == "policy_invalid"
    assert "nothing was written" in result.err
    policy.write_text(undeclared + "\nfaulty = \n")
    result = run("assets", "add", token, *flags)
    assert "fix them first" in result.err
    assert policy.read_text() == undeclared + "\nfaulty = \n"
    assert [path.name for path in policy.parent.iterdir()] == ["policy.toml"]


def test_bytes_before_it_and_the_mode_stay_as_they_were(
    run: Run, anvil: Anvil, policy: Path
) -> None:
    token = deploy_token(anvil, OWNER)
    before = POLICY.read_text().replace("\n", "\r\n").rstrip().encode() + b"\r\n# the end, no line"
    policy.write_bytes(before)
    policy.chmod(0o640)
    flags = ("--chain", 31337, "--rpc", anvil.url, "--policy", policy, "--yes")
    assert run("assets", "add", token, *flags).code == 0
    assert policy.read_bytes().startswith(before + b"\n\n[[asset]]\n")
    assert policy.stat().st_mode & 0o777 == 0o640


def test_a_file_others_can_write_or_a_link_is_not_touched(
    run: Run, anvil: Anvil, policy: Path
) -> None:
    token = deploy_token(anvil, OWNER)
    flags = ("--chain", 31337, "--rpc", anvil.url, "--yes", "--json", "--policy")
    policy.chmod(0o666)
    assert run("assets", "add", token, *flags, policy).json["error"]["code"] == "policy_unsafe"
    policy.chmod(0o600)
    link = policy.with_name("link.toml")
    link.symlink_to(policy)
    assert run("assets", "add", token, *flags, link).json["error"]["code"] == "policy_unreadable"
    assert policy.read_bytes() == POLICY.read_bytes()


@pytest.mark.parametrize(
    ("address", "rpc", "code"),
    [
        ("0xF39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "http://127.0.0.1:9/", "bad_address"),
        ("0x0000000000000000000000000000000000000000", "http://127.0.0.1:9/", "bad_address"),
        ("vitalik.eth", "http://127.0.0.1:9/", "bad_address"),
        (OWNER, "http://127.0.0.1:9/", "node_down"),
        (OWNER, "file:///etc/passwd", "usage"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(run: Run, address: str, rpc: str, code: str) -> None:
    result = run("assets", "add", address, "--chain", 1, "--rpc", rpc, "--json")
    assert result.code != 0
    assert result.json["error"]["code"] == code
