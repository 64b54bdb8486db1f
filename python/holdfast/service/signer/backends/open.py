"""Opens what signs for the wallets of a home: the one place that knows which backends there are."""

from __future__ import annotations

from holdfast.service.home.folder import Home
from holdfast.service.signer.backends import Backend
from holdfast.service.signer.backends.local import open_keystores


def open_backends(home: Home, passphrase: bytes | bytearray) -> dict[str, Backend]:
    """A backend for each wallet of the home, by checksummed address.

    Raises `keystore.WrongPassphrase` or `keystore.KeystoreError`, naming the file.
    """
    return {each.address: each for each in open_keystores(home.wallets_dir, passphrase)}
