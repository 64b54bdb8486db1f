"""A rule grants while contracts say what its checks want, and asks for its tier in any case."""

from __future__ import annotations

import json
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from holdfast._core import PolicyError, Simulator, policy_changes, policy_explained

T0 = 1_760_000_000_000
WALLET = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
POOL = "0x976EA74026E726554dB657fA54763abd0C3a0aa9"
OTHER = "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955"
HEAD = f"""
version = 1
name = "checks"
[[chain]]
id = 31337
name = "local"
gas_max = 500_000
fee_per_gas_max = "100 gwei"
priority_fee_per_gas_max = "5 gwei"
[[wallet]]
id = "purse"
address = "{WALLET}"
[[agent]]
id = "shopper"
wallets = ["purse"]
chain = 31337
[[asset]]
id = "eth"
chain = 31337
native = true
symbol = "ETH"
decimals = 18
"""
HEALTH = f"""
[[check]]
id = "healthy"
chain = 31337
contract = "{POOL}"
function = "health(address account) returns (uint256 debt, uint256 factor)"
arguments = ["wallet"]
output = "factor"
decimals = 18
min = "1.5"
when = "before"
"""
RULE = """
[[rule]]
id = "pay"
effects = ["transfer"]
tier = "instant"
checks = ["healthy"]
"""
ASKED = "0x" + (keccak(text="health(address)")[:4] + encode(["address"], [WALLET])).hex()


def reading(*numbers: int, **other: Any) -> dict[str, Any]:
    data = "0x" + b"".join(number.to_bytes(32) for number in numbers).hex()
    return {
        "at": T0,
        "call": ASKED,
        "contract": POOL,
        "data": data,
        "fault": None,
        "source": "node-1",
        "when": "before",
    } | other


def decide(policy: str, *readings: dict[str, Any], method: str = "send") -> dict[str, Any]:
    case = {
        "method": "eth_sendTransaction",
        "params": [{"from": WALLET, "to": OTHER, "value": "0x1"}],
    }
    if method == "sign":
        text = "0x" + b"hello".hex()
        case |= {"method": "personal_sign", "params": [text, WALLET]}
    asked = {"agent": "shopper", "request": case, "facts": {"readings": list(readings)}, "at": T0}
    return dict(json.loads(Simulator(policy, False).decide(json.dumps(asked).encode())))


def verdict(policy: str, *readings: dict[str, Any]) -> str:
    return str(decide(policy, *readings)["verdict"])


HALF = 10**18 // 2
POLICY = HEAD + HEALTH + RULE


@pytest.mark.parametrize(
    ("factor", "expected"),
    [(3 * HALF - 1, "deny"), (3 * HALF, "instant"), (3 * HALF + 1, "instant")],
)
def test_a_rule_grants_at_its_bound_and_not_below(factor: int, expected: str) -> None:
    assert verdict(POLICY, reading(1, factor)) == expected


@pytest.mark.parametrize(
    "readings",
    [
        [],
        [reading(1, 2 * 10**18, at=T0 - 60_001)],
        [reading(1, 2 * 10**18, at=T0 + 60_001)],
        [reading(1, 2 * 10**18, data=None, fault="the contract's function fails")],
        [reading(1)],
        [reading(1, 2 * 10**18, 3)],
        [reading(1, 2 * 10**18, contract=OTHER)],
        [reading(1, 2 * 10**18, when="after")],
        [reading(1, 2 * 10**18, call="0x12345678")],
        [reading(1, 2 * 10**18), reading(1, 10**18, source="node-2")],
        [reading(1, 2 * 10**18), reading(1, 2, source="node-2", data=None, fault="down")],
    ],
    ids=[
        "missing",
        "old",
        "future",
        "failed",
        "short",
        "long",
        "contract",
        "when",
        "call",
        "disagree",
        "down",
    ],
)
def test_what_is_not_known_for_sure_grants_nothing(readings: list[dict[str, Any]]) -> None:
    found = decide(POLICY, *readings)
    assert found["verdict"] == "deny"
    (reason,) = (each for each in found["reasons"] if each["code"] == "check_unmet")
    assert reason["rule"] == "pay"
    assert reason["limit"] == "factor at least 1.5"
    assert reason["observed"].startswith("`healthy`: ")


def test_a_denial_says_which_check_and_what_was_found() -> None:
    found = decide(POLICY, reading(1, 12 * 10**17))
    (reason,) = (each for each in found["reasons"] if each["code"] == "check_unmet")
    assert reason["observed"] == "`healthy`: factor is 1.2"


def test_a_rule_whose_check_fails_still_asks_for_its_tier() -> None:
    """Or a missing reading would make a verdict milder."""
    careful = RULE.replace('"instant"', '"approval"')
    free = '[[rule]]\nid = "any"\neffects = ["transfer"]\ntier = "instant"\n'
    policy = HEAD + HEALTH + careful + free
    assert verdict(policy, reading(1, 2 * 10**18)) == "approval"
    assert verdict(policy) == "approval"


@pytest.mark.parametrize(
    ("debt", "collateral", "expected"),
    [
        (74, 100, "instant"),
        (75, 100, "instant"),
        (7501, 10000, "deny"),
        (0, 0, "instant"),
        (1, 0, "deny"),
        (2**255, 2**255, "deny"),
    ],
)
def test_a_ratio_is_compared_exactly(debt: int, collateral: int, expected: str) -> None:
    ratio = HEALTH.replace('output = "factor"', 'output = "debt"\nover = "factor"')
    ratio = ratio.replace("decimals = 18\n", "").replace('min = "1.5"', 'max = "0.75"')
    assert verdict(HEAD + ratio + RULE, reading(debt, collateral)) == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [(5 * 10**18 - 1, "instant"), (5 * 10**18, "instant"), (5 * 10**18 + 1, "deny")],
)
def test_leverage_of_a_size_with_more_places_than_its_margin(size: int, expected: str) -> None:
    ratio = HEALTH.replace('output = "factor"', 'output = "debt"\nover = "factor"')
    ratio = ratio.replace("decimals = 18", "decimals = 12").replace('min = "1.5"', 'max = "5"')
    assert verdict(HEAD + ratio + RULE, reading(size, 10**6)) == expected


def test_what_is_only_signed_cannot_be_simulated() -> None:
    policy = HEAD + HEALTH.replace('"before"', '"after"') + RULE.replace('"transfer"', '"message"')
    found = decide(policy, reading(1, 2 * 10**18, when="after"), method="sign")
    assert found["verdict"] == "deny"
    observed = [each.get("observed") for each in found["reasons"]]
    assert "`healthy`: a signature cannot be simulated" in observed


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ('output = "factor"', 'output = "facto"', "unknown_reference", "names no output `facto`"),
        ('["wallet"]', "[]", "bad_value", "takes 1 arguments"),
        ('["wallet"]', '["0x12"]', "bad_address", ""),
        ('min = "1.5"', "", "conflict", "asks for nothing"),
        ('min = "1.5"', 'min = "2"\nmax = "1"', "conflict", "above the maximum"),
        (" returns (uint256 debt, uint256 factor)", "", "bad_value", "what it returns"),
        ("uint256 factor", "address factor", "conflict", "this is `address`"),
        ('when = "before"', "", "missing_key", "when"),
        ('when = "before"', 'when = "before"\nage_max = "2d"', "out_of_range", ""),
        ('checks = ["healthy"]', 'checks = ["health"]', "unknown_reference", "no check `health`"),
        (
            "[[rule]]",
            '[[forbid]]\nid = "no"\nchecks = ["healthy"]\n[[rule]]',
            "unknown_key",
            "checks",
        ),
    ],
)
def test_a_wrong_check_is_said_with_its_place(old: str, new: str, code: str, words: str) -> None:
    assert old in POLICY
    with pytest.raises(PolicyError) as wrong:
        Simulator(POLICY.replace(old, new, 1), False)
    text = str(wrong.value)
    assert code in text
    assert words in text


@pytest.mark.parametrize(
    ("old", "new", "looser"),
    [
        ('min = "1.5"', 'min = "1.6"', False),
        ('min = "1.5"', 'min = "1.4"', True),
        ('min = "1.5"', 'min = "1.5"\nmax = "9"', False),
        ('when = "before"', 'when = "before"\nage_max = "30s"', False),
        ('when = "before"', 'when = "before"\nage_max = "90s"', True),
        ('when = "before"', 'when = "after"', True),
        ('checks = ["healthy"]', "", True),
    ],
)
def test_a_check_that_asks_for_less_is_looser(old: str, new: str, looser: bool) -> None:
    changes = json.loads(policy_changes(POLICY, POLICY.replace(old, new, 1)))
    assert changes
    assert any(each["looser"] for each in changes) == looser
    back = json.loads(policy_changes(POLICY.replace(old, new, 1), POLICY))
    assert any(each["looser"] for each in back) == (not looser or "after" in new)


def test_a_check_is_explained_in_words() -> None:
    (agent,) = json.loads(policy_explained(POLICY))
    (rule,) = agent["may"]
    assert "only while `healthy` holds (factor is at least 1.5)" in rule["text"]
