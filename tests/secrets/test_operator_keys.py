"""Operators' keys: each signature is for one command, which the core verifies byte for byte."""

import json
import stat
from pathlib import Path

import pytest

from holdfast._core import canonical_json, ed25519_verify, verify_operator_command
from holdfast.operator import keys
from holdfast.secrets import sealed

NOW = 1_750_000_000_000
GUARDIAN = "ab" * 32
PASSPHRASE = b"an operator's own"


@pytest.fixture
def key(tmp_path: Path) -> keys.OperatorKey:
    return keys.create(tmp_path / "operator.json", "alice", PASSPHRASE, sealed.LIGHT)


def test_a_key_is_kept_sealed_and_opens_again(tmp_path: Path, key: keys.OperatorKey) -> None:
    path = tmp_path / "operator.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keys.load(path, PASSPHRASE) == key
    assert keys.describe(path) == ("alice", key.public_key)
    with pytest.raises(sealed.WrongPassphrase, match="passphrase is wrong"):
        keys.load(path, b"a guess")
    with pytest.raises(FileExistsError):
        keys.create(path, "alice", PASSPHRASE, sealed.LIGHT)


def test_a_command_is_canonical_and_verifies(key: keys.OperatorKey) -> None:
    payload, signature = key.sign_command(
        "approve", guardian=GUARDIAN, now_ms=NOW, request="r12", digest="0x" + "11" * 32
    )
    assert canonical_json(payload.encode()) == payload.encode()
    assert json.loads(payload) == {
        "action": "approve",
        "digest": "0x" + "11" * 32,
        "expires_at": NOW + keys.COMMAND_LIFE_MS,
        "guardian": GUARDIAN,
        "key": "alice",
        "request": "r12",
    }
    raw = bytes.fromhex(signature[2:])
    assert verify_operator_command(key.public_key, payload, raw)
    assert not verify_operator_command(key.public_key, payload.replace("r12", "r13"), raw)
    # Without its prefix the signature means nothing, so it can be used nowhere else.
    assert not ed25519_verify(key.public_key, payload.encode(), raw)


def test_a_command_lives_no_longer_than_the_guardian_allows() -> None:
    assert 0 < keys.COMMAND_LIFE_MS <= 5 * 60 * 1000


def test_a_thaw_names_its_freeze(key: keys.OperatorKey) -> None:
    payload, _ = key.sign_command(
        "thaw", guardian=GUARDIAN, now_ms=NOW, freeze=7, reason='it is "over"\n'
    )
    told = json.loads(payload)
    assert (told["action"], told["freeze"], told["reason"]) == ("thaw", 7, 'it is "over"\n')
    assert "request" not in told
    with pytest.raises(ValueError, match="thaw names freeze"):
        key.sign_command("thaw", guardian=GUARDIAN, now_ms=NOW)


def test_an_approval_without_the_shown_digest_is_not_signed(key: keys.OperatorKey) -> None:
    for action in ("approve", "deny"):
        with pytest.raises(ValueError, match="names digest, request"):
            key.sign_command(action, guardian=GUARDIAN, now_ms=NOW, request="r12")


def test_the_private_half_is_never_shown(key: keys.OperatorKey) -> None:
    assert bytes(key._key).hex() not in repr(key)


@pytest.mark.parametrize("key_id", ["", "Alice", "-a", "a" * 33, "a b", "ä"])
def test_an_odd_id_is_refused(tmp_path: Path, key_id: str) -> None:
    with pytest.raises(ValueError, match="not an operator id"):
        keys.create(tmp_path / "key.json", key_id, PASSPHRASE, sealed.LIGHT)
    assert list(tmp_path.iterdir()) == []
