"""An operator's ed25519 key and the commands signed with it; docs/architecture.md, 3.

The payload that is signed is canonical JSON, so what the guardian verifies is byte for byte what
was signed here.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from nacl.signing import SigningKey

from holdfast._core import canonical_json
from holdfast.secrets import authority, sealed
from holdfast.secrets.authority import COMMAND_PREFIX, Kind, SignedCommand
from holdfast.secrets.files import read_private, write_private

Action = Literal["approve", "deny", "thaw", "clock"]

# The guardian takes at most five minutes; two leave room for clocks that differ.
COMMAND_LIFE_MS = 120_000
OPERATOR_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True)
class OperatorKey:
    """An opened key. Its representation never shows the private half."""

    id: str
    public_key: bytes
    _key: SigningKey = field(repr=False)

    def sign_command(
        self,
        action: Action,
        *,
        guardian: str,
        now_ms: int,
        request: str | None = None,
        digest: str | None = None,
        freeze: int | None = None,
        to_ms: int | None = None,
        clock: int = 0,
        reason: str | None = None,
        life_ms: int = COMMAND_LIFE_MS,
    ) -> SignedCommand:
        """Signs one command for the guardian with that log key (hex), good until `now_ms +
        life_ms`.

        `approve` and `deny` need the request's id and digest, `thaw` the number of the freeze it
        lifts, `clock` the time to set. The argument `clock` is the number of the event that set the
        guardian's clock last (`clock_set` of status), 0 without one.
        """
        members: dict[str, str | int] = {
            "action": action,
            "expires_at": now_ms + life_ms,
            "guardian": guardian,
            "key": self.id,
        }
        if action == "thaw":
            if freeze is None:
                raise ValueError("a thaw names the freeze it lifts")
            members["freeze"] = freeze
        elif action == "clock":
            if to_ms is None:
                raise ValueError("a clock command names the time to set")
            members["to_ms"] = to_ms
        else:
            if not request or not digest:
                raise ValueError(f"{action} names a request and the digest that was shown")
            members |= {"request": request, "digest": digest}
        if clock:
            members["clock"] = clock
        if reason:
            members["reason"] = reason
        payload = canonical_json(json.dumps(members).encode())
        signature = self._key.sign(COMMAND_PREFIX + payload).signature
        return SignedCommand(payload.decode(), "0x" + signature.hex())

    def sign_authority(
        self, kind: Kind, source: str, *, guardian: str, revision: int
    ) -> SignedCommand:
        """Signs a policy's text, or the canonical text of a configuration, for one revision."""
        return authority.sign_authority(
            self._key, kind, source, guardian=guardian, key_id=self.id, revision=revision
        )

    def check_guardian(self, path: Path, guardian: str) -> bool:
        """Compares the log key a guardian names with the one kept beside this key's file `path`;
        see `authority.check_pin`.
        """
        return authority.check_pin(path, self._key, guardian)


def create(
    path: Path, key_id: str, passphrase: bytes | bytearray, cost: sealed.Cost = sealed.STANDARD
) -> OperatorKey:
    """Makes a key and writes it, encrypted, to a new file. Raises FileExistsError, or ValueError
    for the id.
    """
    if not OPERATOR_ID.fullmatch(key_id):
        raise ValueError(f"`{key_id}` is not an operator's id: take a-z, 0-9 and `-`, at most 32")
    key = SigningKey.generate()
    write_private(path, sealed.seal(key, passphrase, cost, key_id))
    return OperatorKey(key_id, bytes(key.verify_key), key)


def load(path: Path, passphrase: bytes | bytearray) -> OperatorKey:
    """Opens a key. Raises `sealed.WrongPassphrase`, `SealedKeyError` or `files.UnsafeFile`."""
    data = read_private(path, secret=True)
    key = sealed.unseal(data, passphrase)
    return OperatorKey(sealed.id_of(data), bytes(key.verify_key), key)


def describe(path: Path) -> tuple[str, bytes]:
    """(id, public key) as the file claims them, without a passphrase."""
    data = read_private(path, secret=True)
    return sealed.id_of(data), sealed.public_key_of(data)
