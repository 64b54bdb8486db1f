"""Proves a journal offline.

Every event is there, in order, unchanged since it was signed, and replays.

A checkpoint of the log's key or a proof of a run's key covers every event: one without is a fault.
What was cut off together with its signatures is found only by an anchor that the operator kept
elsewhere: a root, as `journal verify` prints it, or `size:root`.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from holdfast._core import Guard, HoldfastError, LogTree, canonical_json, display_safe
from holdfast.service.journal.high_water import committed
from holdfast.service.journal.interface import JournalError, Reader
from holdfast.service.journal.open import journal_in, open_reader
from holdfast.service.journal.replay import session_of
from holdfast.service.journal.signed_notes import LogIdentity
from holdfast.service.runtime.event import kind_of, parse

FAULTS_MAX = 100


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it was signed. `seq` names the event where it shows, if one does."""

    code: str
    text: str
    seq: int | None = None


@dataclass(slots=True)
class Report:
    """What a journal is (`size` events under `root`, hex) and what is wrong with it.

    Checkpoints cover the first `signed_size` events, these and the proofs of commits the first
    `proven_size`; nothing covers `unproven` of them. `set_aside` are no events: they were found
    unproven at a start and have counted for nothing since.
    """

    path: str
    origin: str = ""
    log_key: str = ""
    size: int = 0
    root: str = ""
    checkpoints: int = 0
    signed_size: int = 0
    proven_size: int = 0
    unproven: int = 0
    set_aside: int = 0
    snapshots: int = 0
    anchor: str | None = None
    anchor_size: int | None = None
    state_digest: str = ""
    faults: list[Fault] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def add(self, code: str, text: str, seq: int | None = None) -> None:
        """Notes a fault, up to a hundred of them."""
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(Fault(code, text, seq))

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {**asdict(self), "ok": self.ok}


def verify(path: Path, anchor: str | None = None) -> Report:
    """Checks the journal of a home (a folder) or a journal file.

    Raises JournalError when it cannot be read at all.
    """
    file = journal_in(path)
    report = Report(str(file), anchor=anchor)
    wanted = _parse_anchor(anchor)
    # Before the journal: what a running guardian commits meanwhile is in there and not in here.
    known = committed(file)
    reader = open_reader(file)
    try:
        with reader.steady():
            roots = _check_events(reader, report)
            _check_checkpoints(reader, report, roots)
            _check_proofs(reader, report, roots)
            _check_coverage(reader, report)
            if known > report.size and report.ok:
                _add_cut(report, known)
            if wanted is not None:
                _check_anchor(reader, report, roots, *wanted)
            if report.ok:
                _check_snapshots(reader, report)
                _check_replay(reader, report)
    finally:
        reader.close()
    return report


def _parse_anchor(anchor: str | None) -> tuple[int | None, bytes] | None:
    if anchor is None:
        return None
    size, _, root = anchor.rpartition(":")
    try:
        found = bytes.fromhex(root.removeprefix("0x"))
        if len(found) != 32 or (size and not size.isdigit()):
            raise ValueError
    except ValueError:
        raise JournalError(
            "anchor_bad", "an anchor is a root of 64 hex digits, or `size:root`"
        ) from None
    return (int(size) if size else None), found


def _check_events(reader: Reader, report: Report) -> dict[int, bytes]:
    """Numbers, form and order of every event; gives the root at each signed size and the end."""
    stops = sorted({size for size, _ in [*reader.checkpoints(), *reader.proofs()]})
    roots: dict[int, bytes] = {}
    tree = LogTree()
    try:
        for part in _parts(reader, stops):
            for seq, record in enumerate(part, tree.size):
                _check_record(report, seq, record)
            tree.extend(part)
            roots[tree.size] = tree.root
    except JournalError as error:
        if error.seq is None:
            raise
        report.add(error.code, f"events are missing: {error.text}", error.seq)
    report.size, report.root = tree.size, tree.root.hex()
    return roots


def _parts(reader: Reader, stops: list[int]) -> Iterator[list[bytes]]:
    """The events in order, cut at each of the sizes in `stops`."""
    at = 0
    due = iter(stops)
    stop = next(due, None)
    for _, chunk in reader.chunks():
        rest = chunk
        while rest:
            while stop is not None and stop <= at:
                stop = next(due, None)
            take = len(rest) if stop is None else stop - at
            part, rest = rest[:take], rest[take:]
            at += len(part)
            yield part


def _check_record(report: Report, seq: int, record: bytes) -> None:
    try:
        if canonical_json(record) != record:
            report.add("record_not_canonical", "the event is not in canonical form", seq)
        stated = parse(record).get("seq")
        if stated != seq:
            report.add("record_out_of_order", f"the event in this place says it is {stated}", seq)
        if seq == 0:
            identity = LogIdentity.of_genesis(record)
            report.origin, report.log_key = identity.origin, identity.key.hex()
    except (HoldfastError, ValueError) as error:
        report.add("record_unreadable", f"the event cannot be read: {error}", seq)
    except JournalError as error:
        report.add(error.code, error.text, seq)


def _check_checkpoints(reader: Reader, report: Report, roots: dict[int, bytes]) -> None:
    if not report.log_key:
        report.add("genesis_bad", "without its first event nothing in the journal can be proven", 0)
        return
    identity = LogIdentity(report.origin, bytes.fromhex(report.log_key))
    for size, note in reader.checkpoints():
        report.checkpoints += 1
        try:
            root = identity.checkpoint_root(size, note)
        except JournalError as error:
            report.add(error.code, error.text)
            continue
        if size > report.size:
            _add_cut(report, size)
        elif roots.get(size) != root:
            report.add(
                "checkpoint_mismatch",
                f"the first {size} events are not those that were signed",
                size - 1,
            )
        else:
            report.signed_size = size


def _check_proofs(reader: Reader, report: Report, roots: dict[int, bytes]) -> None:
    """The newest run's certificate, and every proof of a commit that is kept."""
    report.proven_size = report.signed_size
    if not report.log_key:
        return
    identity = LogIdentity(report.origin, bytes.fromhex(report.log_key))
    sessions = reader.sessions()
    for session in sessions:
        try:
            identity.check_session(session)
        except JournalError as error:
            report.add(error.code, error.text)
            return
        if session.from_size > report.size:
            _add_cut(report, session.from_size)
    for size, signature in reader.proofs():
        owner = session_of(sessions, size)
        if owner is None:
            text = f"the proof of {size} events belongs to no run certified by the log's key"
            report.add("proof_bad", text)
        elif size > report.size:
            _add_cut(report, size)
        elif not identity.proves(owner, size, roots.get(size, b""), signature):
            text = f"the first {size} events are not those that were committed"
            report.add("proof_mismatch", text, size - 1)
        else:
            report.proven_size = max(report.proven_size, size)


def _add_cut(report: Report, size: int) -> None:
    text = f"{size} events were signed, but only {report.size} are left"
    report.add("journal_cut", text, report.size)


def _check_coverage(reader: Reader, report: Report) -> None:
    """Names every event that no signature covers."""
    outside = reader.outside(report.proven_size)
    report.unproven, report.set_aside = len(outside), reader.set_aside()
    for seq, record in outside:
        kind = display_safe(kind_of(record).decode("utf-8", "replace"), 40) or "not an event"
        report.add("event_unproven", f"`{kind}`: no signature covers it", seq)


def _check_anchor(
    reader: Reader, report: Report, roots: dict[int, bytes], size: int | None, root: bytes
) -> None:
    """The anchor must be the root of the first events: of `size`, or of any number of them."""
    found = next((each for each, known in roots.items() if known == root), None)
    if found is None and (size is None or size <= report.size):
        tree = LogTree()
        for part in _parts(reader, [size] if size is not None else []):
            for record in part:
                tree.extend([record])
                if (size is None or tree.size == size) and tree.root == root:
                    found = tree.size
                    break
            if found is not None or tree.size == size:
                break
    if found is None or (size is not None and found != size):
        report.add("anchor_mismatch", "the journal does not contain the state of the anchor")
    else:
        report.anchor_size = found


def _check_snapshots(reader: Reader, report: Report) -> None:
    identity = LogIdentity(report.origin, bytes.fromhex(report.log_key))
    for snapshot in reader.snapshots():
        report.snapshots += 1
        try:
            identity.check_snapshot(snapshot)
        except JournalError as error:
            report.add(error.code, error.text)


def _check_replay(reader: Reader, report: Report) -> None:
    """Folds every event into a fresh guard, as a start without a snapshot would."""
    guard: Guard | None = None
    try:
        for _, chunk in reader.chunks():
            if guard is None:
                guard = Guard.replay(chunk)
            else:
                guard.extend(chunk)
    except HoldfastError as error:
        report.add(error.args[0], error.args[1])
        return
    if guard is None:
        report.add("journal_empty", "the journal has no events, not even its first")
        return
    if guard.root.hex() != report.root:
        report.add("replay_root", "the replayed state belongs to another log")
    report.state_digest = guard.state_digest().hex()
