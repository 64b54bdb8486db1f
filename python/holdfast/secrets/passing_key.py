"""An ed25519 key that is opened, used and overwritten, in a process that lives on without it.

pynacl returns keys and what leads to them as bytes objects, whose copies Python frees without
overwriting them; a process that goes on keeps them in its memory by chance. Here every buffer is
our own, so `forget` leaves nothing of the key behind.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from nacl import _sodium
from nacl.secret import SecretBox

from holdfast.secrets.sealed import (
    SEED_BYTES,
    SealedKeyError,
    WrongPassphrase,
    check_public_key,
    contents,
)

SECRET_KEY_BYTES = 64
SIGNATURE_BYTES = 64
ARGON2ID = 2

_ffi, _lib = _sodium.ffi, _sodium.lib


class SignedBody(NamedTuple):
    """A signature of 64 bytes."""

    signature: bytes


class PassingKey:
    """Used like nacl's `SigningKey`, until `forget`."""

    def __init__(self, data: bytes, passphrase: bytes | bytearray) -> None:
        """Opens a sealed file. Raises `WrongPassphrase`, or `SealedKeyError` for another file."""
        sealed = contents(data)
        self._secret = _buffer(SECRET_KEY_BYTES)
        public = _buffer(SEED_BYTES)
        box_key, seed = _buffer(SecretBox.KEY_SIZE), _buffer(SEED_BYTES)
        try:
            cost, box = sealed.cost, sealed.ciphertext
            held = _ffi.from_buffer(passphrase)
            derived = _lib.crypto_pwhash(
                box_key,
                len(box_key),
                _ffi.cast("char *", held),
                len(held),
                sealed.salt,
                cost.opslimit,
                cost.memlimit,
                ARGON2ID,
            )
            if derived != 0:
                raise SealedKeyError("there is not enough memory to open the key")
            if _lib.crypto_secretbox_open_easy(seed, box, len(box), sealed.nonce, box_key) != 0:
                raise WrongPassphrase
            _lib.crypto_sign_seed_keypair(public, self._secret, seed)
        finally:
            _wipe(box_key, seed)
        self.verify_key = bytes(_ffi.buffer(public))
        try:
            check_public_key(sealed, self.verify_key)
        except SealedKeyError:
            self.forget()
            raise

    def sign(self, message: bytes) -> SignedBody:
        """The message's signature."""
        signed, length = _buffer(SIGNATURE_BYTES + len(message)), _ffi.new("unsigned long long *")
        _lib.crypto_sign(signed, length, message, len(message), self._secret)
        return SignedBody(bytes(_ffi.buffer(signed, SIGNATURE_BYTES)))

    def forget(self) -> None:
        """Overwrites the key: it signs nothing of use any more."""
        _wipe(self._secret)


def _buffer(size: int) -> Any:
    return _ffi.new("unsigned char[]", size)


def _wipe(*buffers: Any) -> None:
    for buffer in buffers:
        _lib.sodium_memzero(buffer, len(buffer))
