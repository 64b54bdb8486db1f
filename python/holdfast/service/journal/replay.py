"""From the journal to a guard.

The newest snapshot that proves itself, then the events after it, as far as a signature covers them
and not one further.
"""

from dataclasses import dataclass, field

from holdfast._core import Guard, HoldfastError
from holdfast.service.journal.interface import READ_CHUNK, JournalError, Reader, Session
from holdfast.service.journal.signed_notes import LogIdentity


@dataclass(frozen=True, slots=True)
class Restored:
    """A guard that holds exactly what is proven, and how it came about.

    `outside` are the rows, `(number, bytes)`, that no signature covers: none of them was looked at.
    """

    guard: Guard
    identity: LogIdentity
    snapshot_size: int
    outside: list[tuple[int, bytes]]
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Commit:
    """The newest commit that a session's key signed."""

    session: Session
    size: int
    signature: bytes


def restore(reader: Reader) -> Restored:
    """Rebuilds the guard.

    Raises JournalError (`journal_*`, `replay_*`, `checkpoint_*`, `proof_*`, `session_*`) naming the
    event to blame.
    """
    first = reader.records(0, 1)
    if not first:
        raise JournalError("journal_empty", "the journal has no events, not even its first")
    identity = LogIdentity.of_genesis(first[0])
    checkpoints = reader.checkpoints()
    commit = _newest_commit(reader, identity)
    size = max(
        [each for each, _ in checkpoints] + ([] if commit is None else [commit.size]), default=0
    )
    if size == 0:
        raise JournalError(
            "journal_unsigned",
            "no signature covers any of the events, not even the first. If an earlier version "
            "wrote the journal, start it with that version once and stop it cleanly; else "
            "restore it from a backup",
        )
    guard, remarks = _from_snapshot(reader, identity, size)
    snapshot_size = guard.size if guard is not None else 0
    if guard is None:
        guard = _replay(first)
    _extend(guard, reader, identity, size)
    if commit is not None and commit.size == size:
        _check_commit(commit, guard, identity)
    return Restored(guard, identity, snapshot_size, reader.outside(size), remarks)


def _check_commit(commit: Commit, guard: Guard, identity: LogIdentity) -> None:
    if not identity.proves(commit.session, commit.size, guard.root, commit.signature):
        raise JournalError(
            "proof_mismatch",
            f"the first {commit.size} events are not those that were committed. Restore the "
            "journal from a backup",
        )


def session_of(sessions: list[Session], size: int) -> Session | None:
    """The session whose commits end at `size`: the newest that began before it."""
    before = [each for each in sessions if each.from_size < size]
    return before[-1] if before else None


def _newest_commit(reader: Reader, identity: LogIdentity) -> Commit | None:
    """The newest proof with its session, once the log's key vouches for that.

    The signature itself is checked when the root is known.
    """
    sessions = reader.sessions()
    for each in sessions:
        identity.check_session(each)
    on_disk = reader.size()
    if sessions and sessions[-1].from_size > on_disk:
        raise _cut(sessions[-1].from_size, on_disk)
    newest = reader.newest_proof()
    if newest is None:
        return None
    size, signature = newest
    session = session_of(sessions, size)
    if session is None:
        raise JournalError(
            "proof_bad", f"the proof of {size} events belongs to no run certified by the log's key"
        )
    return Commit(session, size, signature)


def _cut(size: int, left: int) -> JournalError:
    return JournalError(
        "journal_cut",
        f"{size} events were signed, but only {left} are left: the end of the journal is missing. "
        "Restore it from a backup",
    )


def _from_snapshot(
    reader: Reader, identity: LogIdentity, size: int
) -> tuple[Guard | None, list[str]]:
    """The newest stored state of at most `size` events that proves itself.

    And what was wrong with newer ones. Snapshots are only a cache.
    """
    remarks: list[str] = []
    on_disk = reader.size()
    for snapshot in reader.snapshots():
        try:
            identity.check_snapshot(snapshot)
            if snapshot.size > on_disk:
                raise _cut(snapshot.size, on_disk)
            if snapshot.size > size:
                raise JournalError(
                    "snapshot_bad",
                    f"no checkpoint is left for the snapshot of {snapshot.size} events",
                )
            guard = Guard.restore(snapshot.data)
            if (guard.size, guard.root) != (snapshot.size, snapshot.root):
                raise JournalError(
                    "snapshot_bad", f"the snapshot of {snapshot.size} events holds another state"
                )
        except JournalError as error:
            if error.code == "journal_cut":
                raise
            remarks.append(str(error))
        except HoldfastError as error:
            remarks.append(f"snapshot_bad: the snapshot of {snapshot.size} events: {error.args[1]}")
        else:
            return guard, remarks
    return None, remarks


def _replay(records: list[bytes]) -> Guard:
    try:
        return Guard.replay(records)
    except HoldfastError as error:
        raise _not_followed(error) from error


def _not_followed(error: HoldfastError) -> JournalError:
    text = "the journal was changed, or another version wrote it. Restore it from a backup"
    return JournalError(error.args[0], f"{error.args[1]}: {text}")


def _extend(guard: Guard, reader: Reader, identity: LogIdentity, size: int) -> None:
    """Folds the events up to `size`, stopping at each checkpoint to compare its root."""
    checkpoints = reader.checkpoints(guard.size)
    stops = sorted({each for each, _ in checkpoints} | {size})
    notes = dict(checkpoints)
    for stop in stops:
        while guard.size < stop:
            part = reader.records(guard.size, min(READ_CHUNK, stop - guard.size))
            if not part:
                raise _cut(stop, guard.size)
            try:
                guard.extend(part)
            except HoldfastError as error:
                raise _not_followed(error) from error
        if stop in notes and identity.checkpoint_root(stop, notes[stop]) != guard.root:
            raise JournalError(
                "checkpoint_mismatch", f"the first {stop} events are not those that were signed"
            )
