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

Action = Literal["approve", "deny", "thaw", "bump", "cancel", "nonce", "clock", "grant", "revoke"]

_REQUEST = {"request", "digest"}
_FEES = {"max_fee_per_gas", "max_priority_fee_per_gas"}
# What each command names besides who signs it, for whom and until when.
MEMBERS: dict[Action, set[str]] = {
    "approve": _REQUEST,
    "deny": _REQUEST,
    "thaw": {"freeze"},
    "bump": _REQUEST | _FEES,
    "cancel": _REQUEST | _FEES,
    "nonce": {"wallet", "chain_id", "nonce"},
    "clock": {"to_ms"},
    "grant": {"agent", "asset", "chain_id", "most", "once", "to", "until_ms", "wallet"},
    "revoke": {"grant"},
}

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
        clock: int = 0,
        reason: str | None = None,
        life_ms: int = COMMAND_LIFE_MS,
        **members: str | int | None,
    ) -> SignedCommand:
        """Signs one command for the guardian with that log key (hex).

        It is good until `now_ms + life_ms`. It takes the members that `MEMBERS` names; fees are wei
        as decimal strings.

        `clock` is the number of the event that set the guardian's clock last (`clock_set` of
        status), 0 without one.
        """
        given = {name: value for name, value in members.items() if value is not None}
        if set(given) != MEMBERS[action] or "" in given.values():
            raise ValueError(f"{action} names {', '.join(sorted(MEMBERS[action]))}")
        given |= {
            "action": action,
            "expires_at": now_ms + life_ms,
            "guardian": guardian,
            "key": self.id,
        }
        if clock:
            given["clock"] = clock
        if reason:
            given["reason"] = reason
        payload = canonical_json(json.dumps(given).encode())
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
        """Compares the log key a guardian names with the one kept beside this key's file `path`.

        See `authority.check_pin`.
        """
        return authority.check_pin(path, self._key, guardian)


def create(
    path: Path, key_id: str, passphrase: bytes | bytearray, cost: sealed.Cost = sealed.STANDARD
) -> OperatorKey:
    """Makes a key and writes it, encrypted, to a new file.

    Raises FileExistsError, or ValueError for the id.
    """
    if not OPERATOR_ID.fullmatch(key_id):
        raise ValueError(f"`{key_id}` is not an operator id: use a-z, 0-9 and `-`, at most 32")
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
