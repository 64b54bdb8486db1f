"""A home is made whole or not at all, and trusted only when nobody else could have touched it."""

import json
import os
import stat
from pathlib import Path

import pytest

from holdfast._core import Guard, check_policy
from holdfast.operator import keys
from holdfast.secrets import keystore
from holdfast.service.config import load_config
from holdfast.service.home.folder import Home, HomeError
from holdfast.service.journal.open import open_reader
from holdfast.service.new_home import Created, Init, init_home

PASSPHRASE = b"passphrase of this home"
OPERATOR = b"passphrase of the operator"


def make(path: Path, **options: object) -> Created:
    init = Init(PASSPHRASE, OPERATOR, kdf="light", **options)  # type: ignore[arg-type]
    return init_home(Home(path), init)


def test_init_makes_all_that_a_guardian_needs(tmp_path: Path) -> None:
    created = make(tmp_path / "home", wallets=2)
    home = Home(tmp_path / "home").open_checked()
    opened = keystore.open_wallets(home.wallets_dir, PASSPHRASE)
    assert sorted(opened) == sorted(created.wallets)
    log_key = keystore.open_log_key(home.log_key_path, PASSPHRASE)
    assert (
        bytes(log_key.verify_key) == created.log_key == keystore.log_public_key(home.log_key_path)
    )
    operator = keys.load(home.operator_key_path, OPERATOR)
    assert (operator.id, operator.public_key) == ("operator", created.operator_key)
    reader = open_reader(home.journal_path)
    records = reader.records(0, 10)
    reader.close()
    assert Guard.replay(records).size == len(records) == 3
    event = json.loads(records[0])
    assert event["kind"] == "guardian.created"
    assert event["data"]["log_key"].removeprefix("0x") == created.log_key.hex()
    assert event["data"]["operators"] == [
        {"id": "operator", "public_key": "0x" + created.operator_key.hex()}
    ]


def test_what_init_writes_is_valid_as_it_is(tmp_path: Path) -> None:
    created = make(tmp_path / "home", wallets=2, chain_id=8453, rpc_url="https://node.test/a?b=1")
    config = load_config(created.home.config_path)
    assert [(each.chain, each.rpc_url) for each in config.endpoint] == [
        (8453, "https://node.test/a?b=1")
    ]
    policy = json.loads(check_policy(created.home.policy_path.read_text()))
    assert policy["name"] == "starter"


def test_everything_in_a_home_is_for_its_owner_only(tmp_path: Path) -> None:
    os.umask(old := os.umask(0))
    os.umask(0)
    try:
        make(tmp_path / "home")
    finally:
        os.umask(old)
    for path in (tmp_path / "home", *(tmp_path / "home").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_init_again_refuses_and_changes_nothing(tmp_path: Path) -> None:
    make(tmp_path / "home")
    before = {path: path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file()}
    with pytest.raises(HomeError, match=r"already a guardian in .*: nothing was changed"):
        make(tmp_path / "home")
    after = {path: path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file()}
    assert before == after
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_init_never_uses_a_folder_with_something_in_it(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear")
    with pytest.raises(HomeError, match="not an empty folder"):
        make(tmp_path / "home")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HomeError, match="symbolic link"):
        make(tmp_path / "link")
    (tmp_path / "empty").mkdir()
    make(tmp_path / "empty")


def test_a_failed_init_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wallet = keystore.new_wallet()
    with pytest.raises(keystore.KeystoreError, match="already in"):
        make(tmp_path / "home", wallets=0, imported=[wallet, wallet])
    assert list(tmp_path.iterdir()) == []


def test_a_wallet_can_be_brought_along(tmp_path: Path) -> None:
    wallet = keystore.import_private_key("11" * 32)
    created = make(tmp_path / "home", wallets=1, imported=[wallet])
    assert created.wallets[0] == wallet.address
    assert len(created.wallets) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"wallets": 0}, "1 to 64 wallets"),
        ({"wallets": 65}, "1 to 64 wallets"),
        ({"operator_id": "Not An Id"}, "not an operator id"),
        ({"agent_id": "../x"}, "not an agent id"),
    ],
)
def test_odd_wishes_are_refused(tmp_path: Path, options: dict[str, object], words: str) -> None:
    with pytest.raises(HomeError, match=words):
        make(tmp_path / "home", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_path_too_long_for_a_socket_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    with pytest.raises(HomeError, match="holds at most 107"):
        make(deep)
    assert list(tmp_path.iterdir()) == []
    short = Home(Path("/" + "h" * 60))
    assert len(str(short.agent_socket("a" * 29))) == 107
    with pytest.raises(HomeError, match="shorter path"):
        short.agent_socket("a" * 30)


def test_a_home_is_found_by_argument_then_variable_then_xdg(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_HOME", str(tmp_path / "variable"))
    assert Home.locate(tmp_path / "given").path == tmp_path / "given"
    assert Home.locate(None).path == tmp_path / "variable"
    monkeypatch.delenv("HOLDFAST_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert Home.locate(None).path == tmp_path / "data" / "holdfast"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Home.locate(None).path == tmp_path / ".local" / "share" / "holdfast"
    monkeypatch.chdir(tmp_path)
    assert Home.locate("here").path == tmp_path / "here"


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        (".", 0o770),
        ("keys", 0o755),
        ("keys/wallets", 0o702),
        ("run", 0o777),
        ("keys/log.json", 0o640),
        ("keys/operator.json", 0o604),
        ("policy.toml", 0o620),
        ("config.toml", 0o602),
        ("journal.sqlite", 0o660),
    ],
)
def test_a_home_others_can_touch_is_refused_by_name(tmp_path: Path, name: str, mode: int) -> None:
    make(tmp_path / "home")
    target = (tmp_path / "home" / name).resolve()
    target.chmod(mode)
    with pytest.raises(HomeError, match=f"`{target}` can be"):
        Home(tmp_path / "home").open_checked()


def test_links_in_a_home_are_refused(tmp_path: Path) -> None:
    make(tmp_path / "home")
    policy = tmp_path / "home" / "policy.toml"
    policy.rename(tmp_path / "elsewhere.toml")
    policy.symlink_to(tmp_path / "elsewhere.toml")
    with pytest.raises(HomeError, match=r"policy\.toml` is a symbolic link"):
        Home(tmp_path / "home").open_checked()
    (tmp_path / "linked").symlink_to(tmp_path / "home")
    with pytest.raises(HomeError, match="linked` is a symbolic link"):
        Home(tmp_path / "linked").open_checked()


def test_a_home_without_its_journal_never_starts_anew(tmp_path: Path) -> None:
    make(tmp_path / "home")
    (tmp_path / "home" / "journal.sqlite").unlink()
    with pytest.raises(HomeError, match="limits would be lost"):
        Home(tmp_path / "home").open_checked()
    with pytest.raises(HomeError, match="already"):
        make(tmp_path / "home")


def test_a_home_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match="holdfast init"):
        Home(tmp_path / "none").open_checked()
