"""Ed25519 keys at rest.

The 32-byte seed is in a libsodium secretbox whose key is derived from a passphrase by Argon2id.

The file is JSON: `{"type": "holdfast-ed25519", "version": 1, "public_key": "0x…", "kdf": {"name":
"argon2id", "opslimit", "memlimit" (bytes), "salt"}, "cipher": {"name": "xsalsa20-poly1305",
"nonce", "ciphertext"}}`, byte strings as 0x hex; an operator's key has its `id` too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from nacl import pwhash, utils
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox
from nacl.signing import SigningKey

TYPE = "holdfast-ed25519"
# A file that asks for more would only be there to make us run out of memory.
SEED_BYTES = 32
MEMLIMIT_BYTES_MAX = 1 << 30
OPSLIMIT_MAX = 16


class SealedKeyError(ValueError):
    """A sealed key that cannot be read or opened."""


class WrongPassphrase(SealedKeyError):
    """The passphrase does not open this key.

    Or the file was changed: the cipher cannot tell the two apart.
    """

    def __init__(self) -> None:
        super().__init__("the passphrase is wrong, or the key file was changed")


@dataclass(frozen=True)
class Cost:
    """Argon2id passes and memory in bytes."""

    opslimit: int
    memlimit: int


STANDARD = Cost(pwhash.argon2id.OPSLIMIT_MODERATE, pwhash.argon2id.MEMLIMIT_MODERATE)
# For demonstrations and tests only: cheap enough to guess passphrases against.
LIGHT = Cost(pwhash.argon2id.OPSLIMIT_MIN, 1 << 20)


def seal(
    key: SigningKey, passphrase: bytes | bytearray, cost: Cost = STANDARD, key_id: str = ""
) -> bytes:
    """The file for `key`, with its `id` if it has one."""
    salt = utils.random(pwhash.argon2id.SALTBYTES)
    box = SecretBox(_derive(passphrase, salt, cost))
    nonce = utils.random(SecretBox.NONCE_SIZE)
    sealed = {
        "type": TYPE,
        "version": 1,
        **({"id": key_id} if key_id else {}),
        "public_key": _hex(bytes(key.verify_key)),
        "kdf": {
            "name": "argon2id",
            "opslimit": cost.opslimit,
            "memlimit": cost.memlimit,
            "salt": _hex(salt),
        },
        "cipher": {
            "name": "xsalsa20-poly1305",
            "nonce": _hex(nonce),
            "ciphertext": _hex(box.encrypt(bytes(key), nonce).ciphertext),
        },
    }
    return (json.dumps(sealed, indent=2) + "\n").encode()


def public_key_of(data: bytes) -> bytes:
    """The 32-byte public key that a sealed file claims; `unseal` proves it."""
    return _bytes(_parse(data), "public_key", 32)


def id_of(data: bytes) -> str:
    """The id in a sealed file. Raises SealedKeyError when it has none."""
    key_id = _parse(data).get("id")
    if not isinstance(key_id, str) or not key_id:
        raise SealedKeyError("the key file has no `id`")
    return key_id


@dataclass(frozen=True)
class Contents:
    """What is in a sealed file, before it is opened."""

    cost: Cost
    salt: bytes
    nonce: bytes
    ciphertext: bytes
    public_key: bytes


def contents(data: bytes) -> Contents:
    """The parts of a sealed file. Raises `SealedKeyError` for a file that is not one."""
    sealed = _parse(data)
    kdf, cipher = _table(sealed, "kdf"), _table(sealed, "cipher")
    if kdf.get("name") != "argon2id" or cipher.get("name") != "xsalsa20-poly1305":
        raise SealedKeyError(
            "this version opens only keys sealed with argon2id and xsalsa20-poly1305"
        )
    return Contents(
        cost=Cost(
            _number(kdf, "opslimit", pwhash.argon2id.OPSLIMIT_MIN, OPSLIMIT_MAX),
            _number(kdf, "memlimit", pwhash.argon2id.MEMLIMIT_MIN, MEMLIMIT_BYTES_MAX),
        ),
        salt=_bytes(kdf, "salt", pwhash.argon2id.SALTBYTES),
        nonce=_bytes(cipher, "nonce", SecretBox.NONCE_SIZE),
        ciphertext=_bytes(cipher, "ciphertext", SEED_BYTES + SecretBox.MACBYTES),
        public_key=_bytes(sealed, "public_key", 32),
    )


def check_public_key(sealed: Contents, public_key: bytes) -> None:
    """Raises `SealedKeyError` unless the file names this public key, that of the opened key."""
    if public_key != sealed.public_key:
        raise SealedKeyError(
            "the public key in the file is not that of its private key: the file was changed"
        )


def unseal(data: bytes, passphrase: bytes | bytearray) -> SigningKey:
    """Opens a sealed file.

    Raises `WrongPassphrase`, or `SealedKeyError` for a file that is not one. Copies of the key stay
    in memory until the process ends: `passing_key` is for a process that lives on without it.
    """
    sealed = contents(data)
    box = SecretBox(_derive(passphrase, sealed.salt, sealed.cost))
    try:
        seed = box.decrypt(sealed.ciphertext, sealed.nonce)
    except CryptoError:
        raise WrongPassphrase from None
    key = SigningKey(seed)
    check_public_key(sealed, bytes(key.verify_key))
    return key


def _derive(passphrase: bytes | bytearray, salt: bytes, cost: Cost) -> bytes:
    derived: bytes = pwhash.argon2id.kdf(
        SecretBox.KEY_SIZE, bytes(passphrase), salt, opslimit=cost.opslimit, memlimit=cost.memlimit
    )
    return derived


def _parse(data: bytes) -> dict[str, Any]:
    try:
        sealed = json.loads(data)
    except ValueError:
        raise SealedKeyError("the key file is not JSON") from None
    if not isinstance(sealed, dict) or sealed.get("type") != TYPE:
        raise SealedKeyError(f"the key file is not of type `{TYPE}`")
    if sealed.get("version") != 1:
        raise SealedKeyError("the key file is of a version that this program does not know")
    return sealed


def _table(sealed: dict[str, Any], name: str) -> dict[str, Any]:
    value = sealed.get(name)
    if not isinstance(value, dict):
        raise SealedKeyError(f"the key file has no table `{name}`")
    return value


def _number(table: dict[str, Any], name: str, low: int, high: int) -> int:
    value = table.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise SealedKeyError(f"`{name}` of the key file is not a number from {low} to {high}")
    return value


def _bytes(table: dict[str, Any], name: str, size: int) -> bytes:
    value = table.get(name)
    try:
        data = (
            bytes.fromhex(value[2:]) if isinstance(value, str) and value.startswith("0x") else b""
        )
    except ValueError:
        data = b""
    if len(data) != size:
        raise SealedKeyError(f"`{name}` of the key file is not {size} bytes of 0x hex")
    return data


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
