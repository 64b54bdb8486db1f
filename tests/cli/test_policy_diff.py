"""`holdfast policy diff`: what a new policy lets pass, with requests that show it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import OPERATOR_PASSPHRASE, POLICY, Run
from tests.docs.blocks import ROOT, blocks

from holdfast.service.home.folder import Home

VENDOR = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def _changed(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    text = POLICY.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "new.toml"
    file.write_text(text)
    return file


def test_a_loosening_exits_2_and_its_witness_is_decided_so_by_both_policies(
    run: Run, tmp_path: Path
) -> None:
    new = _changed(tmp_path, ('amount_max = "1"', 'amount_max = "3"'))
    shown = run("policy", "diff", POLICY, new)
    assert shown.code == 2
    assert "LOOSER  1  transfer of 1.000000000000000001 to 3 eth to any other address" in shown.out
    assert "deny (no_grant) -> instant (`small`)" in shown.out
    assert shown.out.splitlines()[-1] == f"{new} compared with {POLICY}: LOOSER"
    found = run("policy", "diff", POLICY, new, "--json")
    assert (found.code, found.json["relation"]) == (2, "looser")
    for number, row in enumerate(found.json["rows"], 1):
        cases = tmp_path / f"{number}.jsonl"
        cases.write_text(run("policy", "diff", POLICY, new, "--witness", number).out)
        for policy, made in ((POLICY, row["old"]), (new, row["new"])):
            decided = run(
                "policy", "decide", "--policy", policy, "--cases", cases, "--stateful", "--json"
            )
            assert decided.lines[-1]["verdict"] == made["tier"]


def test_a_raised_limit_is_shown_by_payments_up_to_the_old_one(run: Run, tmp_path: Path) -> None:
    new = _changed(tmp_path, ("max = 2\n", "max = 5\n"))
    found = run("policy", "diff", POLICY, new, "--json")
    assert found.code == 2
    row = found.json["rows"][0]
    assert row["when"] == "after 2 × transfer of 1 eth"
    assert [case.get("repeat") for case in row["cases"]] == [2, None]
    cases = tmp_path / "cases.jsonl"
    cases.write_text(run("policy", "diff", POLICY, new, "--witness", 1).out)
    decide = ("--cases", cases, "--stateful", "--json")
    old_verdicts = run("policy", "decide", "--policy", POLICY, *decide).lines
    new_verdicts = run("policy", "decide", "--policy", new, *decide).lines
    assert [row["verdict"] for row in old_verdicts] == ["instant", "deny"]
    assert [row["verdict"] for row in new_verdicts] == ["instant", "instant"]


def test_a_tightening_and_no_change_exit_0(run: Run, tmp_path: Path) -> None:
    new = _changed(tmp_path, ("max = 2\n", "max = 1\n"))
    tighter = run("policy", "diff", POLICY, new, "--json")
    assert (tighter.code, tighter.json["relation"]) == (0, "tighter")
    assert tighter.json["rows"]
    assert not any(row["looser"] for row in tighter.json["rows"])
    same = run("policy", "diff", POLICY, POLICY)
    assert (same.code, "equal" in same.out) == (0, True)


def test_both_ways_at_once_is_both_and_exits_2(run: Run, tmp_path: Path) -> None:
    new = _changed(tmp_path, ("max = 2\n", "max = 1\n"), ('amount_max = "1"', 'amount_max = "2"'))
    found = run("policy", "diff", POLICY, new, "--json")
    assert (found.code, found.json["relation"]) == (2, "both")
    assert {row["looser"] for row in found.json["rows"]} == {True, False}


def test_what_no_request_shows_is_named_and_exits_2(run: Run, tmp_path: Path) -> None:
    again = '\n[[rule]]\nid = "again"\neffects = ["transfer"]\nassets = ["eth"]\namount_max = "1"\n'
    new = _changed(tmp_path)
    new.write_text(f'{POLICY.read_text()}{again}tier = "instant"\n')
    shown = run("policy", "diff", POLICY, new)
    assert shown.code == 2
    assert "could not be shown to be not looser:\n  rule.again: is added" in shown.out
    users = _changed(tmp_path, ('id = "shopper"\n', 'id = "shopper"\nuids = [7]\n'))
    access = run("policy", "diff", POLICY, users, "--json")
    assert (access.code, access.json["relation"]) == (2, "looser")
    assert [change["path"] for change in access.json["access"]] == ["agent.shopper.uids"]


def test_a_faulty_file_and_a_row_that_is_not_there_exit_1(run: Run, tmp_path: Path) -> None:
    faulty = _changed(tmp_path, ('tier = "instant"', 'teir = "instant"'))
    refused = run("policy", "diff", POLICY, faulty)
    assert (refused.code, f"{faulty}:" in refused.out) == (1, True)
    assert run("policy", "diff", POLICY, POLICY, "--witness", 1).code == 1
    assert run("policy", "diff", POLICY, tmp_path / "none.toml").code == 1


@pytest.mark.parametrize("repeat", [0, 10_001, "2", 1.5])
def test_a_case_is_not_repeated_so_often(run: Run, tmp_path: Path, repeat: object) -> None:
    request = {"method": "eth_sendTransaction", "params": [{"to": VENDOR, "value": "0x1"}]}
    case = {"id": "a", "agent": "shopper", "at": 0, "request": request, "repeat": repeat}
    cases = tmp_path / "cases.jsonl"
    cases.write_text(json.dumps(case))
    decided = run("policy", "decide", "--policy", POLICY, "--cases", cases, "--json")
    assert decided.json["reasons"][0]["code"] == "malformed"


def test_apply_shows_the_same_difference_before_it_asks(
    run: Run, home: Home, tmp_path: Path
) -> None:
    text = home.policy_path.read_text()
    assert 'timeout = "30m"' in text
    new = tmp_path / "new.toml"
    new.write_text(text.replace('timeout = "30m"', 'timeout = "2h"'))
    applied = run(
        "policy", "apply", new, "--yes", "--home", home.path, "--passphrase-fd", "{0}",
        secrets=(OPERATOR_PASSPHRASE,),
    )  # fmt: skip
    assert applied.code == 0, applied.err
    assert "LOOSER  1  " in applied.out
    assert "approval by 1 operator within 30m (`ask-for-every-payment`) -> " in applied.out
    assert "compared with the policy in force: LOOSER" in applied.out


def test_the_example_of_the_documentation_prints_what_the_page_shows(tmp_path: Path) -> None:
    (first,) = blocks(ROOT / "docs" / "policy.md", use="policy")
    page = ROOT / "docs" / "policy" / "comparing.md"
    compared, shown = blocks(page, use="diff")
    (repeated,) = blocks(page, use="witness")
    (tmp_path / "policy.toml").write_text(first.text)
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def ran(text: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", text],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    done = ran(compared.text)
    assert (done.returncode, done.stdout) == (2, shown.text)
    again = ran(repeated.text)
    assert again.returncode == 0, again.stderr
    verdicts = [row.split()[1] for row in again.stdout.splitlines() if "witness" in row]
    assert verdicts == ["approval", "instant"]
