"""`holdfast policy explain`, and what a denial says of the rule that comes nearest."""

from __future__ import annotations

import re
from pathlib import Path

from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]
STRANGER = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
MORE = """
[[schedule]]
id = "office"
zone = "Europe/Berlin"
days = ["mon-fri"]
hours = ["09:00-17:00"]
[[rule]]
id = "hours"
effects = ["transfer"]
assets = ["usdc"]
during = ["office"]
expires = 2027-01-01T00:00:00Z
usd_max = "5"
tier = "delay"
delay = "10m"
[[review]]
id = "first"
new_payee = "90d"
tier = "approval"
quorum = 2
[[forbid]]
id = "never"
to = ["0x90F79bf6EB2c4f870365E785982E1f101E93b906"]
[[limit]]
id = "month"
per = "recipient"
measure = "recipients"
max = 3
window = "month"
zone = "UTC"
on_exceed = "freeze"
warn_percent = 80
"""


def first_policy(more: str = "") -> str:
    page = (ROOT / "docs" / "policy.md").read_text()
    found = re.search(r"```toml policy\n(.*?)```", page, re.DOTALL)
    assert found
    return found[1] + more


def test_a_policy_is_said_in_words(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    more = MORE.replace('per = "recipient"', 'per = "agent"')
    file.write_text(first_policy(more))
    done = run("policy", "explain", file)
    assert done.code == 0, done.err
    said = Path(__file__).with_name("policy_explained.txt").read_text()
    for words in said.splitlines():
        assert words in done.out, words
    (row,) = run("policy", "explain", file, "--agent", "shopper", "--json").json["agents"]
    assert [each["id"] for each in row["may"]] == ["vendors-small", "hours"]


def test_an_agent_or_a_policy_that_is_not_there_is_an_error_in_words(
    run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(first_policy())
    done = run("policy", "explain", file, "--agent", "nobody")
    assert (done.code, "declares no agent `nobody`" in done.err) == (1, True)
    file.write_text("version = 2")
    assert run("policy", "explain", file).code == 1


def test_what_no_rule_grants_names_the_rule_that_comes_nearest(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(first_policy())
    for pay, to, words in (
        ("25 usdc", STRANGER, "`vendors-small` would grant it if the recipient is on @vendors"),
        ("0.1 eth", "vendors", "`vendors-large` would grant it if the asset is usdc"),
    ):
        done = run("policy", "try", file, "--agent", "shopper", "--pay", pay, "--to", to)
        assert words in done.out, done.out
