"""The log as the signer has seen it itself.

Every event from the guardian's start on, proven by the key of this run before anything is done with
it.

It reads the journal's file and believes none of it: the start is under a checkpoint of the log's
key, what follows under a proof of the session's key, and what was read once is known by its hash.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import orjson

from holdfast._core import HoldfastError, LogTree, open_note, verify_commit
from holdfast.service.journal.interface import UNREADABLE, JournalError, SignerReader
from holdfast.service.runtime.event import REQUEST_DECIDED, kind_of

# Roots at the ends of commits, for notes that are asked for a little later; and orders not signed.
ROOTS_KEPT = 8192
ORDERS_KEPT = 65_536
# Bytes of orders and decisions that are kept as they were followed, to be signed soon.
RECORDS_KEPT_BYTES = 16 << 20

ORDER_KINDS = ("request.authorised", "request.replaced")
_ORDER_KINDS = frozenset(kind.encode() for kind in ORDER_KINDS)

Record = dict[str, Any]


class Refused(ValueError):
    """A question that is not answered; the text says why and never holds a key."""


class NotYet(Refused):
    """No proof covers the event by now; one may in a moment."""


class Follower:
    """Follows one journal from one start.

    Methods raise JournalError when it cannot be read; what is then asked again is read anew.
    """

    def __init__(self, connect: Callable[[], SignerReader], log_key: bytes) -> None:
        """`log_key` is the log's public key (32 bytes)."""
        self._connect = connect
        self._log_key = log_key
        self._reader: SignerReader | None = None
        self._tree: LogTree | None = None
        self._session_key = b""
        self._origin = ""
        self._broken = ""
        self._proven = 0
        self._roots: OrderedDict[int, bytes] = OrderedDict()
        # With the hash of those whose record is kept no longer.
        self._orders: OrderedDict[int, bytes | None] = OrderedDict()
        self._records: OrderedDict[int, bytes] = OrderedDict()
        self._records_bytes = 0

    @property
    def origin(self) -> str:
        """The log's name. Raises Refused before `begin`."""
        self._following()
        return self._origin

    def begin(self, size: int, compact: bytes) -> None:
        """Begins at the log of `size` events with this compact range.

        Raises Refused unless a checkpoint of the log's key is for just that, and its newest session
        begins there.
        """
        if self._tree is not None:
            raise Refused("the log is being followed already")
        try:
            tree = LogTree.restore(compact)
        except HoldfastError:
            raise Refused("`range` is not a compact range of a log") from None
        origin = self._origin_of(self._row(0))
        note = self._open().checkpoint(size)
        if (
            note is None
            or tree.size != size
            or self._opened(note, origin, origin, size) != tree.root
        ):
            raise Refused(f"no checkpoint of the log's key covers the first {size} events")
        session = self._open().newest_session()
        if session is None or session.from_size != size:
            raise Refused("the journal names no run that began here")
        if self._opened(session.note, origin, f"{origin}/session", size) != session.public_key:
            raise Refused("the key of this run is not certified by the log's key")
        self._tree, self._origin, self._session_key = tree, origin, session.public_key
        self._roots[size] = tree.root
        self._proven = size

    def to(self, size: int) -> None:
        """Follows on until at least `size` events are proven.

        Raises NotYet when they are not, and Refused if what is there is not the guardian's: then
        nothing is believed any more.
        """
        tree = self._following()
        if self._proven >= size:
            return
        try:
            self._extend(tree, size)
        except JournalError as error:
            if error.code == UNREADABLE:
                raise
            raise self._break(error.text) from None

    def _extend(self, tree: LogTree, size: int) -> None:
        """To the newest proof, which must cover `size` events. Raises JournalError."""
        ends = self._open().proofs_after(tree.size)
        if not ends or ends[-1][0] < size:
            raise NotYet(
                f"event {size - 1} is not in the journal, or no proof of the guardian covers it"
            )
        newest, signature = ends[-1]
        for records in self._open().commits(tree.size, [end for end, _ in ends]):
            self._keep(tree, records)
        if not verify_commit(self._origin, self._session_key, newest, tree.root, signature):
            raise self._break(f"the proof of the first {newest} events does not hold")
        self._proven = newest

    def root_at(self, size: int) -> bytes:
        """The root of the first `size` events, computed here.

        Raises Refused for a size at which no commit ended, or one long ago.
        """
        self.to(size)
        root = self._roots.get(size)
        if root is None:
            raise Refused(f"no commit of this run that is still known ended at {size} events")
        return root

    def order(self, seq: int) -> tuple[Record, Record]:
        """The order of this number and the decision that its digest stands for.

        The `request.authorised` or `request.replaced` must have been followed and not been taken
        yet; the decision is a `request.decided`. Raises Refused.
        """
        self.to(seq + 1)
        if seq not in self._orders:
            raise Refused(
                f"event {seq} is not an order followed since the guardian started: only those are "
                f"signed, once"
            )
        raw = self._records.get(seq)
        if raw is None:
            raw = self._row(seq)
            if _leaf(raw) != self._orders[seq]:
                raise self._break(f"event {seq} was changed after it was committed")
        data = _data(raw, seq, *ORDER_KINDS)
        # A request is named after the event that decided it.
        name = str(data.get("id", ""))
        of = int(name[1:]) if name[1:].isascii() and name[1:].isdecimal() else seq
        if name != f"r{of}" or of >= seq:
            raise Refused(f"event {seq} names no request that was decided before it")
        decided = self._records.get(of)
        return data, _data(self._row(of) if decided is None else decided, of, "request.decided")

    def taken(self, seq: int) -> None:
        """The order was signed: it is given only once."""
        self._orders.pop(seq, None)

    def forget(self) -> None:
        """Closes the journal; the next question opens it again."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _keep(self, tree: LogTree, records: list[bytes]) -> None:
        """Adds the records of one commit to the tree, and keeps what may be asked for."""
        first = tree.size
        tree.extend(records)
        self._roots[tree.size] = tree.root
        for seq, record in enumerate(records, first):
            kind = kind_of(record)
            if kind in _ORDER_KINDS:
                self._orders[seq] = None
            elif kind != REQUEST_DECIDED:
                continue
            self._records[seq] = record
            self._records_bytes += len(record)
        while self._records_bytes > RECORDS_KEPT_BYTES:
            seq, record = self._records.popitem(last=False)
            self._records_bytes -= len(record)
            if seq in self._orders:
                self._orders[seq] = _leaf(record)
        while len(self._orders) > ORDERS_KEPT:
            self._orders.popitem(last=False)
        while len(self._roots) > ROOTS_KEPT:
            self._roots.popitem(last=False)

    def _following(self) -> LogTree:
        if self._broken:
            raise Refused(self._broken)
        if self._tree is None:
            raise Refused("the log is not followed yet: `follow` comes first")
        return self._tree

    def _break(self, why: str) -> Refused:
        self._broken = (
            f"{why}: the journal is not what the guardian wrote. Nothing is signed any more; stop "
            "the guardian and run `holdfast journal verify`"
        )
        return Refused(self._broken)

    def _origin_of(self, genesis: bytes) -> str:
        try:
            event = orjson.loads(genesis)
            data = event["data"]
            if event["kind"] != "guardian.created" or not isinstance(data["origin"], str):
                raise ValueError
            named = str(data["log_key"]).removeprefix("0x")
        except (ValueError, KeyError, TypeError):
            raise Refused("event 0 does not state the log's origin") from None
        if named != self._log_key.hex():
            raise Refused("event 0 names another log key than this home has")
        return str(data["origin"])

    def _opened(self, note: bytes, name: str, origin: str, size: int) -> bytes:
        """What a note of the log's key has in the root's place; empty if it is for another."""
        try:
            stated = open_note(note, name, self._log_key)
        except HoldfastError:
            return b""
        return stated[2] if stated[:2] == (origin, size) else b""

    def _row(self, seq: int) -> bytes:
        record = self._open().record(seq)
        if record is None:
            raise Refused(f"event {seq} is not in the journal")
        return record

    def _open(self) -> SignerReader:
        if self._reader is None:
            self._reader = self._connect()
        return self._reader


def _leaf(record: bytes) -> bytes:
    """RFC 6962: `SHA-256(0x00 || record)`."""
    return hashlib.sha256(b"\0" + record).digest()


def _data(raw: bytes, seq: int, *kinds: str) -> Record:
    try:
        record = orjson.loads(raw)
        if record["seq"] == seq and record["kind"] in kinds and isinstance(record["data"], dict):
            return dict(record["data"])
    except (ValueError, KeyError, TypeError):
        pass
    raise Refused(f"event {seq} of the journal is damaged: it should be `{' or '.join(kinds)}`")
