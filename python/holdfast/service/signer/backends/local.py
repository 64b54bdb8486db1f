"""Keys in the signer's own memory, from the home's keystores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from coincurve import PrivateKey
from eth_utils.crypto import keccak

from holdfast._core import checksum_address
from holdfast.service.signer.backends import Backend

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount


class LocalKey(Backend):
    """A secp256k1 key in this process, ready to sign: libsecp256k1, RFC 6979."""

    def __init__(self, secret: bytes) -> None:
        """`secret` is the private key (32 bytes)."""
        self._key = PrivateKey(secret)
        public_key = self._key.public_key.format(compressed=False)
        self._address = checksum_address("0x" + keccak(public_key[1:])[-20:].hex())

    @property
    def address(self) -> str:
        """As `Backend`."""
        return self._address

    def sign_digest(self, digest: bytes) -> bytes:
        """As `Backend`."""
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes((27 + signature[64],))

    def account(self) -> LocalAccount:
        """The same key as eth-account's."""
        from eth_account import Account

        account: LocalAccount = Account.from_key(self._key.secret)
        return account


def open_keystores(folder: Path, passphrase: bytes | bytearray) -> list[LocalKey]:
    """The keys of every keystore in the folder.

    Raises `keystore.WrongPassphrase` or `keystore.KeystoreError`, naming the file.
    """
    from holdfast.secrets import keystore

    opened = keystore.open_wallets(folder, passphrase).values()
    return [LocalKey(bytes(each.key)) for each in opened]
