"""Keys that sign digests.

Another backend (a key in hardware, or at a provider) is one more class here: the core verifies
every signature against its order, so a backend's answer needs no trust.
"""

from __future__ import annotations

from typing import Protocol

from coincurve import PrivateKey


class Key(Protocol):
    """Signs for one wallet."""

    def sign_digest(self, digest: bytes) -> bytes:
        """The 65 bytes `r || s || v`, `v` 27 or 28 and `s` low (EIP-2), over 32 bytes."""


class LocalKey:
    """A secp256k1 key in this process, ready to sign: libsecp256k1, RFC 6979."""

    def __init__(self, secret: bytes) -> None:
        self._key = PrivateKey(secret)

    def sign_digest(self, digest: bytes) -> bytes:
        """As `Key`."""
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes((27 + signature[64],))
