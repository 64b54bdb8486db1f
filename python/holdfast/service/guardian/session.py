"""How a run begins.

The log's key vouches once for what was proven and for a fresh key, which then proves every commit.
After that the log's key is only in the signer.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

from holdfast._core import CommitKey, checkpoint_body
from holdfast.secrets import sealed
from holdfast.secrets.files import UnsafeFile, read_private
from holdfast.secrets.passing_key import PassingKey
from holdfast.service.journal.interface import Beginning, JournalError, Session, Writer
from holdfast.service.journal.replay import Restored
from holdfast.service.journal.signed_notes import session_body, sign_note
from holdfast.service.runtime.event import kind_of
from holdfast.service.signer.client import SignerError, WrongPassphrase

KINDS_SHOWN_MAX = 4


def open_log_key(path: Path, passphrase: bytes | bytearray) -> PassingKey:
    """The log's key from its file. Takes most of a second and leaves the interpreter to others.

    Raises WrongPassphrase, SignerError.
    """
    try:
        return PassingKey(read_private(path, secret=True), passphrase)
    except sealed.WrongPassphrase as error:
        raise WrongPassphrase(f"`{path.name}`: {error}") from None
    except (sealed.SealedKeyError, UnsafeFile) as error:
        raise SignerError(f"`{path.name}`: {error}") from None


def begin(journal: Writer, restored: Restored, log_key: PassingKey) -> None:
    """Begins a run on what was proven.

    One signed checkpoint, one certified key, and whatever else the file holds set aside. Overwrites
    `log_key`. Raises JournalError.
    """
    identity, size = restored.identity, restored.guard.size
    try:
        if log_key.verify_key != identity.key:
            raise JournalError(
                "log_key_other",
                "event 0 names another log key than `keys/log.json` holds: the journal is of "
                "another guardian, or was created anew. Restore journal and keys from one backup",
                0,
            )
        key = CommitKey(identity.origin, os.urandom(32))
        certificate = session_body(identity.origin, size, key.public_key)
        checkpoint = checkpoint_body(identity.origin, size, restored.guard.root)
        session = Session(size, key.public_key, sign_note(log_key, identity.origin, certificate))
        note = sign_note(log_key, identity.origin, checkpoint)
    finally:
        log_key.forget()
    freeze = freeze_words(restored.outside) if restored.outside else None
    journal.begin(Beginning(key, session, note, freeze, time.time_ns() // 1_000_000))


def freeze_words(outside: list[tuple[int, bytes]]) -> str:
    """Why everything is frozen: what was found that no signature covers, and what to do."""
    kinds = Counter(kind_of(record).decode("utf-8", "replace") or "?" for _, record in outside)
    shown = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(KINDS_SHOWN_MAX))
    if len(kinds) > KINDS_SHOWN_MAX:
        shown += ", \u2026"
    first, count = outside[0][0], len(outside)
    one, more = f"event number {first} carries", f"{count} events from number {first} on carry"
    which = one if count == 1 else more
    return (
        f"{which} no proof of the guardian ({shown}): set aside, so nothing of it counts. Find out "
        f"who wrote to the journal, and compare the payments with the chain; then thaw with the "
        f"operator key"
    )
