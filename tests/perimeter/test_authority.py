"""Authority is an operator's key, never a file.

What a process of the guardian's own user writes into the home puts nothing in force.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from nacl.signing import SigningKey
from tests.service.in_process import (
    OPERATOR_PASSPHRASE,
    SHOP,
    STRANGER,
    VENDOR,
    Guardian,
    Json,
    log_key,
    make_home,
    put_policy,
    serving,
    until,
)
from tests.support.operator_cli import holdfast
from textual.pilot import Pilot

from holdfast.console.app import HoldfastApp
from holdfast.console.signing import PolicyScreen
from holdfast.secrets import sealed
from holdfast.secrets.authority import (
    digest_of,
    sign_authority,
    signature_path,
    signature_text,
)
from holdfast.service.config_file import ConfigFile, good_path
from holdfast.service.home.folder import Home
from holdfast.service.local import LocalServices
from holdfast.service.offline import in_force, sign_config
from holdfast.service.runtime.lock import HomeLock

FORBID = f"""
[[forbid]]
id = "nothing-to-vendors"
effects = ["transfer"]
to = ["{VENDOR}"]
"""
NODE = '[[endpoint]]\nchain = 31337\nrpc_url = "http://127.0.0.1:{port}"\n'
ALERT = '[[alert]]\nid = "phone"\nurl = "ntfys://user:secret@{host}/topic"\n'


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path)


def looser(home: Home) -> str:
    """Strangers get what vendors get."""
    return home.policy_path.read_text().replace(f'to = ["{VENDOR}"]', f'to = ["{STRANGER}"]')


def signature(home: Home, text: str, **changes: object) -> bytes:
    """A `policy.sig` by the operator's key for the next revision, with changes."""
    key = sealed.unseal(home.operator_key_path.read_bytes(), OPERATOR_PASSPHRASE)
    known = in_force(home)
    members = {"guardian": known.guardian, "revision": known.policy_revision + 1} | changes
    key = members.pop("key", key)  # type: ignore[assignment]
    return signature_text(
        sign_authority(key, "policy", text, key_id="operator", **members)  # type: ignore[arg-type]
    )


async def status(guardian: Guardian) -> Json:
    return dict(await (await guardian.operator()).operate("status"))


# --- the policy -----------------------------------------------------------------------------------


async def test_a_rewritten_policy_pays_nothing_and_raises_one_alarm(home: Home) -> None:
    good = home.policy_path.read_text()
    async with serving(home, hold_ms=50) as guardian:
        agent, operator = await guardian.agent(), await guardian.operator()
        await operator.operate("subscribe")
        await saved(home, looser(home), lambda: guardian.inside.policy.alarm)
        assert (await agent.pay(STRANGER))["error"]["code"] == 4001
        told = await status(guardian)
        assert "policy.toml is not in force" in told["policy"]["alarm"]
        assert "holdfast policy apply" in told["policy"]["alarm"]
        assert "rule.vendor" in told["policy"]["alarm"]
        assert told["policy"]["digest"] == digest_of(good)
        await saved(home, good, lambda: guardian.inside.policy.alarm is None)
        assert (await agent.pay(STRANGER))["error"]["code"] == 4001
        rejected = guardian.inside.reader.records(0, 1_000)
        assert len([each for each in rejected if b'"kind":"policy.rejected"' in each]) == 1


async def saved(home: Home, text: str | None, true: Callable[[], object]) -> None:
    """Saves the policy as an editor does, by a rename (None removes it), until its change was seen.

    The watch may begin after the first time.
    """
    async with asyncio.timeout(20):
        while not true():
            draft = home.path / "draft.toml"
            draft.touch(mode=0o600)
            draft.write_text("" if text is None else text)
            draft.rename(home.policy_path)
            if text is None:
                home.policy_path.unlink()
            for _ in range(50):
                if true():
                    return
                await asyncio.sleep(0.01)


async def test_a_deleted_policy_is_an_alarm_and_the_last_one_stays(home: Home) -> None:
    async with serving(home, hold_ms=50) as guardian:
        await saved(home, None, lambda: guardian.inside.policy.alarm)
        await until(lambda: "No such file" in str(guardian.inside.policy.alarm))
        assert (await (await guardian.agent()).pay(STRANGER))["error"]["code"] == 4001


async def test_an_unsigned_policy_is_not_in_force_after_a_restart(home: Home) -> None:
    good = home.policy_path.read_text()
    home.policy_path.write_text(looser(home))
    for _ in range(2):
        async with serving(home, hold_ms=50) as guardian:
            told = await status(guardian)
            assert told["policy"]["digest"] == digest_of(good)
            assert "not in force" in told["policy"]["alarm"]
            assert (await (await guardian.agent()).pay(STRANGER))["error"]["code"] == 4001
    home.policy_path.write_text(good)
    async with serving(home) as guardian:
        assert (await status(guardian))["policy"]["alarm"] is None


async def test_what_can_only_deny_more_needs_no_signature(home: Home) -> None:
    home.policy_path.write_text(home.policy_path.read_text() + FORBID)
    async with serving(home, hold_ms=50) as guardian:
        assert (await status(guardian))["policy"]["alarm"] is None
        assert (await (await guardian.agent()).pay(VENDOR))["error"]["code"] == 4001


async def test_a_signature_counts_once_for_its_policy_guardian_and_key(home: Home) -> None:
    good = home.policy_path.read_text()
    first = signature_path(home.policy_path).read_bytes()
    put_policy(home, good + FORBID)
    async with serving(home) as guardian:
        assert (await status(guardian))["policy"]["digest"] == digest_of(good + FORBID)
    stranger = looser(home)
    attempts = {
        "an older one": (good, first),
        "another policy's": (stranger, signature(home, good)),
        "another key's": (stranger, signature(home, stranger, key=SigningKey.generate())),
        "another guardian's": (stranger, signature(home, stranger, guardian="ab" * 32)),
        "of a later revision": (stranger, signature(home, stranger, revision=9)),
        "garbage": (stranger, b'{"payload": 1}'),
    }
    for name, (text, signed) in attempts.items():
        home.policy_path.write_text(text)
        signature_path(home.policy_path).write_bytes(signed)
        async with serving(home, hold_ms=50) as guardian:
            told = await status(guardian)
            assert told["policy"]["digest"] == digest_of(good + FORBID), name
            assert "not in force" in told["policy"]["alarm"], name
            assert (await (await guardian.agent()).pay(STRANGER))["error"]["code"] == 4001
    put_policy(home, stranger)
    async with serving(home) as guardian:
        assert (await status(guardian))["policy"]["digest"] == digest_of(stranger)


async def test_a_new_home_starts_under_the_policy_that_init_signed(home: Home) -> None:
    records = [json.loads(each) for each in _records(home)]
    assert [each["kind"] for each in records] == [
        "guardian.created",
        "policy.loaded",
        "config.loaded",
    ]
    assert records[1]["data"]["revision"] == records[2]["data"]["revision"] == 1
    assert records[1]["data"]["signature"]
    async with serving(home) as guardian:
        told = await status(guardian)
        assert (told["policy"]["revision"], told["policy"]["alarm"]) == (1, None)


def _records(home: Home) -> list[bytes]:
    from holdfast.service.journal.open import open_reader

    reader = open_reader(home.journal_path)
    try:
        return reader.records(0, 1_000)
    finally:
        reader.close()


# --- holdfast policy apply ------------------------------------------------------------------------


async def test_apply_shows_signs_and_puts_in_force_at_once(home: Home, tmp_path: Path) -> None:
    new = tmp_path / "new.toml"
    new.write_text(looser(home))
    async with serving(home, hold_ms=50) as guardian:
        code, _, err = await holdfast(home, "policy", "apply", str(new))
        assert (code, "--yes" in err) == (2, True)
        code, out, err = await holdfast(home, "policy", "apply", str(new), "--yes")
        assert code == 0, err
        assert f'-to = ["{VENDOR}"]' in out
        assert f'+to = ["{STRANGER}"]' in out
        assert "LOOSER: rule.vendor" in out
        assert "revision 2" in out
        assert "in force now" in err
        told = await status(guardian)
        assert (told["policy"]["revision"], told["policy"]["alarm"]) == (2, None)
        assert home.policy_path.read_text() == new.read_text()
        paying = asyncio.create_task((await guardian.agent()).pay(STRANGER))
        assert await guardian.until_open("authorising")
        paying.cancel()
    async with serving(home) as guardian:
        assert (await status(guardian))["policy"]["revision"] == 2


async def test_apply_without_a_guardian_counts_at_the_next_start(home: Home) -> None:
    home.policy_path.write_text(looser(home))
    code, out, _ = await holdfast(home, "policy", "apply", "--yes", "--json")
    done = json.loads(out)
    assert (code, done["revision"], done["in_force"]) == (0, 2, "at the next start")
    assert any(change["looser"] for change in done["changes"])
    async with serving(home) as guardian:
        told = await status(guardian)
        assert told["policy"]["digest"] == done["digest"] == digest_of(looser(home))


LINE_ENDS = {
    "crlf": lambda text: text.replace(b"\n", b"\r\n"),
    "some crlf": lambda text: text.replace(b"\n", b"\r\n", 3),
    "byte order mark": lambda text: b"\xef\xbb\xbf" + text,
    "separators": lambda text: text + "# \u2028 \x85 \u2029\n".encode(),
}


@pytest.mark.parametrize("form", LINE_ENDS)
async def test_every_command_reads_the_file_as_the_guardian_does(home: Home, form: str) -> None:
    text = home.policy_path.read_bytes()
    odd = LINE_ENDS[form](text)
    home.policy_path.write_bytes(odd)
    code, _, err = await holdfast(home, "policy", "check", str(home.policy_path))
    assert code == 0
    code, out, _ = await holdfast(home, "policy", "apply", "--yes", "--json")
    digest = json.loads(out)["digest"]
    assert digest == "0x" + hashlib.sha256(odd).hexdigest()
    assert digest[2:] in err
    assert home.policy_path.read_bytes() == odd
    async with serving(home) as guardian:
        found = (await status(guardian))["policy"]
        assert (found["digest"], found["alarm"]) == (digest, None)
        view = json.loads((await holdfast(home, "status", "--json")).out)
        assert view["policy"]["digest"] == digest
    code, out, err = await holdfast(home, "journal", "replay", "--policy", str(home.policy_path))
    assert (code, out) == (0, ""), err


async def test_line_ends_that_the_guardian_refuses_are_refused_by_every_command(
    home: Home,
) -> None:
    bare = home.policy_path.read_bytes().replace(b"\n", b"\r")
    async with serving(home) as guardian:
        home.policy_path.write_bytes(bare)
        refused = await (await guardian.operator()).operate_raw("reload", {})
        assert refused["error"]["code"] == "policy_invalid"
    for words in (("policy", "check", str(home.policy_path)), ("policy", "apply", "--yes")):
        assert (await holdfast(home, *words)).code == 1


async def test_the_socket_takes_no_policy_without_a_good_signature(home: Home) -> None:
    stranger = looser(home)
    async with serving(home) as guardian:
        operator = await guardian.operator()
        wrong = json.loads(signature(home, stranger, key=SigningKey.generate()))
        refused = await operator.operate_raw(
            "apply", {"kind": "policy", "source": stranger, **wrong}
        )
        assert refused["error"]["code"] == "policy_unsigned"
        assert home.policy_path.read_text() != stranger


class Clock:
    """Real time plus what a test skips."""

    def __init__(self) -> None:
        self.skipped = 0.0

    def __call__(self) -> float:
        return asyncio.get_running_loop().time() + self.skipped


async def seen(pilot: Pilot[None], true: object) -> None:
    for _ in range(500):
        if true():  # type: ignore[operator]
            return
        await pilot.pause(0.02)
    raise AssertionError("never became true")


async def test_the_console_signs_a_policy_that_was_shown_to_its_end(
    home: Home, tmp_path: Path
) -> None:
    async with serving(home) as guardian:
        await saved(home, looser(home), lambda: guardian.inside.policy.alarm)
        clock = Clock()
        app = HoldfastApp(home.path, clock=clock, config=tmp_path / "config")
        async with app.run_test(size=(100, 20)) as pilot:
            await seen(pilot, lambda: app.client.connected and app.model.status.policy.get("alarm"))
            assert await app.session.unlock(bytearray(OPERATOR_PASSPHRASE)) is None
            await pilot.press("P")
            await seen(pilot, lambda: isinstance(app.screen, PolicyScreen))
            clock.skipped += 1.1
            await pilot.press("y")
            clock.skipped += 0.5
            await pilot.pause(0.3)
            assert (await status(guardian))["policy"]["revision"] == 1
            await pilot.press("end")
            clock.skipped += 0.5
            await pilot.press("y")
            clock.skipped += 0.5
            await pilot.pause(0.3)
            assert (await status(guardian))["policy"]["revision"] == 1, "a jump reads nothing"
            await pilot.press("home", *["pagedown"] * 10)
            clock.skipped += 0.5
            await pilot.press("y")
            clock.skipped += 0.5
            await seen(pilot, lambda: not isinstance(app.screen, PolicyScreen))
        told = await status(guardian)
        assert (told["policy"]["revision"], told["policy"]["alarm"]) == (2, None)


# --- config.toml ----------------------------------------------------------------------------------


@asynccontextmanager
async def configured(home: Home) -> AsyncIterator[tuple[LocalServices, ConfigFile]]:
    """What a start makes of config.toml."""
    with HomeLock(home.lock_path):
        file = ConfigFile(home)
        inside = LocalServices(home, file, lambda: log_key(home))
        try:
            await inside.core.durable()
            yield inside, file
        finally:
            await inside.close()


async def test_a_node_or_route_that_nobody_signed_is_not_used(home: Home) -> None:
    signed = NODE.format(port=1) + ALERT.format(host="phone.example")
    sign_config(home, "version = 1\n" + signed, OPERATOR_PASSPHRASE)
    async with configured(home) as (inside, file):
        assert file.alarm is None
        assert inside.config.endpoint[0].rpc_url.endswith(":1")
    lies = {
        "a lying node": NODE.format(port=2) + ALERT.format(host="phone.example"),
        "another route": NODE.format(port=1) + ALERT.format(host="evil.example"),
        "no route": NODE.format(port=1),
        "no simulation": signed.replace("rpc_url", 'simulate = "off"\nrpc_url'),
        "a folder of descriptors": 'registry = "evil"\n' + signed,
    }
    for name, text in lies.items():
        home.config_path.write_text("version = 1\n" + text + "[gate]\nhold_ms = 77\n")
        async with configured(home) as (inside, file):
            assert "holdfast config apply" in str(file.alarm), name
            assert inside.config.endpoint[0].rpc_url.endswith(":1"), name
            assert inside.config.endpoint[0].simulate == "when-possible", name
            assert [each["url"] for each in inside.config.alert] == [
                "ntfys://user:secret@phone.example/topic"
            ], name
            assert inside.config.registry == "", name
            # Limits and timings are no authority.
            assert inside.config.gate.hold_ms == 77


async def test_the_content_of_a_url_file_is_signed_too(home: Home) -> None:
    secret = home.path / "phone.url"
    secret.touch(mode=0o600)
    secret.write_text("ntfys://phone.example/topic\n")
    sign_config(
        home, 'version = 1\n[[alert]]\nid = "phone"\nurl_file = "phone.url"\n', OPERATOR_PASSPHRASE
    )
    async with configured(home) as (inside, file):
        assert file.alarm is None
        assert inside.config.alert == [{"id": "phone", "url": "ntfys://phone.example/topic"}]
    secret.write_text("ntfys://evil.example/topic\n")
    async with configured(home) as (inside, file):
        assert file.alarm is not None
        assert inside.config.alert[0]["url"] == "ntfys://phone.example/topic"
    assert b"phone.example" not in b"".join(_records(home))


async def test_a_changed_copy_of_the_signed_parts_is_not_used(home: Home) -> None:
    sign_config(home, "version = 1\n" + NODE.format(port=1), OPERATOR_PASSPHRASE)
    async with configured(home):
        pass
    evil = NODE.format(port=2)
    home.config_path.write_text("version = 1\n" + evil)
    good_path(home).write_text(good_path(home).read_text().replace(":1", ":2"))
    async with configured(home) as (inside, file):
        assert "none of them is used" in str(file.alarm)
        assert inside.config.endpoint == ()


async def test_config_apply_masks_secrets_and_counts_at_the_next_start(home: Home) -> None:
    home.config_path.write_text("version = 1\n" + ALERT.format(host="phone.example"))
    async with serving(home):
        code, out, err = await holdfast(home, "config", "apply", "--yes")
        assert code == 0, err
        assert "ntfys://phone.example/…" in out
        assert "secret" not in out + err
        assert "at the next start" in err
    async with configured(home) as (inside, file):
        assert file.alarm is None
        assert inside.config.alert[0]["id"] == "phone"
    code, out, _ = await holdfast(home, "config", "apply", "--yes")
    assert (code, "nothing to sign" in out) == (0, True)


async def test_an_alarm_of_the_configuration_is_shown(home: Home) -> None:
    home.config_path.write_text("version = 1\n" + NODE.format(port=2))
    with HomeLock(home.lock_path):
        inside = LocalServices(home, ConfigFile(home), lambda: log_key(home))
        await inside.open(lambda _: None)
        guardian = Guardian(inside)
        try:
            told = await status(guardian)
            assert "config.toml" in told["config"]["alarm"]
            assert told["health"]["config_alarm"] == told["config"]["alarm"]
            _, out, _ = await holdfast(home, "status")
            assert "ALARM     config.toml names" in out
        finally:
            await guardian.close_lines()
            await inside.close_gate()
            await inside.close()


async def test_who_waits_for_approval_under_a_rewritten_policy_stays_waiting(home: Home) -> None:
    """A rewritten policy does not turn what waits for a person into what needs none."""
    text = home.policy_path.read_text()
    instant = text.replace('tier = "approval"\ntimeout = "10m"', 'tier = "instant"')
    async with serving(home, hold_ms=50) as guardian:
        agent = await guardian.agent()
        waits = (await agent.pay(SHOP))["error"]["data"]
        await saved(home, instant, lambda: guardian.inside.policy.alarm)
        assert waits["status"] == "pending"
        assert (await agent.pay(SHOP, 2))["error"]["data"]["status"] == "pending"
