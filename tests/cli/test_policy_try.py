"""`holdfast policy try`: one payment in words, decided by the guardian's own engine."""

from pathlib import Path

import pytest
from tests.cli.conftest import Run
from tests.docs.blocks import ROOT, blocks

from holdfast.service.home.folder import Home

FIRST = blocks(ROOT / "docs" / "policy.md", language="toml", use="policy")[0].text
VENDOR = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(FIRST)
    return path


def test_a_payment_is_built_decided_and_explained(run: Run, policy: Path) -> None:
    asked = ("--agent", "shopper", "--pay", "25 usdc", "--to", "vendors")
    result = run("policy", "try", policy, *asked, "--used", "shopper-day=100")
    assert result.code == 0, result.err
    head, verdict, reason, _, limit = result.out.splitlines()
    assert head == f"shopper: pay 25 usdc to {VENDOR} (Acme data, on @vendors)"
    assert verdict == "verdict: instant"
    assert reason == "  granted (vendors-small): a rule grants the effect"
    used = ["shopper-day", "agent:shopper", "100 USD", "128 USD", "200 USD", "72 USD"]
    assert limit.split("  ") != used
    assert [each.strip() for each in limit.split("  ") if each.strip()] == used


@pytest.mark.parametrize("to", ["@vendors", "vendors", "Acme data", VENDOR, VENDOR.lower()])
def test_a_payee_is_a_list_a_label_or_an_address(run: Run, policy: Path, to: str) -> None:
    shown = run("policy", "try", policy, "--pay", "25 usdc", "--to", to, "--json").json
    assert shown["verdict"] == "instant"
    assert shown["effects"][0]["to"] == VENDOR
    assert shown["effects"][0]["amount"] == "25000000"


def test_the_coin_a_signed_payment_and_an_allowance(run: Run, policy: Path) -> None:
    coin = run("policy", "try", policy, "--pay", "0.5 eth", "--to", VENDOR, "--json").json
    assert coin["request"]["params"][0]["value"] == hex(5 * 10**17)
    assert (coin["effects"][0]["asset"]["id"], coin["verdict"]) == ("eth", "deny")
    signed = run("policy", "try", policy, "--pay", "25 usdc", "--to", VENDOR, "--x402", "--json")
    assert signed.json["request"]["method"] == "eth_signTypedData_v4"
    assert (signed.json["effects"][0]["effect"], signed.json["verdict"]) == ("transfer", "instant")
    allowed = run("policy", "try", policy, "--allow", "unlimited usdc", "--to", VENDOR, "--json")
    assert allowed.json["effects"][0]["unlimited"] is True
    assert allowed.json["verdict"] == "deny"


def test_over_a_limit_it_says_by_how_much(run: Run, policy: Path) -> None:
    asked = ("--pay", "25 usdc", "--to", "vendors", "--x402", "--used", "shopper-day=180")
    result = run("policy", "try", policy, *asked)
    assert "limit_exceeded (shopper-day): over a limit: 205 USD, at most 200 USD" in result.out


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("--pay", "25 usdc", "--to", "vendrs"), "choose `@vendors`, `Acme data`"),
        (("--pay", "25 usdc", "--to", VENDOR.replace("C8", "c8")), "wrong EIP-55 checksum"),
        (("--pay", "25 usdc", "--to", "0x12"), "is not an address"),
        (("--pay", "25 usdc", "--to", "vendors", "--used", "day=1"), "choose `shopper-day`"),
        (("--pay", "25 usdc", "--to", "vendors", "--used", "shopper-day=x"), "--used is wrong"),
        (("--pay", "25 usdc", "--to", "vendors", "--used", "shopper-day"), "NAME=AMOUNT"),
        (("--pay", "25 usdc", "--to", "vendors", "--at", "noon"), "no time with an offset"),
        (("--pay", "25 usdc", "--to", "vendors", "--wallet", "w"), "choose `treasury`"),
        (("--pay", "25 usdc"), "and --to"),
        (("--allow", "1 eth", "--to", "vendors"), "`eth` is no token"),
    ],
)
def test_words_that_mean_nothing_are_one_sentence(
    run: Run, policy: Path, asked: tuple[str, ...], words: str
) -> None:
    result = run("policy", "try", policy, *asked)
    assert result.code in (1, 2)
    assert words in result.err
    assert not result.out


def test_in_a_home_it_says_that_limits_are_empty(run: Run, home: Home) -> None:
    asked = ("--pay", "0.001 eth", "--to", VENDOR, "--home", home.path)
    result = run("policy", "try", *asked)
    assert "verdict: approval" in result.out
    assert "the guardian's history is not read" in result.err
