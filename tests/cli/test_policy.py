"""`holdfast policy`: faults with their place, decisions by the guardian's own engine."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import POLICY, Run

from holdfast.secrets.held import held_wallets
from holdfast.service.home.folder import Home

VENDOR = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
AT = 1_767_225_600_000


def _case(ident: str, value: str = "0x1", **changes: Any) -> dict[str, Any]:
    request = {"method": "eth_sendTransaction", "params": [{"to": VENDOR, "value": value}]}
    case = {"id": ident, "agent": "shopper", "at": AT, "request": request, "facts": {}}
    return case | changes


def _write(path: Path, rows: list[Any]) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def test_a_valid_policy_passes_and_its_digest_is_printed(run: Run) -> None:
    result = run("policy", "check", POLICY, "--json")
    assert result.code == 0
    assert result.json["ok"] is True
    assert len(result.json["digest"].removeprefix("0x")) == 64
    assert "valid" in run("policy", "check", POLICY).err


def test_a_fault_is_named_with_file_line_and_column_and_exit_code_1(
    run: Run, tmp_path: Path
) -> None:
    faulty = tmp_path / "faulty.toml"
    faulty.write_text(POLICY.read_text().replace('tier = "instant"', 'teir = "instant"'))
    number = faulty.read_text().split("teir")[0].count("\n") + 1
    result = run("policy", "check", faulty)
    assert result.code == 1
    assert f"{faulty}:{number}:1: error: " in result.out
    assert "teir" in result.out
    as_json = run("policy", "check", faulty, "--json")
    assert as_json.code == 1
    assert as_json.json["ok"] is False
    assert number in [fault["line"] for fault in as_json.json["faults"]]


def test_a_file_that_is_not_there_is_one_sentence(run: Run, tmp_path: Path) -> None:
    result = run("policy", "check", tmp_path / "none.toml", "--json")
    assert result.code == 1
    assert result.json["error"]["code"] == "bad_file"


def test_decide_gives_one_result_a_line_in_order(run: Run, tmp_path: Path) -> None:
    cases = _write(tmp_path / "c.jsonl", [_case("a"), _case("b", hex(2 * 10**18)), _case("c")])
    result = run("policy", "decide", "--policy", POLICY, "--cases", cases, "--json")
    assert result.code == 0
    assert [(row["id"], row["verdict"]) for row in result.lines] == [
        ("a", "instant"),
        ("b", "deny"),
        ("c", "instant"),
    ]
    assert result.lines[1]["reasons"][0]["code"] == "no_grant"
    assert result.lines[0]["effects"][0]["effect"] == "transfer"


def test_limits_carry_over_only_when_stateful(run: Run, tmp_path: Path) -> None:
    rows = [_case(str(n), at=AT + n) for n in range(3)] + [_case("later", at=AT + 86_400_000 + 2)]
    cases = _write(tmp_path / "c.jsonl", rows)
    alone = run("policy", "decide", "--policy", POLICY, "--cases", cases, "--json")
    assert {row["verdict"] for row in alone.lines} == {"instant"}
    carried = run("policy", "decide", "--policy", POLICY, "--cases", cases, "--stateful", "--json")
    assert [row["verdict"] for row in carried.lines] == ["instant", "instant", "deny", "instant"]
    assert carried.lines[2]["reasons"][0]["code"] == "limit_exceeded"


def test_a_verdict_says_which_part_of_a_limit_the_fee_is(run: Run, tmp_path: Path) -> None:
    policy = run("policy", "new", "--wallet", "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266").out
    policy = policy.replace('symbol = "ETH"\n', 'symbol = "ETH"\nprice_usd = "3000"\n')
    limit = 'per = "agent"\nmeasure = "usd"\nmax = "8"\nwindow = "24h"\non_exceed = "deny"\n'
    file = tmp_path / "p.toml"
    file.write_text(f'{policy}\n[[limit]]\nid = "a-day"\n{limit}')
    assert "fee_share" in run("policy", "check", file).out
    cases = _write(tmp_path / "c.jsonl", [_case("a", hex(10**15), agent="agent")])
    (decided,) = run("policy", "decide", "--policy", file, "--cases", cases, "--json").lines
    (reason,) = [each for each in decided["reasons"] if each["code"] == "limit_exceeded"]
    assert reason["observed"] == "9 USD, up to 6 USD of it for this fee"
    assert reason["limit"] == "8 USD"


@pytest.mark.parametrize("chain", [1, 10, 137, 8453, 31337, 424242])
def test_no_limit_of_the_starter_is_eaten_by_a_few_fees(
    run: Run, tmp_path: Path, chain: int
) -> None:
    wallet = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    file = tmp_path / "p.toml"
    file.write_text(run("policy", "new", "--wallet", wallet, "--chain", chain).out)
    assert "fee_share" not in run("policy", "check", file).out


def test_a_malformed_case_is_a_denial_never_a_crash(run: Run, tmp_path: Path) -> None:
    request = {"method": "eth_sendTransaction", "params": [{"to": VENDOR, "value": "1e3"}]}
    rows = [_case("bad", request=request), "{not json", '{"id":"dup","id":"dup"}', "[]"]
    cases = _write(tmp_path / "c.jsonl", rows)
    result = run("policy", "decide", "--policy", POLICY, "--cases", cases, "--json")
    assert result.code == 0
    assert [row["verdict"] for row in result.lines] == ["deny"] * 4
    assert {row["reasons"][0]["code"] for row in result.lines} == {"malformed"}


def test_a_new_policy_is_valid_and_asks_for_everything(run: Run, tmp_path: Path) -> None:
    made = run("policy", "new", "--wallet", "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
    assert made.code == 0
    (tmp_path / "new.toml").write_text(made.out)
    assert run("policy", "check", tmp_path / "new.toml").code == 0
    cases = _write(tmp_path / "c.jsonl", [_case("a", agent="agent")])
    decided = run("policy", "decide", "--policy", tmp_path / "new.toml", "--cases", cases, "--json")
    assert decided.json["verdict"] == "approval"
    assert run("policy", "new", "--wallet", "0xF39Fd6e51aad88F6F4ce6aB8827279cffFb92266").code == 1


def test_a_wallet_without_a_key_is_an_error_in_a_home_and_with_one(
    run: Run, home: Home, tmp_path: Path
) -> None:
    foreign = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
    (wallet,) = held_wallets(home.wallets_dir) or []
    good = run("policy", "new", "--wallet", wallet).out
    bad = run("policy", "new", "--wallet", wallet, "--wallet", foreign).out
    elsewhere = tmp_path / "elsewhere.toml"
    elsewhere.write_text(bad)
    assert run("policy", "check", elsewhere).code == 0
    for file, options in ((home.policy_path, ()), (elsewhere, ("--home", home.path))):
        file.write_text(good)
        assert run("policy", "check", file, *options).code == 0
        file.write_text(bad)
        refused = run("policy", "check", file, *options, "--json")
        assert refused.code == 1
        (fault,) = refused.json["faults"]
        assert fault["code"] == "wallet_unknown"
        assert foreign in fault["text"]
        assert wallet in fault["hint"]
    applied = run("policy", "apply", elsewhere, "--yes", "--home", home.path)
    assert (applied.code, foreign in applied.out) == (1, True)
