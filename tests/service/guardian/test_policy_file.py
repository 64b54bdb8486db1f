"""A signed policy file is in force at once.

One with a fault never is, and an unsigned one only when it can only deny more.
"""

import asyncio
import os
from pathlib import Path

import pytest
from tests.service.in_process import STRANGER, VENDOR, Guardian, Line, put_policy, serving, until

from holdfast.service.guardian.policy_file import PolicyRejected
from holdfast.service.home.folder import Home

FORBID = f"""
[[forbid]]
id = "nothing-to-vendors"
effects = ["transfer"]
to = ["{VENDOR}"]
"""
BROKEN = "\nthis is not = toml = at all\n"


def allow_stranger(home: Home) -> str:
    """The policy, with the vendors' rule for somebody else."""
    return home.policy_path.read_text().replace(
        "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", STRANGER
    )


def stricter(home: Home) -> str:
    """The policy, with vendors forbidden."""
    return home.policy_path.read_text() + FORBID


async def watching(guardian: Guardian) -> Line:
    operator = await guardian.operator()
    await operator.operate("subscribe")
    return operator


async def test_a_changed_file_is_in_force_without_a_restart(home: Home) -> None:
    async with serving(home) as guardian:
        operator = await watching(guardian)
        put_policy(home, allow_stranger(home))
        assert (await operator.event("policy.loaded"))["data"]["by"] == "file"
        paying = asyncio.create_task((await guardian.agent()).pay(STRANGER))
        assert await guardian.until_open("authorising")
        paying.cancel()


async def test_a_file_replaced_by_a_rename_is_seen(home: Home) -> None:
    async with serving(home) as guardian:
        operator = await watching(guardian)
        draft = home.path / ".policy.toml.swp"
        draft.write_text(stricter(home))
        draft.rename(home.policy_path)
        assert (await operator.event("policy.loaded"))["data"]["name"] == "service"
        assert not (await operator.operate("status"))["policy"]["alarm"]


async def test_a_second_change_right_behind_the_first_is_not_missed(home: Home) -> None:
    good = home.policy_path.read_text()
    async with serving(home) as guardian:
        for _ in range(5):
            # Same file, same size, and most often the same time of change.
            home.policy_path.write_text(good + BROKEN)
            home.policy_path.write_text(good.ljust(len(good + BROKEN)))
            home.policy_path.write_text(good + BROKEN)
            await until(lambda: guardian.inside.policy.alarm is not None)
            home.policy_path.write_text(good)
            await until(lambda: guardian.inside.policy.alarm is None)


async def test_writes_of_the_journal_wake_no_watch_over_the_home(home: Home) -> None:
    async with serving(home):
        watches = [
            line.split()
            for info in Path("/proc/self/fdinfo").iterdir()
            for line in (info.read_text() if info.exists() else "").splitlines()
            if line.startswith("inotify ")
        ]
        assert f"ino:{home.path.stat().st_ino:x}" not in [each[2] for each in watches]


async def test_a_file_with_a_fault_leaves_the_last_good_one_in_force(home: Home) -> None:
    async with serving(home) as guardian:
        operator = await watching(guardian)
        home.policy_path.write_text(allow_stranger(home) + BROKEN)
        event = await operator.event("policy.rejected")
        assert "policy.toml:" in event["data"]["error"]
        assert (await (await guardian.agent()).pay(STRANGER))["error"]["code"] == 4001
        status = await operator.operate("status")
        assert "policy.toml:" in status["policy"]["alarm"]
        assert status["health"]["policy_alarm"] == status["policy"]["alarm"]


async def test_the_alarm_ends_when_the_file_is_sound_again(home: Home) -> None:
    async with serving(home) as guardian:
        good = home.policy_path.read_text()
        operator = await guardian.operator()
        home.policy_path.write_text(good + BROKEN)
        refused = await operator.operate_raw("reload", {})
        assert refused["error"]["code"] == "policy_invalid"
        assert guardian.inside.policy.alarm is not None
        home.policy_path.write_text(good)
        assert await operator.operate("reload")
        assert guardian.inside.policy.alarm is None


async def test_a_daemon_does_not_start_with_a_fault_in_its_policy(home: Home) -> None:
    good = home.policy_path.read_text()
    home.policy_path.write_text(good.replace('tier = "instant"', 'tier = "instand"'))
    with pytest.raises(PolicyRejected) as refused:
        async with serving(home):
            pass
    code, text = refused.value.args
    line = 1 + good[: good.index('tier = "instant"')].count("\n")
    assert code == "policy_invalid"
    assert text.startswith(f"policy.toml:{line}:")
    assert "instant" in text


def write_link(path: Path) -> None:
    path.rename(path.with_name("real.toml"))
    path.symlink_to("real.toml")


def write_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (write_link, "it is a symbolic link"),
        (write_fifo, "is not a regular file"),
        (lambda path: path.chmod(0o666), "can be written by others"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "is not UTF-8"),
        (lambda path: path.unlink(), "No such file"),
    ],
)
async def test_a_file_others_could_have_made_is_not_read(home: Home, spoil, words: str) -> None:  # type: ignore[no-untyped-def]
    async with serving(home) as guardian:
        operator = await guardian.operator()
        spoil(home.policy_path)
        refused = await operator.operate_raw("reload", {})
        assert words in refused["error"]["text"]
        assert guardian.inside.policy.alarm is not None
        if home.policy_path.exists() and home.policy_path.is_fifo():
            home.policy_path.unlink()


async def test_the_file_freeze_stops_everything_and_goes_away(home: Home) -> None:
    async with serving(home) as guardian:
        operator = await watching(guardian)
        home.freeze_file.write_text("a person\nwas here\n")
        event = await operator.event("freeze.set")
        assert event["data"]["reason"] == "a person was here"
        assert event["data"]["scope"]["kind"] == "everything"
        await until(lambda: not home.freeze_file.exists())
        assert len((await operator.operate("status"))["freezes"]) == 1


async def test_a_freeze_file_found_at_start_stops_everything(home: Home) -> None:
    home.freeze_file.write_text("")
    async with serving(home) as guardian:
        freezes = (await (await guardian.operator()).operate("status"))["freezes"]
        assert [each["actor"] for each in freezes] == ["file"]


async def test_a_policy_with_a_wallet_that_has_no_key_is_never_put_in_force(home: Home) -> None:
    """Its payments would be granted, counted and asked about, and nothing could sign them."""
    foreign = f'[[wallet]]\nid = "other"\naddress = "{STRANGER}"\n'
    async with serving(home) as guardian:
        operator = await guardian.operator()
        before = (await operator.operate("status"))["policy"]["digest"]
        put_policy(home, home.policy_path.read_text() + foreign)
        answer = await operator.operate_raw("reload", {})
        assert "holds no key" in answer["error"]["text"]
        status = (await operator.operate("status"))["policy"]
        assert status["digest"] == before
        assert STRANGER in status["alarm"]
    with pytest.raises(PolicyRejected, match="wallet_unknown"):
        async with serving(home):
            pass


async def test_a_signature_file_of_any_kind_leaves_the_guardian_running(home: Home) -> None:
    signature = home.policy_path.with_suffix(".sig")
    async with serving(home) as guardian:
        operator = await watching(guardian)
        signature.write_bytes(b"[" * 16_000)
        home.policy_path.write_text(allow_stranger(home))
        await operator.event("policy.rejected")
        signature.unlink()
        os.mkfifo(signature)
        refused = await operator.operate_raw("reload", {})
        assert refused["error"]["code"] == "policy_unsigned"
        home.freeze_file.touch()
        assert await operator.event("freeze.set")


async def test_a_folder_in_the_place_of_the_policy_is_an_alarm(home: Home) -> None:
    async with serving(home) as guardian:
        home.policy_path.unlink()
        home.policy_path.mkdir()
        await until(lambda: "not a regular file" in (guardian.inside.policy.alarm or ""))
        operator = await guardian.operator()
        refused = await operator.operate_raw("reload", {})
        assert refused["error"]["code"] == "policy_unsafe"


async def test_a_long_file_without_any_policy_holds_up_nothing(home: Home) -> None:
    async with serving(home) as guardian:
        home.policy_path.write_text("a line of a log\n" * 30_000)
        await until(lambda: "policy.toml:1:" in (guardian.inside.policy.alarm or ""))
