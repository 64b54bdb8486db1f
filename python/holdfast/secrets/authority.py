"""What an operator's key signs besides answers.

Policies, configurations, and which guardian it belongs to. docs/architecture.md, 3.

Canonical JSON here needs no writer of its own: the members are ids, hex and small integers, for
which `json` with sorted keys writes the same bytes as RFC 8785.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from holdfast.secrets.files import read_private, write_private

Kind = Literal["policy", "config"]

COMMAND_PREFIX = b"holdfast operator command v1\n"
PIN_PREFIX = b"holdfast guardian pin v1\n"
SIGNATURE_BYTES_MAX = 16_384


class SignedCommand(NamedTuple):
    """What the operator socket takes: the payload's text, its signature as 0x hex."""

    payload: str
    signature: str


class PinError(ValueError):
    """The guardian is not the one this operator key belongs to; the text says what to do."""


def digest_of(source: str) -> str:
    """The digest that is signed: `0x` and the SHA-256 of the text in UTF-8."""
    return "0x" + hashlib.sha256(source.encode()).hexdigest()


def sign_authority(
    key: SigningKey, kind: Kind, source: str, *, guardian: str, key_id: str, revision: int
) -> SignedCommand:
    """Puts `source` in force as that revision, at the guardian with that log key (hex) only.

    It has no expiry: it is good once, because the next revision is another one.
    """
    members: dict[str, str | int] = {
        "action": kind,
        "digest": digest_of(source),
        "guardian": guardian,
        "key": key_id,
        "revision": revision,
    }
    payload = json.dumps(members, sort_keys=True, separators=(",", ":"))
    signature = key.sign(COMMAND_PREFIX + payload.encode()).signature
    return SignedCommand(payload, "0x" + signature.hex())


def signature_path(path: Path) -> Path:
    """Where the signature of a policy or configuration lies: `policy.sig` beside `policy.toml`."""
    return path.with_suffix(".sig")


def signature_text(signed: SignedCommand, also: Sequence[SignedCommand] = ()) -> bytes:
    """The content of a `.sig` file: a signature, and those of more operators."""
    members: dict[str, Any] = {"payload": signed.payload, "signature": signed.signature}
    if also:
        members["also"] = [each._asdict() for each in also]
    return (json.dumps(members, indent=1) + "\n").encode()


class Signatures(NamedTuple):
    """What a `.sig` file holds: (payload, signature) of one operator, and of others."""

    payload: bytes
    signature: bytes
    also: list[tuple[bytes, bytes]]

    @property
    def commands(self) -> list[SignedCommand]:
        """All of them, as the operator socket takes them."""
        each = [(self.payload, self.signature), *self.also]
        return [SignedCommand(payload.decode(), "0x" + made.hex()) for payload, made in each]


def read_signature(path: Path) -> Signatures | None:
    """The signatures in a `.sig` file; None when there is none that could be one.

    Whether they are good is judged by the core.
    """
    try:
        # A pipe of that name must not keep the guardian waiting.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return None
            data = file.read(SIGNATURE_BYTES_MAX + 1)
        if len(data) > SIGNATURE_BYTES_MAX:
            return None
        found: Any = json.loads(data)
        also = [_signature(each) for each in found.get("also", [])]
        return Signatures(*_signature(found), also)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _signature(found: Any) -> tuple[bytes, bytes]:
    return found["payload"].encode(), bytes.fromhex(found["signature"].removeprefix("0x"))


def pin_path(key_path: Path) -> Path:
    """Where the log key of the operator's guardian is kept.

    `operator.guardian` beside `operator.json`.
    """
    if key_path.suffix == ".json":
        return key_path.with_suffix(".guardian")
    return key_path.with_name(key_path.name + ".guardian")


def write_pin(key_path: Path, key: SigningKey, guardian: str) -> None:
    """Keeps the guardian's log key (hex) beside the operator's key, signed by it."""
    members = {
        "guardian": guardian,
        "signature": "0x" + key.sign(PIN_PREFIX + guardian.encode()).signature.hex(),
    }
    write_private(pin_path(key_path), (json.dumps(members, indent=1) + "\n").encode())


def check_pin(key_path: Path, key: SigningKey, guardian: str) -> bool:
    """Whether this is the guardian the key belongs to; the first one seen becomes it.

    True when it was kept just now. Raises PinError, UnsafeFile.
    """
    path = pin_path(key_path)
    if not path.exists() and not path.is_symlink():
        write_pin(key_path, key, guardian)
        return True
    try:
        found: Any = json.loads(read_private(path, secret=True))
        pinned = str(found["guardian"])
        signature = bytes.fromhex(str(found["signature"]).removeprefix("0x"))
        VerifyKey(bytes(key.verify_key)).verify(PIN_PREFIX + pinned.encode(), signature)
    except (KeyError, TypeError, ValueError, BadSignatureError):
        raise PinError(
            f"`{path}` is not signed by your operator key: it was changed. Nothing was signed. "
            f"Find out who can write there; then remove it, and the next command keeps "
            "the guardian it talks to"
        ) from None
    if pinned != guardian:
        raise PinError(
            f"another guardian answers: its log key is {guardian[:16]}…, your key belongs to "
            f"{pinned[:16]}…. Nothing was signed. Look at what listens on run/operator.sock; if "
            f"you restored this home on purpose, remove `{path}`"
        )
    return False
