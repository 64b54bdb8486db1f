"""What the rest of the service knows of the journal, whatever stores it.

`open` makes a `Reader`, `Writer` or `SignerReader`. Their methods raise JournalError and no error
of the store's own library: `UNREADABLE` or `UNWRITABLE` when the store itself failed, any other
code when what it holds is not what it must be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from holdfast._core import CommitKey

# What is larger is no event; those of the guardian are far smaller.
RECORD_BYTES_MAX = 8 << 20
# Records that are read at once, where all are read.
READ_CHUNK = 4096

# Codes of JournalError: the store could not be read, or written. Reading may be tried again.
UNREADABLE = "journal_unreadable"
UNWRITABLE = "journal_unwritable"

# `(size)`: the events below it are on disk.
OnDurable = Callable[[int], None]
# JournalError, OSError, MemoryError or OverflowError: writing has ended for good.
OnFailure = Callable[[Exception], None]


class JournalError(RuntimeError):
    """The journal is not what it must be.

    `args` is `(code, text, seq)`, seq None when no event is to blame. `full` says that there was no
    room for a write, which was undone.
    """

    def __init__(self, code: str, text: str, seq: int | None = None, *, full: bool = False) -> None:
        super().__init__(code, text, seq)
        self.code, self.text, self.seq, self.full = code, text, seq, full

    def __str__(self) -> str:
        where = "" if self.seq is None else f" at event {self.seq}"
        return f"{self.code}{where}: {self.text}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A stored state.

    What it claims to be (`size`, `root`, `sha256` of `data`) and the note that says so.
    """

    size: int
    root: bytes
    sha256: bytes
    data: bytes
    note: bytes


@dataclass(frozen=True, slots=True)
class Session:
    """A run's key (ed25519) and the note by which the log's key certified it.

    It proves commits that end beyond `from_size` events.
    """

    from_size: int
    public_key: bytes
    note: bytes


class Appended(NamedTuple):
    """Records that belong together, and the log's size and root once they are in it."""

    records: list[bytes]
    size: int
    root: bytes


class Beginning(NamedTuple):
    """What a run begins with.

    The key of its commits, its certificate, and a checkpoint `note` over the `session.from_size`
    events that were proven. `freeze` are the words with which everything must be frozen because
    other events were found.
    """

    key: CommitKey
    session: Session
    note: bytes
    freeze: str | None
    at_ms: int


class Reader(Protocol):
    """Reads of a journal; sees only what is committed. May be used from several threads."""

    def steady(self) -> AbstractContextManager[None]:
        """Within the block every read sees the journal as it is now.

        Whatever is written meanwhile. Raises JournalError.
        """

    def close(self) -> None:
        """Ends reading."""

    def size(self) -> int:
        """One more than the highest sequence number; 0 for an empty journal.

        Raises JournalError.
        """

    def records(self, from_seq: int, count: int) -> list[bytes]:
        """Up to `count` records from `from_seq` on.

        Raises JournalError: `journal_gap` where a number is missing, `record_unreadable` where
        there are no bytes.
        """

    def page(self, from_seq: int, count: int, bytes_max: int) -> list[bytes]:
        """As `records`, but no more than `bytes_max` (and at least one)."""

    def chunks(self, from_seq: int = 0) -> Iterator[tuple[int, list[bytes]]]:
        """`(seq of the first, records)` in order to the end, `READ_CHUNK` at a time.

        Raises as `records`.
        """

    def about(self, request_id: str, from_seq: int, count: int) -> list[bytes]:
        """Up to `count` records from `from_seq` on that name the request.

        Scans: call it off the loop. Raises JournalError.
        """

    def policy_record(self, digest: str) -> bytes | None:
        """The newest `policy.loaded` of a policy by its digest (`0x` hex).

        Scans: call it off the loop. Raises JournalError.
        """

    def checkpoints(self, from_size: int = 0) -> list[tuple[int, bytes]]:
        """`(size, signed note)` in order of size, from `from_size` on. Raises JournalError."""

    def sessions(self) -> list[Session]:
        """The certified keys in order of size; at most one in a journal of ours.

        Raises JournalError.
        """

    def proofs(self, from_size: int = 0) -> list[tuple[int, bytes]]:
        """`(size, signature)` of commits in order of size, from `from_size` on.

        Raises JournalError.
        """

    def newest_proof(self) -> tuple[int, bytes] | None:
        """The proof of the largest size. Raises JournalError."""

    def outside(self, size: int) -> list[tuple[int, bytes]]:
        """`(number, bytes)` of every row that is not one of the first `size` events, by number.

        No bytes where the row holds something else. Raises JournalError.
        """

    def set_aside(self) -> int:
        """How many events were ever set aside because no signature covered them.

        Raises JournalError.
        """

    def pending_freeze(self) -> str | None:
        """Why everything must be frozen before anything else happens; None when nothing must.

        Raises JournalError.
        """

    def snapshot_size(self) -> int:
        """The size of the newest stored state, 0 if there is none. Raises JournalError."""

    def snapshots(self) -> Iterator[Snapshot]:
        """Stored states, newest first, loaded one by one. Raises JournalError."""


class SignerReader(Protocol):
    """The little that the signer reads.

    It believes none of it, so a value has its type and a record at most `RECORD_BYTES_MAX`, or
    JournalError is raised; the rest is for signatures to show. For one thread.
    """

    def record(self, seq: int) -> bytes | None:
        """One event; None if there is none. Raises JournalError."""

    def commits(self, from_size: int, ends: Sequence[int]) -> Iterator[list[bytes]]:
        """The records from number `from_size` on, read in one query.

        A list for each of the growing sizes `ends`. Raises JournalError: `journal_gap` where one is
        missing.
        """

    def proofs_after(self, size: int) -> list[tuple[int, bytes]]:
        """`(size, signature)` of the commits that end beyond `size`, in order.

        Raises JournalError.
        """

    def checkpoint(self, size: int) -> bytes | None:
        """The signed note of exactly this size. Raises JournalError."""

    def newest_session(self) -> Session | None:
        """The session that began at the largest size. Raises JournalError."""

    def close(self) -> None:
        """Ends reading."""


class Writer(Protocol):
    """The journal's one writer: records in, durable sizes out.

    Everything that is queued while a commit is synced goes into the next, so one sync serves many
    requests, and each commit holds the run's signature over the log as it then is. The first error
    ends all writing for good: what follows a failed write or sync cannot be trusted, and the
    guardian comes back only by replay.
    """

    @property
    def reader(self) -> Reader:
        """A reader of the same journal; it is closed with the writer."""

    def bytes_used(self) -> int:
        """What the journal takes on the disk. From any thread. Raises OSError."""

    def begin(self, beginning: Beginning) -> None:
        """Ends the run before and begins this one, all in one transaction.

        What no signature covers is set aside, what was proven gets its checkpoint, and the key of
        the run before counts no more. Call before `start`. Raises JournalError, OSError.
        """

    def start(self, on_durable: OnDurable, on_failure: OnFailure) -> None:
        """Starts a thread that writes, and from which the callbacks come.

        Hand them on to the loop. `on_failure` is called once, at the end. Raises RuntimeError
        before `begin`.
        """

    def append(self, records: list[bytes], size: int, root: bytes) -> None:
        """Queues records, whose sequence numbers follow those queued before.

        With them the log has `size` events under `root`. They are committed together. Never blocks.
        """

    def end_commit(self) -> None:
        """What is queued so far ends a commit, so that there is a proof of just that size."""

    def add_checkpoint(self, size: int, note: bytes) -> None:
        """Stores the signed note of the log's first `size` events, after them.

        Proofs that it covers are forgotten, but for the newest of all.
        """

    def add_snapshot(self, snapshot: Snapshot) -> None:
        """Stores a state and forgets all but the newest two.

        Without room for it nothing is stored: a state only makes the next start faster.
        """

    def forget_freeze(self) -> None:
        """The freeze that `begin` asked for is among the events."""

    def close(self) -> None:
        """Writes what is queued, ends the writer and closes the journal."""
