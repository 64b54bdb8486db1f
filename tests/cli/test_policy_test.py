"""`holdfast policy test`: cases beside a policy, what they miss, and faults of their files."""

from pathlib import Path

import pytest
from tests.cli.conftest import Run
from tests.docs.blocks import ROOT, blocks

FIRST = blocks(ROOT / "docs" / "policy.md", language="toml", use="policy")[0].text
SMALL = """
[[case]]
name = "a small payment"
pay = "25 usdc"
to = "@vendors"
verdict = "instant"
rule = "vendors-small"
"""
LARGE = """
[[case]]
name = "a large payment"
pay = "50.000001 usdc"
to = "Acme data"
verdict = "approval"
quorum = 1
"""
FULL_DAY = """
[[case]]
name = "a full day"
pay = "40 usdc"
to = "vendors"
via = "x402"
history = [{ pay = "40 usdc", to = "vendors", via = "x402", ago = "23h" }]
used = { shopper-day = "120.000001" }
verdict = "deny"
code = "limit_exceeded"
rule = "shopper-day"
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(FIRST)
    return path


def _cases(policy: Path, text: str) -> Path:
    path = policy.with_name("policy.tests.toml")
    path.write_text(text)
    return path


def test_cases_beside_the_policy_are_decided_by_the_engine(run: Run, policy: Path) -> None:
    _cases(policy, SMALL + LARGE + FULL_DAY)
    result = run("policy", "test", policy, "--coverage-min", "100")
    assert result.code == 0, result.out + result.err
    assert result.out.splitlines() == [
        "ok    a small payment: instant",
        "ok    a large payment: approval, 1 operator, within 30m",
        "ok    a full day: deny",
    ]
    assert "3 of 3 cases passed; coverage 100 %" in result.err


def test_the_history_counts_at_its_own_time(run: Run, policy: Path) -> None:
    older = FULL_DAY.replace('"23h"', '"24h"').replace('"deny"', '"instant"')
    older = older.replace('code = "limit_exceeded"\nrule = "shopper-day"\n', "")
    _cases(policy, older)
    assert run("policy", "test", policy).code == 0


def test_a_difference_is_explained_and_is_exit_code_1(run: Run, policy: Path) -> None:
    file = _cases(policy, SMALL.replace('"instant"', '"approval"').replace("25 usdc", "0.01 eth"))
    result = run("policy", "test", policy)
    assert result.code == 1
    assert "FAIL  a small payment: expected approval, got deny" in result.out
    assert f"at {file}:2: pay 0.01 eth to 0x7099" in result.out
    assert "no_grant: no rule matches the effect" in result.out
    shown = run("policy", "test", policy, "--json").json
    assert shown["failed"] == 1
    assert shown["cases"][0]["line"] == 2
    assert shown["cases"][0]["reasons"][0]["code"] == "no_grant"


def test_what_no_case_reaches_is_named_and_can_fail(run: Run, policy: Path) -> None:
    _cases(policy, SMALL)
    result = run("policy", "test", policy)
    assert result.code == 0
    assert "not covered: rule vendors-large" in result.out
    assert "not covered: limit shopper-day" in result.out
    short = run("policy", "test", policy, "--coverage-min", "34")
    assert (short.code, "coverage is 33 %, below --coverage-min 34" in short.err) == (1, True)
    assert run("policy", "test", policy, "--coverage-min", "33").code == 0


@pytest.mark.parametrize(
    ("old", "new", "where", "words"),
    [
        ("pay =", "pya =", "4:1", "unknown key `pya`"),
        ('to = "@vendors"', "", "2:1", "`to` is missing"),
        ('"instant"', '"allow"', "6:1", "`verdict` must be one of"),
        ("[[case]]", "[[cases]]", "2:3", "unknown key `cases`"),
        ('to = "@vendors"', "to = 5", "5:1", "`to` must be text"),
        ("rule =", "at = 2026-01-01\nrule =", "7:1", "`at` must be a date with time and offset"),
        ("rule =", "used = { day = 5 }\nrule =", "7:10", "`day` must be text"),
        ("rule =", "history = [{ago = '2x'}]\nrule =", "7:13", "`ago` must be a whole number"),
        ("rule =", "pay = 'x'\nrule =", "7:1", "duplicate"),
        ("rule =", "method = 'personal_sign'\nrule =", "7:1", "write one of"),
    ],
)
def test_a_fault_is_named_with_file_line_and_column(
    run: Run, policy: Path, old: str, new: str, where: str, words: str
) -> None:
    file = _cases(policy, SMALL.replace(old, new, 1))
    result = run("policy", "test", policy)
    assert result.code == 1
    assert f"{file}:{where}: " in result.err, result.err
    assert words in result.err


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("@vendors", "@vendor", "the policy has no list `vendor`: choose `@vendors`"),
        ("@vendors", "Acne data", "no one is named `Acne data`: choose `@vendors`, `Acme data`"),
        ("25 usdc", "25", "write a number and an asset"),
        ("25 usdc", "25.0000001 usdc", "at most 6 decimal places"),
        ("25 usdc", "25 dai", "is no asset of chain 31337: choose `eth`, `usdc`"),
        ('rule = "vendors-small"', 'rule = "vendor"', "no rule, forbid, review or limit `vendor`"),
        ("verdict", 'agent = "x"\nverdict', "the policy has no agent `x`: choose `shopper`"),
        ("verdict", 'used = { day = "1" }\nverdict', "expected instant, got deny"),
    ],
)
def test_a_case_that_names_what_is_not_there_fails(
    run: Run, policy: Path, old: str, new: str, words: str
) -> None:
    _cases(policy, SMALL.replace(old, new, 1))
    result = run("policy", "test", policy)
    assert result.code == 1
    assert words in result.out


def test_a_name_of_several_is_an_error_that_lists_them(run: Run, policy: Path) -> None:
    other = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
    entry = f'[[list.entry]]\naddress = "{other}"\nlabel = "Acme data"\n'
    policy.write_text(FIRST.replace("[[rule]]", entry + "\n[[rule]]", 1))
    _cases(policy, SMALL.replace("@vendors", "Acme data"))
    result = run("policy", "test", policy)
    assert result.code == 1
    assert "`Acme data` names several: choose an address" in result.out
    assert other in result.out


def test_raw_requests_prices_and_folders_of_cases(run: Run, policy: Path, tmp_path: Path) -> None:
    policy.write_text(FIRST.replace('price_usd = "3000"\n', ""))
    folder = tmp_path / "cases"
    folder.mkdir()
    dear = SMALL.replace("a small payment", "a dear fee").replace("instant", "deny")
    dear = dear.replace('rule = "vendors-small"', 'facts = { prices = { eth = "300000" } }')
    common = '[defaults]\nfacts = { prices = { eth = "3000" } }\n'
    (folder / "a.tests.toml").write_text(common + SMALL + dear)
    (folder / "b.tests.toml").write_text(
        '[[case]]\nname = "a message"\nmethod = "personal_sign"\n'
        'params = ["0x68656c6c6f", "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"]\n'
        'verdict = "deny"\ncode = "no_grant"\n'
    )
    result = run("policy", "test", policy, "--cases", folder)
    assert result.code == 0, result.out
    assert result.out.count("ok ") == 3


def test_without_cases_it_says_where_they_belong(run: Run, policy: Path) -> None:
    result = run("policy", "test", policy, "--json")
    assert (result.code, result.json["error"]["code"]) == (1, "no_cases")
    assert "policy.tests.toml" in result.err
