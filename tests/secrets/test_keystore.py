"""Keys at rest: what is written can be opened again by the right passphrase and by nothing else."""

import json
import stat
from pathlib import Path

import pytest
from eth_account import Account
from nacl.signing import SigningKey
from tests.support.homes import PASSPHRASE

from holdfast.secrets import keystore, sealed
from holdfast.secrets.files import UnsafeFile, check_ancestors, read_private, write_private
from holdfast.secrets.held import held_wallets


def test_a_saved_wallet_opens_with_its_passphrase_and_with_other_programs(tmp_path: Path) -> None:
    wallet = keystore.new_wallet()
    path = keystore.save_wallet(tmp_path, wallet, PASSPHRASE, "light")
    assert keystore.open_wallets(tmp_path, PASSPHRASE)[wallet.address].key == wallet.key
    assert Account.decrypt(path.read_text(), PASSPHRASE.decode()) == wallet.key
    assert held_wallets(tmp_path) == [wallet.address]


def test_a_keystore_without_its_address_leaves_open_which_wallets_are_held(tmp_path: Path) -> None:
    path = keystore.save_wallet(tmp_path, keystore.new_wallet(), PASSPHRASE, "light")
    keystore.save_wallet(tmp_path, keystore.new_wallet(), PASSPHRASE, "light")
    bare = json.loads(path.read_text())
    del bare["address"]
    path.write_text(json.dumps(bare))
    assert held_wallets(tmp_path) is None


def test_key_files_are_for_their_owner_only(tmp_path: Path) -> None:
    path = keystore.save_wallet(tmp_path, keystore.new_wallet(), PASSPHRASE, "light")
    log = tmp_path / "log.json"
    keystore.save_log_key(log, SigningKey.generate(), PASSPHRASE, "light")
    for file in (path, log):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([path.name, "log.json"])


def test_a_wrong_passphrase_is_told_as_such(tmp_path: Path) -> None:
    keystore.save_wallet(tmp_path, keystore.new_wallet(), PASSPHRASE, "light")
    with pytest.raises(keystore.WrongPassphrase, match="passphrase is wrong"):
        keystore.open_wallets(tmp_path, b"something else")
    keystore.save_log_key(tmp_path / "log", SigningKey.generate(), PASSPHRASE, "light")
    with pytest.raises(keystore.WrongPassphrase, match="passphrase is wrong"):
        keystore.open_log_key(tmp_path / "log", b"something else")


def test_a_wallet_is_never_overwritten(tmp_path: Path) -> None:
    wallet = keystore.new_wallet()
    path = keystore.save_wallet(tmp_path, wallet, PASSPHRASE, "light")
    before = path.read_bytes()
    with pytest.raises(keystore.KeystoreError, match="already in"):
        keystore.save_wallet(tmp_path, wallet, b"another one", "light")
    assert path.read_bytes() == before


def test_a_keystore_whose_address_was_changed_is_refused(tmp_path: Path) -> None:
    path = keystore.save_wallet(tmp_path, keystore.new_wallet(), PASSPHRASE, "light")
    changed = json.loads(path.read_text())
    changed["address"] = "f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    path.write_text(json.dumps(changed))
    with pytest.raises(keystore.KeystoreError, match="not that of its key"):
        keystore.open_wallets(tmp_path, PASSPHRASE)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"version": 3}',
        b'{"version": 3, "crypto": {"kdfparams": {"n": 1, "r": 1, "p": 1}}}',
        b'{"version": 3, "crypto": {"kdf": "scrypt", "kdfparams": {"n": 1073741824, "r": 8}}}',
        b'{"version": 3, "crypto": {"kdf": "scrypt", "kdfparams": {"n": -1, "r": 8}}}',
        b"\xff\xfe",
    ],
)
def test_what_is_no_keystore_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    write_private(tmp_path / "odd.json", content)
    with pytest.raises(keystore.KeystoreError, match=r"odd\.json"):
        keystore.open_wallets(tmp_path, PASSPHRASE)


def test_a_private_key_can_be_imported_and_a_bad_one_is_never_repeated() -> None:
    key = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
    assert keystore.import_private_key(f"0x{key}\n").address == (
        "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    )
    for bad in (key[:-1], "zz" * 32, "00" * 32, "ff" * 32, ""):
        with pytest.raises(keystore.KeystoreError) as caught:
            keystore.import_private_key(bad)
        assert not bad or bad not in str(caught.value)
        assert caught.value.__cause__ is None


def test_a_keystore_of_another_program_can_be_imported() -> None:
    account = Account.create()
    made = Account.encrypt(account.key, "its own", kdf="pbkdf2", iterations=1000)
    opened = keystore.import_keystore(json.dumps(made).encode(), b"its own")
    assert opened.key == account.key


def test_a_keystore_is_read_in_any_case_of_its_keys_and_each_once() -> None:
    """ethers v6 writes `Crypto`. A second spelling would hide the cost that is really paid."""
    account = Account.create()
    made = Account.encrypt(account.key, "its own", kdf="pbkdf2", iterations=1000)
    crypto = made.pop("crypto")
    opened = keystore.import_keystore(json.dumps({**made, "Crypto": crypto}).encode(), b"its own")
    assert opened.key == account.key
    dear = {**crypto, "kdfparams": {**crypto["kdfparams"], "C": 10**12}}
    for bad in ({"crypto": crypto, "Crypto": crypto}, {"crypto": dear}):
        with pytest.raises(keystore.KeystoreError, match="twice"):
            keystore.import_keystore(json.dumps({**made, **bad}).encode(), b"its own")
    hidden = {key: value for key, value in crypto.items() if key != "kdfparams"}
    hidden["KDFParams"] = {**crypto["kdfparams"], "c": 10**12}
    with pytest.raises(keystore.KeystoreError, match="more work"):
        keystore.import_keystore(json.dumps({**made, "Crypto": hidden}).encode(), b"its own")


def test_signing_uses_libsecp256k1() -> None:
    keystore.check_fast_backend()
    assert "coincurve" in type(keystore.new_wallet()._key_obj.backend).__module__


def test_a_sealed_key_opens_again_and_says_which_it_is() -> None:
    key = SigningKey.generate()
    data = sealed.seal(key, PASSPHRASE, sealed.LIGHT, "alice")
    assert bytes(sealed.unseal(data, PASSPHRASE)) == bytes(key)
    assert sealed.public_key_of(data) == bytes(key.verify_key)
    assert sealed.id_of(data) == "alice"
    assert bytes(key).hex() not in data.decode()


def test_a_changed_sealed_key_does_not_open() -> None:
    data = sealed.seal(SigningKey.generate(), PASSPHRASE, sealed.LIGHT)
    other = "0x" + bytes(SigningKey.generate().verify_key).hex()
    for path, value in (
        (("public_key",), other),
        (("cipher", "ciphertext"), "0x" + "00" * 48),
        (("cipher", "nonce"), "0x00"),
        (("kdf", "memlimit"), 1 << 40),
        (("kdf", "opslimit"), True),
        (("kdf", "name"), "none"),
        (("version",), 2),
    ):
        changed = json.loads(data)
        place = changed
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value
        with pytest.raises(sealed.SealedKeyError):
            sealed.unseal(json.dumps(changed).encode(), PASSPHRASE)


def test_a_file_others_could_change_is_not_trusted(tmp_path: Path) -> None:
    file = tmp_path / "file"
    write_private(file, b"x")
    link = tmp_path / "link"
    link.symlink_to(file)
    with pytest.raises(UnsafeFile, match="symbolic link"):
        read_private(link)
    file.chmod(0o620)
    with pytest.raises(UnsafeFile, match="written by others"):
        read_private(file)
    file.chmod(0o640)
    assert read_private(file) == b"x"
    with pytest.raises(UnsafeFile, match="read by others"):
        read_private(file, secret=True)
    with pytest.raises(UnsafeFile, match="not a regular file"):
        read_private(tmp_path)
    with pytest.raises(UnsafeFile, match="does not exist"):
        read_private(tmp_path / "none")


def test_a_folder_above_that_everyone_may_write_is_not_trusted(tmp_path: Path) -> None:
    home = tmp_path / "open" / "home"
    home.mkdir(parents=True)
    check_ancestors(home)
    home.parent.chmod(0o777)
    with pytest.raises(UnsafeFile, match="written by everyone"):
        check_ancestors(home)
    home.parent.chmod(0o1777)
    check_ancestors(home)


def test_a_real_home_makes_guessing_a_passphrase_dear(tmp_path: Path) -> None:
    path = keystore.save_wallet(tmp_path, keystore.new_wallet(), PASSPHRASE, "standard")
    parameters = json.loads(path.read_text())["crypto"]["kdfparams"]
    assert parameters["n"] * parameters["r"] * 128 >= 256 << 20
    sealed_key = json.loads(sealed.seal(SigningKey.generate(), PASSPHRASE))
    assert sealed_key["kdf"]["memlimit"] >= 256 << 20
    assert len(keystore.open_wallets(tmp_path, PASSPHRASE)) == 1
