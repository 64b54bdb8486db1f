"""`holdfast policy worst-case`: a hijacked agent nearly reaches it, and never exceeds it."""

import json
import re
import secrets
import string
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import OPERATOR_PASSPHRASE, POLICY, Run
from tests.docs.blocks import blocks

from holdfast._core import checksum_address
from holdfast.service.home.folder import Home

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/policy.md"
VENDOR = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
WALLET = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
USDC = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
AT = 1_767_225_600_000
HOUR_MS, MINUTE_MS = 3_600_000, 60_000
SPANS_MS = {"1h": HOUR_MS, "24h": 24 * HOUR_MS, "30d": 720 * HOUR_MS}
(FIRST,) = (block.text for block in blocks(PAGE, language="toml", use="policy"))


def _demo() -> str:
    """The demo's policy with addresses in place of its words."""
    source = (ROOT / "python/holdfast/demo/policy.toml").read_text()
    names = dict.fromkeys(re.findall(r"\$(\w+)", source))
    names.pop("symbol")
    known = {"token": USDC, "vendor_a": VENDOR, "symbol": "DEMO"}
    others = {name: checksum_address("0x" + secrets.token_hex(20)) for name in names}
    return string.Template(source).substitute(others | known)


def _uncommented(starter: str) -> str:
    """The starter with the tables that it shows as comments."""
    text = re.sub(r"^# (?=\[\[|[a-z_]+ = )", "", starter, flags=re.MULTILINE)
    text = text.replace('address = "0x…"              #', f'address = "{USDC}" #')
    return text.replace('address = "0x…"', f'address = "{VENDOR}"')


def _transfer(units: int, to: str = VENDOR) -> dict[str, str]:
    data = f"0xa9059cbb{to[2:].lower():0>64}{units:064x}"
    return {
        "to": USDC,
        "data": data,
        "gas": "0xffff",
        "maxFeePerGas": "0x1",
        "maxPriorityFeePerGas": "0x0",
    }


def _moved(run: Run, folder: Path, source: str, agent: str, asks: Iterator[tuple[int, int]]) -> int:
    """Base units that pass without a person, of requests given as (ms since the start, units)."""
    policy, cases = folder / "attacked.toml", folder / "cases.jsonl"
    policy.write_text(source)
    rows = [
        {
            "id": number,
            "agent": agent,
            "at": AT + at,
            "request": {"method": "eth_sendTransaction", "params": [_transfer(units)]},
        }
        for number, (at, units) in enumerate(asks)
    ]
    cases.write_text("\n".join(json.dumps(row) for row in rows))
    words = ("policy", "decide", "--policy", policy, "--cases", cases, "--stateful", "--json")
    result = run(*words)
    assert result.code == 0, result.err
    passed = {"instant", "notify", "delay"}
    return sum(
        int(each["amount"])
        for row in result.lines
        if row["verdict"] in passed
        for each in row["effects"]
        if each["effect"] == "transfer"
    )


def _case(run: Run, folder: Path, source: str, agent: str) -> dict[str, Any]:
    file = folder / "policy.toml"
    file.write_text(source)
    result = run("policy", "worst-case", file, "--agent", agent, "--json")
    assert result.code == 0, result.out
    (case,) = result.json["agents"]
    assert isinstance(case, dict)
    return case


def _span(case: dict[str, Any], name: str) -> dict[str, Any]:
    (span,) = [each for each in case["spans"] if each["span"] == name]
    assert isinstance(span, dict)
    return span


def _greedy(step_ms: int, until_ms: int, units: int, times: int) -> Iterator[tuple[int, int]]:
    """So many of the largest payments once a window is over, and smaller ones for the rest."""
    for at in range(0, until_ms, step_ms):
        yield from ((at + number, units) for number in range(times))
        yield from ((at + times + number, units * (9 - number) // 10) for number in range(9))


@pytest.mark.parametrize("span", SPANS_MS)
@pytest.mark.parametrize(
    ("name", "agent", "step_ms", "units"),
    [
        ("first", "shopper", 24 * HOUR_MS + 60, 50_000_000),
        ("demo", "payer", 10 * MINUTE_MS + 60, 50_000_000),
        ("demo", "hijacked", 24 * HOUR_MS + 60, 5_000_000),
        ("starter", "agent", 24 * HOUR_MS + 60, 5_000_000),
    ],
)
def test_a_greedy_agent_reaches_nearly_the_bound_and_never_more(
    run: Run, tmp_path: Path, name: str, agent: str, step_ms: int, units: int, span: str
) -> None:
    starter = run("policy", "new", "--wallet", WALLET).out
    sources = {"first": FIRST, "demo": _demo(), "starter": _uncommented(starter)}
    case = _case(run, tmp_path, sources[name], agent)
    bound = Decimal(_span(case, span)["usd"]["max"])
    asks = _greedy(step_ms, SPANS_MS[span], units, 60 // (units // 1_000_000) + 4)
    moved = Decimal(_moved(run, tmp_path, sources[name], agent, asks)) / 1_000_000
    assert bound * Decimal("0.9") <= moved <= bound, (moved, bound)
    assert moved > 0
    assert not case["warnings"]


def test_the_starter_lets_nothing_pass_without_a_person(run: Run, tmp_path: Path) -> None:
    starter = run("policy", "new", "--wallet", WALLET).out
    case = _case(run, tmp_path, starter, "agent")
    assert [span["usd"]["max"] for span in case["spans"]] == ["0", "0", "0"]
    assert [span["fees"] for span in case["spans"]] == [None] * 3
    buyer = _case(run, tmp_path, _demo(), "buyer")
    assert [span["usd"]["max"] for span in buyer["spans"]] == ["0", "0", "0"]


def test_what_has_no_limit_is_said_on_the_first_line_in_words(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "open.toml"
    unlimited = re.sub(r"\[\[limit\]\].*", "", FIRST, flags=re.DOTALL)
    file.write_text(
        unlimited.replace('amount_max = "50"\n', "").replace('tier = "approval"', 'tier = "notify"')
    )
    result = run("policy", "worst-case", file)
    first = result.out.splitlines()[0]
    assert first.startswith("UNBOUNDED: agent `shopper`: transfer of usdc by rule")
    assert "`vendors-small`" in first
    assert "no limit bounds it" in first
    (total,) = (row for row in result.out.splitlines() if row.startswith("all, in USD"))
    assert total.split() == ["all,", "in", "USD", *["UNBOUNDED"] * 3]
    # Only the number of requests bounds it: that is no limit either.
    file.write_text(unlimited)
    rated = run("policy", "worst-case", file)
    assert rated.out.startswith(
        "NO LIMIT: agent `shopper`: transfer of usdc by rule `vendors-small`"
    )
    assert "only 6000 requests a minute do" in rated.out


def test_the_example_of_the_documentation_is_what_is_printed(run: Run, tmp_path: Path) -> None:
    (shown,) = (block.text for block in blocks(ROOT / "docs/policy/comparing.md", use="figures"))
    file = tmp_path / "policy.toml"
    file.write_text(FIRST)
    assert run("policy", "worst-case", file).out == shown


def test_json_has_every_figure_with_its_path(run: Run, tmp_path: Path) -> None:
    case = _case(run, tmp_path, FIRST, "shopper")
    day = _span(case, "24h")
    assert (case["agent"], case["chain_id"]) == ("shopper", 31337)
    assert day["usd"]["max"] == day["usd_with_fees"] == "200"
    (usdc,) = day["assets"]
    assert (usdc["asset"], usdc["amount"], usdc["unbounded"]) == ("usdc", "200", False)
    (step,) = usdc["path"]
    assert (step["limit"], step["rules"], step["effects"]) == (
        "shopper-day",
        ["vendors-small"],
        ["transfer"],
    )
    assert day["fees"]["usd"] == "200"


def test_an_agent_that_is_not_declared_and_a_policy_with_errors_are_one_sentence(
    run: Run, tmp_path: Path
) -> None:
    result = run("policy", "worst-case", POLICY, "--agent", "none", "--json")
    assert (result.code, result.json["error"]["code"]) == (1, "agent_unknown")
    assert "`none`" in result.err
    faulty = tmp_path / "faulty.toml"
    faulty.write_text(POLICY.read_text().replace('tier = "instant"', 'teir = "instant"'))
    refused = run("policy", "worst-case", faulty)
    assert refused.code == 1
    assert "teir" in refused.out


def test_the_policy_of_the_home_is_the_default_and_every_agent_is_shown(
    run: Run, home: Home
) -> None:
    result = run("policy", "worst-case", "--home", home.path, "--json")
    assert result.code == 0
    assert result.json["file"] == str(home.policy_path)
    assert len(result.json["agents"]) == 1


def test_apply_says_what_the_worst_case_becomes_before_it_asks(run: Run, home: Home) -> None:
    source = home.policy_path.read_text()
    rule = (
        '[[rule]]\nid = "open"\neffects = ["transfer"]\nassets = ["eth"]\namount_max = "0.5"\n'
        'tier = "instant"\n[[limit]]\nid = "eth-day"\nper = "agent"\neffects = ["transfer"]\n'
        'measure = "amount"\nassets = ["eth"]\nmax = "1"\nwindow = "24h"\non_exceed = "deny"\n'
    )
    # Without the rule that asks for every payment, for that is the stricter of the two.
    asking = source.index("[[rule]]"), source.index("[[limit]]")
    source = source[: asking[0]] + rule + source[asking[1] :]
    new = home.path / "new.toml"
    new.write_text(source.replace('symbol = "ETH"', 'symbol = "ETH"\nprice_usd = "2000"'))
    done = run(
        "policy",
        "apply",
        new,
        "--yes",
        "--home",
        home.path,
        "--passphrase-fd",
        "{0}",
        secrets=(OPERATOR_PASSPHRASE,),
    )
    assert done.code == 0, done.err
    assert (
        "worst case without approval: agent `agent`: 0 USD in 1h, 0 USD in 24h, 0 USD in 30d -> "
        "2000 USD in 1h, 2000 USD in 24h, 60000 USD in 30d"
    ) in done.out.splitlines()
