"""A looser policy waits as long as the one in force says; a stricter one does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.service.guardian.test_policy_file import allow_stranger, watching
from tests.service.in_process import (
    OPERATOR_PASSPHRASE,
    Guardian,
    Line,
    make_home,
    put_policy,
    serving,
)

from holdfast.operator import keys
from holdfast.service.home.folder import Home

Json = dict[str, Any]


def delayed(folder: Path, delay: str) -> Home:
    home = make_home(folder)
    put_policy(home, f'loosen_delay = "{delay}"\n{home.policy_path.read_text()}')
    return home


async def apply(guardian: Guardian, operator: Line, source: str) -> Json:
    key = keys.load(guardian.home.operator_key_path, bytearray(OPERATOR_PASSPHRASE))
    revision = (await operator.operate("status"))["policy"]["revision"] + 1
    signed = key.sign_authority(
        "policy", source, guardian=guardian.inside.identity.key.hex(), revision=revision
    )
    done: Json = await operator.operate("apply", kind="policy", source=source, **signed._asdict())
    return done


async def policy(operator: Line) -> Json:
    shown: Json = (await operator.operate("status"))["policy"]
    return shown


async def test_a_looser_policy_is_shown_with_its_time_and_survives_a_restart(
    tmp_path: Path,
) -> None:
    home = delayed(tmp_path, "1h")
    async with serving(home) as guardian:
        operator = await watching(guardian)
        before = (await policy(operator))["digest"]
        done = await apply(guardian, operator, allow_stranger(home))
        record = await operator.event("policy.scheduled")
        assert done["due_ms"] == record["data"]["due_ms"] == record["at"] + 3_600_000
        shown = await policy(operator)
        assert (shown["digest"], shown["coming"]["due_ms"]) == (before, done["due_ms"])
        assert shown["alarm"] is None
    # The next start finds the new file and its signature: the time does not begin anew.
    async with serving(home) as guardian:
        operator = await watching(guardian)
        shown = await policy(operator)
        assert (shown["digest"], shown["coming"]["due_ms"]) == (before, done["due_ms"])


async def test_it_comes_into_force_by_itself(tmp_path: Path) -> None:
    home = delayed(tmp_path, "1s")
    async with serving(home) as guardian:
        operator = await watching(guardian)
        done = await apply(guardian, operator, allow_stranger(home))
        loaded = await operator.event("policy.loaded")
        assert loaded["at"] >= done["due_ms"]
        assert (await policy(operator))["coming"] is None
        assert (await policy(operator))["digest"] == done["digest"]


async def test_a_stricter_policy_takes_the_place_of_one_that_waits(tmp_path: Path) -> None:
    home = delayed(tmp_path, "1h")
    source = home.policy_path.read_text()
    async with serving(home) as guardian:
        operator = await watching(guardian)
        await apply(guardian, operator, allow_stranger(home))
        tight = source + '\n[[forbid]]\nid = "no"\neffects = ["message"]\n'
        done = await apply(guardian, operator, tight)
        assert "due_ms" not in done
        shown = await policy(operator)
        assert (shown["digest"], shown["coming"]) == (done["digest"], None)
