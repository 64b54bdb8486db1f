"""Keys at rest, under the home's passphrase.

Wallets are Web3 v3 keystores, the log's key is a sealed ed25519 key.

Nothing here keeps a key: callers get it, use it and drop it. Importing this module loads
eth-account, which takes half a second, so the service's other processes leave it alone.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, TypeVar

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_keys.backends.coincurve import CoinCurveECCBackend
from eth_keys.datatypes import PrivateKey
from eth_utils.address import is_hex_address, to_checksum_address
from nacl.signing import SigningKey

from holdfast.secrets import sealed
from holdfast.secrets.files import UnsafeFile, read_private, write_private

Kdf = Literal["standard", "light"]
T = TypeVar("T")

# scrypt's N with r = 8, p = 1: 256 MiB and most of a second; light is for demonstrations and tests
# only.
SCRYPT_N: dict[Kdf, int] = {"standard": 1 << 18, "light": 1 << 12}
SCRYPT_MEMORY_BYTES_MAX = 1 << 30
PBKDF2_ROUNDS_MAX = 10_000_000
SEAL_COST: dict[Kdf, sealed.Cost] = {"standard": sealed.STANDARD, "light": sealed.LIGHT}
PRIVATE_KEY_BYTES = 32
VERSION = 3
WALLETS_MAX = 64


class KeystoreError(ValueError):
    """A keystore that cannot be made, read or opened; the text never holds any of the key."""


class WrongPassphrase(KeystoreError):
    """The passphrase does not open this keystore."""


def check_fast_backend() -> None:
    """Raises KeystoreError unless eth-account signs with libsecp256k1 (coincurve)."""
    # Asked of a key itself: that is what signs, whatever the Account class was told.
    if not isinstance(PrivateKey(b"\x01" * PRIVATE_KEY_BYTES).backend, CoinCurveECCBackend):
        raise KeystoreError("eth-account does not sign with coincurve: is it installed?")


def new_wallet() -> LocalAccount:
    """A fresh key from the system's random source."""
    account: LocalAccount = Account.create()
    return account


def import_private_key(text: str) -> LocalAccount:
    """A key given as 64 hex digits, with or without 0x. The error never repeats what was given."""
    try:
        key = bytes.fromhex(text.strip().removeprefix("0x"))
    except ValueError:
        key = b""
    if len(key) != PRIVATE_KEY_BYTES:
        raise KeystoreError("a private key is 32 bytes written as 64 hex digits")
    return _account(key)


def import_keystore(data: bytes, passphrase: bytes | bytearray) -> LocalAccount:
    """The key of a Web3 v3 keystore made by any program, opened with its own passphrase.

    As typed (geth, foundry), else in the normal form NFKC (ethers and what is built on it).
    """
    name = "the keystore to import"
    try:
        return _open(data, passphrase, name)
    except WrongPassphrase:
        normal = bytearray(unicodedata.normalize("NFKC", passphrase.decode()).encode())
        try:
            if normal == passphrase:
                raise
            return _open(data, normal, name)
        finally:
            normal[:] = bytes(len(normal))


def save_wallet(
    folder: Path, account: LocalAccount, passphrase: bytes | bytearray, kdf: Kdf
) -> Path:
    """Writes `<address>.json` into `folder`.

    Raises KeystoreError when that wallet is already there.
    """
    path = folder / f"{account.address}.json"
    keystore = Account.encrypt(
        account.key, bytes(passphrase).decode(), kdf="scrypt", iterations=SCRYPT_N[kdf]
    )
    try:
        write_private(path, (json.dumps(keystore, indent=2) + "\n").encode())
    except FileExistsError:
        raise KeystoreError(f"the wallet {account.address} is already in `{folder}`") from None
    return path


def open_wallets(folder: Path, passphrase: bytes | bytearray) -> dict[str, LocalAccount]:
    """Every wallet of the folder by checksummed address.

    Raises `WrongPassphrase` or `KeystoreError` naming the file.
    """
    files = _files(folder)
    if not files:
        raise KeystoreError(f"there is no wallet in `{folder}`")
    if len(files) > WALLETS_MAX:
        raise KeystoreError(f"there are more than {WALLETS_MAX} wallets in `{folder}`")

    def open_one(path: Path) -> LocalAccount:
        return _open(read_private(path, secret=True), passphrase, f"`{path.name}`")

    # One after the other: each needs 256 MiB while it opens. A wrong passphrase shows at the first.
    accounts = [open_one(files[0])]
    with ThreadPoolExecutor(max_workers=2) as pool:
        accounts += pool.map(open_one, files[1:])
    opened: dict[str, LocalAccount] = {account.address: account for account in accounts}
    if len(opened) != len(files):
        raise KeystoreError(f"two keystores in `{folder}` hold the same wallet")
    return opened


def save_log_key(path: Path, key: SigningKey, passphrase: bytes | bytearray, kdf: Kdf) -> None:
    """Writes the key that signs the log's checkpoints."""
    write_private(path, sealed.seal(key, passphrase, SEAL_COST[kdf]))


def open_log_key(path: Path, passphrase: bytes | bytearray) -> SigningKey:
    """Opens the log's key. Raises `WrongPassphrase` or `KeystoreError`."""
    return _named(path.name, lambda: sealed.unseal(read_private(path, secret=True), passphrase))


def log_public_key(path: Path) -> bytes:
    """The log's public key as its file claims it, without a passphrase."""
    return _named(path.name, lambda: sealed.public_key_of(read_private(path, secret=True)))


def _named(name: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except sealed.WrongPassphrase as error:
        raise WrongPassphrase(f"`{name}`: {error}") from None
    except (sealed.SealedKeyError, UnsafeFile) as error:
        raise KeystoreError(f"`{name}`: {error}") from None


def _files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix == ".json" and not path.name.startswith(".")
    )


def _open(data: bytes, passphrase: bytes | bytearray, name: str) -> LocalAccount:
    keystore = _parse(data, name)
    _check_cost(keystore, name)
    try:
        key = Account.decrypt(keystore, bytes(passphrase).decode())
    except ValueError as error:
        # eth-keyfile tells a wrong passphrase only by this text.
        if str(error) == "MAC mismatch":
            raise WrongPassphrase(
                f"{name}: the passphrase is wrong, or the keystore was changed"
            ) from None
        raise KeystoreError(f"{name}: it is not a Web3 v3 keystore that can be opened") from None
    except (KeyError, TypeError, NotImplementedError):
        raise KeystoreError(f"{name}: it is not a Web3 v3 keystore that can be opened") from None
    account = _account(bytes(key))
    if _claimed_address(keystore, name) not in ("", account.address):
        raise KeystoreError(
            f"{name}: the address in the keystore is not that of its key: the file was changed"
        )
    return account


def _account(key: bytes) -> LocalAccount:
    try:
        account: LocalAccount = Account.from_key(key)
    except Exception as error:  # noqa: BLE001 - its kinds are many, and its text could hold the key
        raise KeystoreError(f"this is not a valid private key ({type(error).__name__})") from None
    return account


def _parse(data: bytes, name: str) -> dict[str, Any]:
    """The keystore with its keys in small letters.

    Ethers and old geth write `Crypto`, and what decrypts it reads every key so. Two that differ
    only in case would let it read another one than was checked here.
    """

    def small(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = {key.lower(): value for key, value in pairs}
        if len(table) < len(pairs):
            raise KeystoreError(f"{name}: a key is in it twice")
        return table

    try:
        keystore = json.loads(data, object_pairs_hook=small)
    except KeystoreError:
        raise
    except ValueError:
        raise KeystoreError(f"{name}: it is not JSON") from None
    # Some programs write the number as text; what decrypts it wants a number.
    if not isinstance(keystore, dict) or keystore.get("version") not in (VERSION, str(VERSION)):
        raise KeystoreError(f"{name}: it is not a Web3 v3 keystore")
    return {**keystore, "version": VERSION}


def _claimed_address(keystore: dict[str, Any], name: str) -> str:
    """The checksummed address a keystore carries.

    Empty when it carries none, which the format allows.
    """
    claimed = keystore.get("address")
    if claimed is None or claimed == "":
        return ""
    if not isinstance(claimed, str) or not is_hex_address(claimed):
        raise KeystoreError(f"{name}: the address in the keystore is not an address")
    return to_checksum_address(claimed)


def _check_cost(keystore: dict[str, Any], name: str) -> None:
    """Refuses a key derivation that would only be there to exhaust this machine."""
    crypto = keystore.get("crypto")
    parameters = crypto.get("kdfparams") if isinstance(crypto, dict) else None
    if not isinstance(parameters, dict):
        raise KeystoreError(f"{name}: it has no key derivation parameters")
    numbers = [parameters.get(key, 1) for key in ("n", "r", "p", "c")]
    if not all(isinstance(number, int) and number > 0 for number in numbers):
        raise KeystoreError(f"{name}: its key derivation parameters are not positive numbers")
    n, r, p, rounds = numbers
    if 128 * n * r > SCRYPT_MEMORY_BYTES_MAX or p > 16 or rounds > PBKDF2_ROUNDS_MAX:
        raise KeystoreError(
            f"{name}: its key derivation asks for more work than any honest keystore"
        )
