"""From the journal to a guard: the newest snapshot that proves itself, then the events after it."""

from dataclasses import dataclass, field

from holdfast._core import Guard, HoldfastError
from holdfast.service.journal_file import JournalError, JournalReader
from holdfast.service.notes import LogIdentity


@dataclass(frozen=True, slots=True)
class Restored:
    """A guard that holds exactly what is on disk, and how it came about."""

    guard: Guard
    identity: LogIdentity
    snapshot_size: int
    remarks: list[str] = field(default_factory=list)


def restore(reader: JournalReader) -> Restored:
    """Rebuilds the guard. Raises JournalError (`journal_*`, `replay_*`, `checkpoint_*`) naming the
    event to blame.
    """
    first = reader.records(0, 1)
    if not first:
        raise JournalError("journal_empty", "the journal has no events, not even its first")
    identity = LogIdentity.of_genesis(first[0])
    guard, remarks = _from_snapshot(reader, identity)
    snapshot_size = guard.size if guard is not None else 0
    if guard is None:
        guard = _replay(first)
    _extend(guard, reader, identity)
    return Restored(guard, identity, snapshot_size, remarks)


def _from_snapshot(reader: JournalReader, identity: LogIdentity) -> tuple[Guard | None, list[str]]:
    """The newest stored state that proves itself, and what was wrong with newer ones. Snapshots are
    only a cache.
    """
    remarks: list[str] = []
    on_disk = reader.size()
    for snapshot in reader.snapshots():
        try:
            identity.check_snapshot(snapshot)
            if snapshot.size > on_disk:
                raise JournalError(
                    "journal_cut",
                    f"a state of {snapshot.size} events was stored, but {on_disk} are left",
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
        raise JournalError(error.args[0], error.args[1]) from error


def _extend(guard: Guard, reader: JournalReader, identity: LogIdentity) -> None:
    """Folds the tail, stopping at each checkpoint to compare its root."""
    checkpoints = reader.checkpoints(guard.size)
    due = 0
    for _, chunk in reader.chunks(guard.size):
        rest = chunk
        while rest:
            stop = checkpoints[due][0] - guard.size if due < len(checkpoints) else len(rest)
            part, rest = rest[:stop], rest[stop:]
            try:
                guard.extend(part)
            except HoldfastError as error:
                raise JournalError(error.args[0], error.args[1]) from error
            due = _check_due(guard, identity, checkpoints, due)
    due = _check_due(guard, identity, checkpoints, due)
    if due < len(checkpoints):
        raise JournalError(
            "journal_cut",
            f"{checkpoints[due][0]} events were signed, but only {guard.size} are left: the end "
            "of the journal is "
            "missing. Restore it from a backup",
        )


def _check_due(
    guard: Guard, identity: LogIdentity, checkpoints: list[tuple[int, bytes]], due: int
) -> int:
    """Compares the checkpoint at this very size, if there is one; gives the index of the next."""
    if due < len(checkpoints) and checkpoints[due][0] == guard.size:
        size, note = checkpoints[due]
        if identity.checkpoint_root(size, note) != guard.root:
            raise JournalError(
                "checkpoint_mismatch", f"the first {size} events are not those that were signed"
            )
        return due + 1
    return due
