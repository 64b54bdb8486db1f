"""What signs for a wallet.

The core verifies every signature against its order, so a backend's answer needs no trust.
"""

from typing import Protocol


class Backend(Protocol):
    """Signs for one wallet."""

    @property
    def address(self) -> str:
        """The wallet's checksummed address (EIP-55)."""

    def sign_digest(self, digest: bytes) -> bytes:
        """The 65 bytes `r || s || v`, `v` 27 or 28 and `s` low (EIP-2), over 32 bytes.

        The signer does nothing else meanwhile. Any error refuses the order; only its kind is
        reported, because its text may hold a secret.
        """
