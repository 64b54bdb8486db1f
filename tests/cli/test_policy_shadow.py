"""`holdfast policy shadow`: a candidate decides beside the live policy and changes nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Run
from tests.service.in_process import SHOP, STRANGER, VENDOR, Guardian, Line, make_home, serving

from holdfast.service.guardian import shadow
from holdfast.service.home.folder import Home
from holdfast.service.journal.open import open_reader
from holdfast.service.offline import in_force

TIMEOUT = 'timeout = "10m"'


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path)


def candidate(home: Home, tmp_path: Path) -> Path:
    """The policy in force, but a stranger is paid instead of the vendor, and the shop at once."""
    text = in_force(home).policy or ""
    for old, new in ((VENDOR, STRANGER), (f'tier = "approval"\n{TIMEOUT}', 'tier = "notify"')):
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "candidate.toml"
    file.write_text(text)
    return file


async def becomes(operator: Line, /, gone: bool = False, **wanted: Any) -> dict[str, Any]:
    """The answer of `shadow` once its candidate has these members and nothing is left to do.

    Or is `gone`, also from the answer of `status`.
    """
    async with asyncio.timeout(20):
        while True:
            found: dict[str, Any] = await operator.operate("shadow")
            one = found["candidate"] or {}
            if gone and not (await operator.operate("status"))["shadow"]["candidate"]:
                return found
            if not gone and one.get("behind") == 0 and wanted.items() <= one.items():
                return found
            await asyncio.sleep(0.02)


async def refused(operator: Line, words: str) -> dict[str, Any]:
    """The answer of `shadow` once the file is refused with these words."""
    async with asyncio.timeout(20):
        while True:
            found: dict[str, Any] = await operator.operate("shadow")
            if words in (found["error"] or ""):
                return found
            await asyncio.sleep(0.02)


async def pay_all(guardian: Guardian) -> list[str]:
    """One payment each to vendor, shop and stranger; what the live policy made of them."""
    agent = await guardian.agent()
    for to in (VENDOR, SHOP, STRANGER):
        await agent.pay(to, 7)
    await guardian.until_open("authorising")
    await guardian.core.durable()
    guard = guardian.core.guard
    return [str(guard.stage(each)) for each in guard.open_requests()]


async def test_differences_are_counted_and_the_live_verdicts_stay(
    home: Home, tmp_path: Path, run: Run
) -> None:
    file = candidate(home, tmp_path)
    async with serving(home, hold_ms=20) as guardian:
        operator = await guardian.operator()
        none = await asyncio.to_thread(run, "policy", "shadow", "--home", home.path)
        assert (none.code, none.out) == (0, "")
        assert "there is no candidate" in none.err
        put = await asyncio.to_thread(run, "policy", "shadow", file, "--home", home.path)
        assert put.code == 0, put.err
        digest = in_force(home).policy_digest
        await becomes(operator, decided=0)
        assert await pay_all(guardian) == ["authorising", "waiting-approval"]
        found = await becomes(operator, decided=3, wider=2, stricter=1)
        rows = [(each["then"], each["now"], each["wider"]) for each in found["differences"]]
        assert rows == [
            ("instant", "deny", False),
            ("approval", "notify", True),
            ("deny", "instant", True),
        ]
        shown = await asyncio.to_thread(run, "policy", "shadow", "--home", home.path)
        assert shown.code == 2
        assert "WIDER" in shown.out
        assert "of 3 requests it decides 2 more mildly, 1 more strictly" in shown.err
        status = await asyncio.to_thread(run, "status", "--home", home.path)
        assert "shadow    service, from event" in status.out
        assert in_force(home).policy_digest == digest
        off = await asyncio.to_thread(run, "policy", "shadow", "--off", "--home", home.path)
        assert off.code == 0
        await becomes(operator, gone=True)


async def test_after_a_restart_the_same_differences_are_found_again_from_its_first_event_on(
    home: Home, tmp_path: Path, run: Run
) -> None:
    async with serving(home, hold_ms=20) as guardian:
        await (await guardian.agent()).pay(STRANGER, 1)
        await guardian.core.durable()
    # Without a guardian it is placed for the next start.
    placed = run("policy", "shadow", candidate(home, tmp_path), "--home", home.path, "--json")
    assert placed.code == 0
    async with serving(home, hold_ms=20) as guardian:
        await pay_all(guardian)
        first = await becomes(await guardian.operator(), decided=3)
    async with serving(home, hold_ms=20) as guardian:
        again = await becomes(await guardian.operator(), decided=3)
    assert again["differences"] == first["differences"]
    assert again["candidate"]["from_seq"] == placed.json["from_seq"]


async def test_a_broken_candidate_is_refused_in_words_and_the_old_one_stays(
    home: Home, tmp_path: Path, run: Run
) -> None:
    file = candidate(home, tmp_path)
    assert run("policy", "shadow", file, "--home", home.path).code == 0
    placed = home.shadow_path.read_text()
    broken = tmp_path / "broken.toml"
    broken.write_text(file.read_text().replace('tier = "notify"', 'tier = "nothing"', 1))
    told = run("policy", "shadow", broken, "--home", home.path)
    assert (told.code, home.shadow_path.read_text()) == (1, placed)
    assert f"{broken}:" in told.out
    async with serving(home) as guardian:
        operator = await guardian.operator()
        before = (await becomes(operator, decided=0))["candidate"]["digest"]
        home.shadow_path.write_text(broken.read_text())
        found = await refused(operator, "shadow.toml:")
        assert found["candidate"]["digest"] == before
        home.shadow_path.write_text(placed)
        home.shadow_path.chmod(0o666)
        found = await refused(operator, "can be written by others")
        assert found["candidate"]["digest"] == before
        home.shadow_path.unlink()
        home.shadow_path.symlink_to(file)
        await refused(operator, "symbolic link")


async def test_a_candidate_that_cannot_keep_up_says_how_much_it_left_out(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadow, "BEHIND_MAX", 1)
    async with serving(home, hold_ms=20) as guardian:
        await pay_all(guardian)
        size = guardian.core.durable_size
        text = candidate(home, tmp_path).read_text()
        home.shadow_path.write_text(shadow.shadow_text(text, 0))
        home.shadow_path.chmod(0o600)
        found = await becomes(await guardian.operator(), from_seq=0)
    assert found["candidate"]["left_out"] >= size - 1


async def test_a_request_of_a_frozen_agent_says_nothing_about_a_policy(
    home: Home, tmp_path: Path, run: Run
) -> None:
    assert run("policy", "shadow", candidate(home, tmp_path), "--home", home.path).code == 0
    async with serving(home, hold_ms=20) as guardian:
        operator = await guardian.operator()
        await operator.operate("freeze", scope={"kind": "everything"}, reason="x", actor="test")
        await (await guardian.agent()).pay(VENDOR, 1)
        await becomes(operator, decided=0, passed_over=1)


def test_the_command_takes_a_file_or_off_and_leaves_the_journal_alone(
    home: Home, tmp_path: Path, run: Run
) -> None:
    reader = open_reader(home.path)
    size = reader.size()
    file = candidate(home, tmp_path)
    assert run("policy", "shadow", file, "--off", "--home", home.path).code == 2
    assert run("policy", "shadow", file, "--home", home.path).code == 0
    assert home.shadow_path.stat().st_mode & 0o777 == 0o600
    assert run("policy", "shadow", "--home", home.path).code == 3
    assert run("policy", "shadow", "--off", "--home", home.path, "--json").json == {"removed": True}
    assert reader.size() == size
    reader.close()
