"""Trust levels: limits in USD, and when the next level is proposed."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.conftest import Run
from tests.service.in_process import (
    OPERATOR_PASSPHRASE,
    STRANGER,
    VENDOR,
    Line,
    make_home,
    serving,
)
from tests.support.guardian import eventually

from holdfast.cli.policy_trust import DAY_MS, proposal
from holdfast.operator import keys
from holdfast.policies.trust import block, level_of, with_level
from holdfast.service.home.folder import Home
from holdfast.service.journal.open import open_reader
from holdfast.service.journal.standing import Standing, standings

POLICY = Path(__file__).with_name("policy.toml")


def policy(tmp_path: Path) -> Path:
    """The agent of the tests, with a rule for any amount and no limit but those of a level."""
    path = tmp_path / "policy.toml"
    text = POLICY.read_text().split("[[rule]]")[0]
    rule = '[[rule]]\nid = "all"\neffects = ["transfer"]\nassets = ["eth"]\ntier = "instant"\n'
    path.write_text(text.replace('"3000"', '"1"') + rule)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(("level", "most"), [("low", 50), ("medium", 500), ("high", 5_000)])
def test_a_payment_is_decided_at_below_and_above_what_a_level_allows(
    run: Run, tmp_path: Path, level: str, most: int
) -> None:
    path = policy(tmp_path)
    done = run("policy", "trust", path, "--agent", "shopper", "--level", level)
    assert done.code == 0, done.err
    # Its fee counts under the limits and not under the cap of one payment.
    for amount, verdict in [(most - 1, "instant"), (most, "instant"), (most + 1, "deny")]:
        words = ("--pay", f"{amount} eth", "--to", STRANGER)
        tried = run("policy", "try", path, "--agent", "shopper", *words, "--json")
        assert tried.json["verdict"] == verdict, (amount, tried.out)


def test_a_level_takes_the_place_of_the_one_before(run: Run, tmp_path: Path) -> None:
    path = policy(tmp_path)
    before = path.read_text()
    for level in ("low", "high", "unlimited", "medium"):
        assert run("policy", "trust", path, "--agent", "shopper", "--level", level).code == 0
    assert path.read_text() == before + "\n" + block("shopper", "MEDIUM")
    shown = run("policy", "trust", path)
    assert "MEDIUM" in shown.out
    assert "10,000 USD" in shown.out
    (row,) = run("policy", "trust", path, "--json").lines
    assert row == {
        "agent": "shopper",
        "level": "MEDIUM",
        "usd": [500, 1_000, 5_000, 10_000, 50_000],
    }


def test_what_cannot_be_a_level_changes_nothing(run: Run, tmp_path: Path) -> None:
    path = policy(tmp_path)
    for agent, level, words in [
        ("shopper", "huge", "use low, medium, high, unlimited"),
        ("trader", "low", "choose `shopper`"),
    ]:
        before = path.read_bytes()
        done = run("policy", "trust", path, "--agent", agent, "--level", level)
        assert done.code == 2
        assert words in done.err, done.err
        assert path.read_bytes() == before
    assert run("policy", "trust", path, "--agent", "shopper").code == 2


def test_a_level_that_was_changed_by_hand_is_none_and_is_not_replaced(
    run: Run, tmp_path: Path
) -> None:
    path = policy(tmp_path)
    assert run("policy", "trust", path, "--agent", "shopper", "--level", "low").code == 0
    path.write_text(path.read_text().replace('max = "100"', 'max = "900"'))
    assert run("policy", "trust", path, "--json").json["level"] is None
    done = run("policy", "trust", path, "--agent", "shopper", "--level", "high")
    assert done.code == 1
    assert "changed by hand" in done.err
    # So is one whose last limit goes on behind the block.
    path.write_text(path.read_text().replace('max = "900"', 'max = "100"') + 'assets = ["eth"]\n')
    assert run("policy", "check", path).code == 0
    assert run("policy", "trust", path, "--json").json["level"] is None


def test_a_level_above_is_looser_and_one_below_is_not(run: Run, tmp_path: Path) -> None:
    low, high = policy(tmp_path), tmp_path / "high.toml"
    source = low.read_text()
    low.write_text(with_level(source, "shopper", "LOW"))
    high.write_text(with_level(source, "shopper", "HIGH"))
    assert run("policy", "diff", low, high).code == 2
    assert run("policy", "diff", high, low).code == 0


def by_journal(home: Home) -> Standing:
    reader = open_reader(home.journal_path)
    try:
        return standings(reader, ["agent"], level_of)["agent"]
    finally:
        reader.close()


async def apply(line: Line, home: Home, guardian: str, level: str) -> None:
    key = keys.load(home.operator_key_path, bytearray(OPERATOR_PASSPHRASE))
    revision = (await line.operate("status"))["policy"]["revision"] + 1
    source = with_level(home.policy_path.read_text(), "agent", level)
    signed = key.sign_authority("policy", source, guardian=guardian, revision=revision)
    await line.operate("apply", kind="policy", source=source, **signed._asdict())


async def test_thirty_days_without_a_violation_propose_the_next_level(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    async with serving(home) as guardian:
        operator, agent = await guardian.operator(), await guardian.agent()
        log_key = guardian.inside.identity.key.hex()
        await apply(operator, home, log_key, "MEDIUM")
        found = by_journal(home)
        assert (found.level, found.signed) == ("MEDIUM", 0)
        now = found.level_since or 0
        assert "nothing was signed" in proposal(found, now + 40 * DAY_MS)
        await agent.pay(VENDOR)
        (open_view,) = await guardian.until_open("authorising")
        await guardian.carry_out(open_view["id"])
        await eventually(lambda: by_journal(home).signed == 1)
        found = by_journal(home)
        first = found.signed_since or 0
        assert "29 of 30 days" in proposal(found, first + 30 * DAY_MS - 1)
        assert "`--level high` can follow" in proposal(found, first + 30 * DAY_MS)
        # A denial begins the time anew, and so does another level.
        await agent.pay(STRANGER, 10**30)
        denied = by_journal(home)
        assert denied.violation is not None
        assert "29 of 30 days" in proposal(denied, denied.violation + 30 * DAY_MS - 1)
        await apply(operator, home, log_key, "LOW")
        await apply(operator, home, log_key, "MEDIUM")
        assert by_journal(home).signed == 0
