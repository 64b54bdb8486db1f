"""Which log this is and what its key signed.

Checkpoints over the events, notes over stored states, and the certificates of the keys that prove
commits.
"""

import hashlib
from dataclasses import dataclass

from nacl.signing import SigningKey

from holdfast._core import HoldfastError, checkpoint_body, open_note, signed_note, verify_commit
from holdfast.secrets.passing_key import PassingKey
from holdfast.service.journal.interface import JournalError, Session, Snapshot
from holdfast.service.runtime.event import parse

SNAPSHOT_DOMAIN = b"holdfast snapshot v1\n"


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """The log's name and its ed25519 public key (32 bytes), as event 0 states them."""

    origin: str
    key: bytes

    @classmethod
    def of_genesis(cls, record: bytes) -> "LogIdentity":
        """From the record of event 0. Raises JournalError when it is no `guardian.created`."""
        try:
            event = parse(record)
            if event["kind"] != "guardian.created":
                raise ValueError("it is not `guardian.created`")
            data = event["data"]
            key = bytes.fromhex(str(data["log_key"]).removeprefix("0x"))
            if len(key) != 32:
                raise ValueError("its log key is not 32 bytes")
            return cls(str(data["origin"]), key)
        except (ValueError, KeyError, TypeError) as error:
            raise JournalError(
                "genesis_bad", f"the first event cannot be used: {error}", 0
            ) from error

    def checkpoint_root(self, size: int, note: bytes) -> bytes:
        """The root a checkpoint states for `size` events.

        Raises JournalError when it is not this log's.
        """
        return self._open(note, self.origin, size, "checkpoint")

    def check_session(self, session: Session) -> None:
        """Raises JournalError unless the log's key certified this session's key for this size."""
        stated = self._open(session.note, f"{self.origin}/session", session.from_size, "session")
        if stated != session.public_key:
            text = f"the certificate of the run from {session.from_size} events on is for another"
            raise JournalError("session_bad", f"{text} key")

    def proves(self, session: Session, size: int, root: bytes, signature: bytes) -> bool:
        """Whether the session's key signed the commit after which `size` events have this root."""
        return session.from_size < size and verify_commit(
            self.origin, session.public_key, size, root, signature
        )

    def check_snapshot(self, snapshot: Snapshot) -> None:
        """Raises JournalError unless the note is this log's and binds the data to size and root."""
        if hashlib.sha256(snapshot.data).digest() != snapshot.sha256:
            raise JournalError(
                "snapshot_bad", f"the snapshot of {snapshot.size} events was changed"
            )
        stated = self._open(snapshot.note, f"{self.origin}/snapshot", snapshot.size, "snapshot")
        if stated != snapshot_binding(snapshot.root, snapshot.sha256):
            raise JournalError(
                "snapshot_bad", f"the note of the snapshot of {snapshot.size} events is for another"
            )

    def _open(self, note: bytes, origin: str, size: int, what: str) -> bytes:
        try:
            stated_origin, stated_size, root = open_note(note, self.origin, self.key)
        except HoldfastError as error:
            raise JournalError(
                f"{what}_bad", f"the {what} of {size} events: {error.args[1]}"
            ) from error
        if (stated_origin, stated_size) != (origin, size):
            raise JournalError(
                f"{what}_bad", f"the {what} of {size} events is signed for something else"
            )
        return root


def sign_note(key: SigningKey | PassingKey, origin: str, body: bytes) -> bytes:
    """`body` as a signed note of the log's key."""
    return signed_note(body, origin, bytes(key.verify_key), key.sign(body).signature)


def session_body(origin: str, from_size: int, public_key: bytes) -> bytes:
    """The text that certifies a session's key: it stands where a checkpoint has its root."""
    return checkpoint_body(f"{origin}/session", from_size, public_key)


def snapshot_binding(root: bytes, sha256: bytes) -> bytes:
    """What stands in the root's place in a snapshot's note."""
    return hashlib.sha256(SNAPSHOT_DOMAIN + root + sha256).digest()


def snapshot_body(origin: str, size: int, root: bytes, sha256: bytes) -> bytes:
    """The text that is signed for a snapshot."""
    return checkpoint_body(f"{origin}/snapshot", size, snapshot_binding(root, sha256))
