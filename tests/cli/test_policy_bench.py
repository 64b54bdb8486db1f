"""`holdfast policy bench`: known attacks on the policy at hand, and what stops each."""

from pathlib import Path

import pytest
from tests.cli.conftest import Run
from tests.docs.blocks import ROOT, blocks

FIRST = blocks(ROOT / "docs" / "policy.md", language="toml", use="policy")[0].text
ANYONE = """
[[rule]]
id = "anyone"
effects = ["{effect}"]
tier = "{tier}"
"""
BOUND = """
[[limit]]
id = "hundred"
per = "agent"
measure = "usd"
max = "100"
window = "24h"
on_exceed = "{on_exceed}"
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(FIRST)
    return path


def _unlimited(extra: str) -> str:
    """The first policy without its limits, and more rules."""
    head, *rest = FIRST.split("[[limit]]")
    after = "".join("[[" + each.split("[[", 1)[1] for each in rest if "[[" in each)
    return head + after + extra


def _outcomes(run: Run, policy: Path, code: int) -> dict[str, str]:
    done = run("policy", "bench", policy, "--json")
    assert done.code == code, done.err
    return {each["id"]: each["outcome"] for each in done.json["attacks"]}


def test_a_narrow_policy_stops_what_it_does_not_allow_and_says_what_it_allows(
    run: Run, policy: Path
) -> None:
    found = run("policy", "bench", policy, "--json").json
    passing = [each for each in found["attacks"] if each["outcome"] in ("bounded", "unbounded")]
    assert [each["id"] for each in passing] == ["small-payments"]
    (payments,) = passing
    assert (payments["amount"], payments["token"]) == ("50000000", "usdc")
    assert payments["reasons"][0]["rule"] == "vendors-small"
    assert payments["limit"]["limit"] == "shopper-day"
    shown = run("policy", "bench", policy)
    assert shown.code == 0
    assert "50 usdc at a time, shopper-day stops it after" in shown.out
    assert "0 pass without a limit" in shown.err


def test_every_attack_says_which_rule_let_it_through_when_no_limit_bounds_it(
    run: Run, policy: Path
) -> None:
    policy.write_text(_unlimited(ANYONE.format(effect="transfer", tier="instant")))
    done = run("policy", "bench", policy, "--json")
    assert done.code == 2
    found = {each["id"]: each for each in done.json["attacks"]}
    for attack in ("coin-to-stranger", "token-to-stranger", "authorisation"):
        assert found[attack]["outcome"] == "unbounded", found[attack]
        assert found[attack]["reasons"][0]["rule"] == "anyone"
    assert found["raw-hash"]["outcome"] == "refused"
    assert "PASSES, NO LIMIT" in run("policy", "bench", policy).out


def test_a_limit_bounds_only_when_it_stops(run: Run, policy: Path) -> None:
    for on_exceed, code, outcome in (("deny", 0, "bounded"), ("notify", 2, "unbounded")):
        bound = BOUND.format(on_exceed=on_exceed)
        policy.write_text(_unlimited(ANYONE.format(effect="transfer", tier="instant") + bound))
        assert _outcomes(run, policy, code)["token-to-stranger"] == outcome


@pytest.mark.parametrize(("tier", "outcome"), [("approval", "asks"), ("delay", "waits")])
def test_what_asks_or_waits_is_stopped(run: Run, policy: Path, tier: str, outcome: str) -> None:
    rule = ANYONE.format(effect="transfer", tier=tier)
    more = 'delay = "10m"\n' if tier == "delay" else ""
    policy.write_text(FIRST + rule + more)
    assert _outcomes(run, policy, 0)["token-to-stranger"] == outcome


def test_a_revocation_that_passes_is_no_attack(run: Run, policy: Path) -> None:
    before = run("policy", "bench", policy, "--json").json["percent"]
    policy.write_text(
        _unlimited(ANYONE.format(effect="revoke", tier="instant")) + BOUND.format(on_exceed="deny")
    )
    done = run("policy", "bench", policy, "--json")
    assert done.code == 0, done.err
    assert [each["outcome"] for each in done.json["attacks"] if each["id"] == "revoke"] != [
        "refused"
    ]
    assert done.json["percent"] == before


def test_too_few_stopped_attacks_fail(run: Run, policy: Path) -> None:
    assert run("policy", "bench", policy, "--min-percent", "90").code == 0
    assert run("policy", "bench", policy, "--min-percent", "100").code == 2


def test_a_broken_policy_is_refused_with_its_place(run: Run, policy: Path) -> None:
    policy.write_text(FIRST + "\nbad = 1\n")
    done = run("policy", "bench", policy)
    assert done.code == 1
    assert f"{policy}:" in done.out
