"""`holdfast policy review`: findings from a real journal, each with numbers and a right diff."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Run
from tests.docs.blocks import ROOT, blocks
from tests.perimeter.test_contracts import CODE, SENDER, SENDERS, becomes, call
from tests.service.facts.test_pinned_code import chain_at
from tests.service.in_process import (
    SHOP,
    STRANGER,
    VENDOR,
    Guardian,
    Line,
    make_home,
    put_policy,
    serving,
)
from tests.support.anvil import Anvil
from tests.support.stub_contract import place_contract

from holdfast.service.home.folder import Home
from holdfast.service.journal.open import open_reader
from holdfast.service.offline import in_force
from holdfast.service.runtime.clock import Clock

DAY_MS = 86_400_000
ETH = 10**18
LISTED = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65"
NEVER = "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc"
LIST = f"""
[[list]]
id = "known"
[[list.entry]]
address = "{LISTED}"
label = "paid"
# never paid by anyone
[[list.entry]]
address = "{NEVER}"
label = "quiet"

[[rule]]
id = "known"
effects = ["transfer"]
assets = ["eth"]
to = ["@known"]
amount_max = "3"
tier = "instant"
"""


class Days:
    """A clock that a test moves by days."""

    def __init__(self) -> None:
        self.ahead_ms = 0
        self.clock = Clock(
            lambda: self._now(time.time_ns()), lambda: self._now(time.monotonic_ns())
        )

    def _now(self, ns: int) -> int:
        return ns // 1_000_000 + self.ahead_ms


@asynccontextmanager
async def guarding(home: Home, days: int = 8) -> AsyncIterator[tuple[Guardian, Line]]:
    """A guardian some days after its policy came into force, and its agent."""
    hands = Days()
    async with serving(home, hold_ms=20, clock=hands.clock) as guardian:
        hands.ahead_ms += days * DAY_MS
        yield guardian, await guardian.agent()
        await guardian.core.durable()


async def pay(guardian: Guardian, agent: Line, to: str, value: int) -> None:
    """A payment that is granted at once, up to the chain."""
    await agent.pay(to, value)
    (view,) = await guardian.until_open("authorising")
    await guardian.carry_out(view["id"])


async def answer(guardian: Guardian, agent: Line, action: Any, to: str, value: int) -> str:
    """A payment that waits for approval, answered by the operator."""
    await agent.pay(to, value)
    (view,) = await guardian.until_open("waiting-approval")
    operator = await guardian.operator()
    command = guardian.command(action, request=view["id"], digest=view["digest"])
    await operator.operate("command", **command)
    if action == "approve":
        await guardian.until_open("authorising")
        await guardian.carry_out(view["id"])
    return str(view["id"])


def found(result: Any, kind: str) -> dict[str, Any]:
    """The findings of a kind by name."""
    assert result.code == 0, result.err
    return {each["name"]: each for each in result.json["findings"] if each["kind"] == kind}


def patched(home: Home, tmp_path: Path, diff: str) -> Path:
    """The policy in force with a proposed diff, as `patch` makes it."""
    policy = in_force(home).policy
    assert policy is not None
    folder = tmp_path / "patched"
    folder.mkdir()
    (folder / "policy.toml").write_text(policy)
    subprocess.run(["patch", "-p1", "-s"], input=diff, text=True, cwd=folder, check=True)
    return folder / "policy.toml"


async def test_what_was_never_used_is_found_and_its_removal_is_tighter(
    tmp_path: Path, run: Run
) -> None:
    home = make_home(tmp_path, more=LIST)
    async with guarding(home) as (guardian, agent):
        await pay(guardian, agent, LISTED, ETH)
        # The guardian runs: its journal is only read.
        result = await asyncio.to_thread(run, "policy", "review", "--home", home.path, "--json")
    assert set(found(result, "rule_unused")) == {"rule vendor", "rule shop", "rule words"}
    unused = found(result, "rule_unused")["rule vendor"]["proposal"]
    assert (unused["relation"], unused["replayed"]) == ("tighter", 1)
    assert (unused["milder"], unused["stricter"]) == (0, 0)
    assert '-id = "vendor"' in unused["diff"].splitlines()
    (entries,) = found(result, "entry_unpaid").values()
    assert (entries["name"], entries["count"]) == ("list @known", 1)
    assert f"1 of 2 entries were not paid: {NEVER} (quiet)" in entries["text"]
    # Another rule could be milder for an address on no list: none is, but no text shows that.
    assert (entries["proposal"]["relation"], entries["proposal"]["milder"]) == ("undecided", 0)
    new = patched(home, tmp_path, entries["proposal"]["diff"])
    assert NEVER not in new.read_text()
    assert "never paid by anyone" not in new.read_text()
    assert run("policy", "check", new).code == 0


async def test_a_rule_that_only_a_sum_needs_is_not_called_unused(
    tmp_path: Path, run: Run, anvil: Anvil
) -> None:
    """No reason names it, because a stricter rule is named; without it the request is denied."""
    more = "".join(
        f'''
[[rule]]
id = "{name}"
effects = ["transfer"]
assets = ["eth"]
to = ["{STRANGER}", "{LISTED}"]
{bound} = "1"
tier = "{tier}"
'''
        for name, bound, tier in (
            ("small", "amount_max", "instant"),
            ("large", "amount_above", "approval"),
        )
    )
    home = make_home(tmp_path, more=more + SENDERS)
    async with guarding(home):
        pass
    place_contract(anvil, SENDER, CODE[0])
    types, values = ["address[]", "uint256[]"], [[STRANGER, LISTED], [ETH * 3 // 5, ETH * 3 // 5]]
    twice = call("disperseEther(address[],uint256[])", types, values, SENDER, ETH * 6 // 5)
    async with chain_at(anvil.url) as chain, serving(home, node=chain, hold_ms=20) as guardian:
        agent = await guardian.agent()
        await becomes(agent, twice, "approval")
        await agent.call("eth_sendTransaction", [twice])
        (view,) = await guardian.until_open("waiting-approval")
        assert {each.get("rule") for each in view["reasons"]} == {"large"}
        await guardian.core.durable()
    result = run("policy", "review", "--home", home.path, "--json")
    assert result.json["decided"] == 1
    assert set(found(result, "rule_unused")) == {"rule vendor", "rule shop", "rule words"}


async def test_what_was_always_approved_gets_a_milder_rule_up_to_the_largest_amount(
    tmp_path: Path, run: Run
) -> None:
    home = make_home(tmp_path)
    async with guarding(home) as (guardian, agent):
        ids = [
            await answer(guardian, agent, "approve", SHOP, value)
            for value in (ETH // 2, ETH * 5 // 4, ETH)
        ]
    result = run("policy", "review", "--home", home.path, "--json")
    (finding,) = found(result, "always_approved").values()
    assert (finding["name"], finding["count"], finding["requests"]) == ("rule shop", 3, ids)
    assert finding["largest"] == "1.25 eth"
    proposal = finding["proposal"]
    assert (proposal["relation"], proposal["milder"], proposal["stricter"]) == ("looser", 3, 0)
    new = patched(home, tmp_path, proposal["diff"])
    old = tmp_path / "old.toml"
    old.write_text(in_force(home).policy or "")
    assert run("policy", "diff", old, new).code == 2
    for amount, verdict in (("1.25", "notify"), ("1.250000000000000001", "approval")):
        payment = ("--agent", "agent", "--pay", f"{amount} eth", "--to", SHOP)
        tried = run("policy", "try", new, *payment, "--json")
        assert tried.json["verdict"] == verdict
    words = run("policy", "review", "--home", home.path)
    (shown,) = blocks(ROOT / "docs" / "policy" / "review.md", use="review")
    assert shown.text in words.out
    assert run("policy", "review", "--home", home.path, "--diff", 1).out == proposal["diff"]
    assert run("policy", "review", "--home", home.path, "--diff", 99, "--json").json["error"]
    assert in_force(home).policy == old.read_text()


async def test_what_was_always_denied_is_removed_or_forbidden(tmp_path: Path, run: Run) -> None:
    milder = f"""
[[rule]]
id = "everyone"
effects = ["transfer"]
assets = ["eth"]
tier = "notify"
[[rule]]
id = "stranger"
effects = ["transfer"]
assets = ["eth"]
to = ["{STRANGER}"]
tier = "approval"
"""
    home = make_home(tmp_path, more=milder)
    async with guarding(home) as (guardian, agent):
        for value in (1, 2, 3):
            await answer(guardian, agent, "deny", STRANGER, value)
    result = run("policy", "review", "--home", home.path, "--json")
    (finding,) = found(result, "always_denied").values()
    # Without the rule, `everyone` would let them pass: a forbid is proposed.
    assert (finding["name"], finding["proposal"]["relation"]) == ("rule stranger", "tighter")
    assert (finding["proposal"]["milder"], finding["proposal"]["stricter"]) == (0, 3)
    assert '+id = "never-stranger"' in finding["proposal"]["diff"].splitlines()


async def test_a_rule_with_mixed_answers_or_too_few_is_no_finding(tmp_path: Path, run: Run) -> None:
    home = make_home(tmp_path)
    async with guarding(home) as (guardian, agent):
        for value, action in enumerate(("approve", "approve", "approve", "deny"), 1):
            await answer(guardian, agent, action, SHOP, value)
    result = run("policy", "review", "--home", home.path, "--json")
    assert not found(result, "always_approved")
    assert not found(result, "always_denied")


async def test_a_limit_that_was_never_near_is_lowered_to_twice_the_most_that_counted(
    tmp_path: Path, run: Run
) -> None:
    more = """
[[limit]]
id = "wide"
per = "agent"
measure = "amount"
assets = ["eth"]
effects = ["transfer"]
max = "100"                              # far too much
window = "24h"
on_exceed = "deny"
[[limit]]
id = "close"
per = "agent"
measure = "amount"
assets = ["eth"]
effects = ["transfer"]
max = "10"
window = "24h"
on_exceed = "deny"
"""
    home = make_home(tmp_path, more=more)
    async with guarding(home) as (guardian, agent):
        await pay(guardian, agent, VENDOR, ETH)
        await pay(guardian, agent, VENDOR, 2 * ETH)
    result = run("policy", "review", "--home", home.path, "--json")
    limits = found(result, "limit_far")
    assert set(limits) == {"limit some", "limit wide"}
    assert (
        "at most 3 ETH of 100 ETH counted at one time, for agent:agent"
        in (limits["limit wide"]["text"])
    )
    proposal = limits["limit wide"]["proposal"]
    assert (proposal["relation"], proposal["stricter"]) == ("tighter", 0)
    assert '+max = "10"                              # far too much' in proposal["diff"]


async def test_what_expired_is_removed_and_what_will_expire_is_named(
    tmp_path: Path, run: Run
) -> None:
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3 * 86_400))
    more = f"""
[[list]]
id = "known"
[[list.entry]]
address = "{LISTED}"
expires = 2026-01-01T00:00:00Z
[[list.entry]]
address = "{NEVER}"
expires = {soon}
[[rule]]
id = "known"
effects = ["transfer"]
assets = ["eth"]
to = ["@known"]
tier = "instant"
expires = 2026-02-01T00:00:00Z
"""
    home = make_home(tmp_path, more=more)
    result = run("policy", "review", "--home", home.path, "--json")
    expired = found(result, "expired")
    assert set(expired) == {"rule known", f"entry {LISTED} of @known"}
    for each in expired.values():
        assert each["proposal"]["relation"] in ("tighter", "undecided")
    assert set(found(result, "expiring")) == {f"entry {NEVER} of @known"}


async def test_what_is_younger_than_the_span_is_not_called_unused(tmp_path: Path, run: Run) -> None:
    home = make_home(tmp_path)
    async with guarding(home) as (_guardian, _agent):
        put_policy(home, (in_force(home).policy or "").replace('"10m"', '"20m"'))
    async with guarding(home, days=0):
        pass
    result = run("policy", "review", "--home", home.path, "--json")
    assert set(found(result, "rule_unused")) == {"rule vendor"}
    assert set(result.json["young"]) == {"rule shop", "rule words"}


@pytest.mark.parametrize("days", ["0", "367"])
def test_days_are_bounded(run: Run, home: Home, days: str) -> None:
    assert run("policy", "review", "--home", home.path, "--days", days).code == 2


def test_the_review_leaves_the_journal_as_it_is(run: Run, home: Home) -> None:
    reader = open_reader(home.path)
    before = reader.size()
    assert run("policy", "review", "--home", home.path).code == 0
    assert reader.size() == before
    reader.close()
