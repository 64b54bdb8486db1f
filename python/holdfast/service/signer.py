"""The process that holds the keys. It parses nothing an agent sent except through a journalled
order.

Started by `signer_client` with a socketpair and a pipe with the passphrase; JSON lines on the
socket, one answer a line in the order of the questions: docs/architecture.md, 6. An order is a
sequence number: the record is read from the journal on disk, so nothing can be signed that is not
on disk.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import os
import re
import signal
import socket
import sqlite3
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from holdfast.service import hardening

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount
    from nacl.signing import SigningKey

LINE_BYTES_MAX = 4096
RECORD_BYTES_MAX = 8 << 20
ANSWERS_KEPT = 1024
SEQ_MAX = (1 << 53) - 1
PASSPHRASE_BYTES_MAX = 1024
SNAPSHOT_DOMAIN = b"holdfast snapshot v1\n"
SHA256 = re.compile(r"[0-9a-f]{64}")

Answer = dict[str, Any]


class Refused(ValueError):
    """A question that is not answered; the text says why and never holds a key."""


class Signer:
    """Answers one question at a time. Keeps nothing on disk."""

    def __init__(
        self, journal: Path, wallets: Mapping[str, LocalAccount], log_key: SigningKey
    ) -> None:
        self._journal_path = journal
        self._wallets = wallets
        self._log_key = log_key
        self._journal: sqlite3.Connection | None = None
        self._origin = ""
        self._answers: OrderedDict[int, Answer] = OrderedDict()
        self._size_signed = 0
        self._root_signed = b""
        self._ops: dict[str, Callable[[Mapping[str, Any]], Answer]] = {
            "sign": self._sign,
            "checkpoint": self._checkpoint,
            "snapshot": self._snapshot,
            "ping": self._ping,
        }

    def answer(self, line: bytes) -> Answer:
        """The answer to one line; `{"error": words}` when it is refused. Never raises for what the
        line holds.
        """
        try:
            question = json.loads(line)
            if not isinstance(question, dict):
                raise Refused("a question is a JSON object")
            op = self._ops.get(str(question.get("op")))
            if op is None:
                raise Refused("`op` is none of sign, checkpoint, snapshot and ping")
            return op(question)
        except Refused as error:
            return {"error": str(error)}
        except (ValueError, RecursionError):
            return {"error": "the question is not JSON"}
        except sqlite3.Error as error:
            self._close_journal()
            words = f"the journal cannot be read ({type(error).__name__})"
            return {"error": words, "code": "again"}
        except Exception as error:  # noqa: BLE001 - one bad line must not end the signer; its text may hold secrets
            return {"error": f"this could not be done ({type(error).__name__})"}

    def _sign(self, question: Mapping[str, Any]) -> Answer:
        from holdfast.service.order import OrderError, sign_order

        _exactly(question, {"op", "seq"})
        seq = _number(question, "seq", 1, SEQ_MAX)
        if seq in self._answers:
            return self._answers[seq]
        record = self._record(seq)
        if record.get("kind") != "request.authorised":
            raise Refused(f"event {seq} is not `request.authorised`: only those are signed")
        data = record.get("data")
        order = data.get("order") if isinstance(data, dict) else None
        if not isinstance(order, dict):
            raise Refused(f"event {seq} has no order")
        try:
            signed = sign_order(order, self._wallets)
        except OrderError as error:
            raise Refused(f"event {seq}: {error}") from None
        self._answers[seq] = signed
        if len(self._answers) > ANSWERS_KEPT:
            self._answers.popitem(last=False)
        return signed

    def _checkpoint(self, question: Mapping[str, Any]) -> Answer:
        """Signs the C2SP checkpoint text of a log that only ever grows."""
        _exactly(question, {"op", "size", "root"})
        size, root = self._size_and_root(question)
        body = self._body("", size, root)
        if size < self._size_signed:
            raise Refused(
                f"a log of {self._size_signed} events was signed before: it cannot have shrunk "
                f"to {size}"
            )
        if size == self._size_signed and root != self._root_signed:
            raise Refused(f"another root was signed for {size} events: the log has two histories")
        self._size_signed, self._root_signed = size, root
        return self._note(body)

    def _snapshot(self, question: Mapping[str, Any]) -> Answer:
        """Signs that the state with this SHA-256 stands for the first `size` events."""
        _exactly(question, {"op", "size", "root", "sha256"})
        size, root = self._size_and_root(question)
        digest = question["sha256"]
        if not isinstance(digest, str) or not SHA256.fullmatch(digest):
            raise Refused("`sha256` is not 64 hex digits")
        if size == self._size_signed and root != self._root_signed:
            raise Refused(f"another root was signed for {size} events: the log has two histories")
        binding = hashlib.sha256(SNAPSHOT_DOMAIN + root + bytes.fromhex(digest)).digest()
        return self._note(self._body("/snapshot", size, binding))

    def _ping(self, question: Mapping[str, Any]) -> Answer:
        _exactly(question, {"op"})
        return {"pong": True, "dumpable": hardening.is_dumpable(), "pid": os.getpid()}

    def _size_and_root(self, question: Mapping[str, Any]) -> tuple[int, bytes]:
        size = _number(question, "size", 1, SEQ_MAX)
        root = question["root"]
        try:
            decoded = base64.b64decode(root, validate=True) if isinstance(root, str) else b""
        except binascii.Error:
            decoded = b""
        if len(decoded) != 32:
            raise Refused("`root` is not 32 bytes of base64")
        self._record(size - 1)
        return size, decoded

    def _body(self, suffix: str, size: int, root: bytes) -> str:
        """The text of https://c2sp.org/tlog-checkpoint: origin, size, root, each on a line."""
        if not self._origin:
            genesis = self._record(0)
            data = genesis.get("data", {})
            if genesis.get("kind") != "guardian.created" or not isinstance(data.get("origin"), str):
                raise Refused("event 0 does not say where this log comes from")
            if data.get("log_key") not in (
                self._public_key().hex(),
                "0x" + self._public_key().hex(),
            ):
                raise Refused("event 0 names another log key than this home has")
            self._origin = data["origin"]
        return f"{self._origin}{suffix}\n{size}\n{base64.b64encode(root).decode()}\n"

    def _note(self, body: str) -> Answer:
        signature = self._log_key.sign(body.encode()).signature
        return {"body": body, "signature": "0x" + signature.hex()}

    def _public_key(self) -> bytes:
        return bytes(self._log_key.verify_key)

    def _record(self, seq: int) -> dict[str, Any]:
        if self._journal is None:
            self._journal = _open_read_only(self._journal_path)
        row = self._journal.execute(
            "SELECT data, length(data) FROM event WHERE seq = ?", (seq,)
        ).fetchone()
        if row is None:
            raise Refused(f"event {seq} is not in the journal")
        if row[1] > RECORD_BYTES_MAX:
            raise Refused(f"event {seq} is too large to be one")
        try:
            record = json.loads(row[0])
        except ValueError:
            record = None
        if not isinstance(record, dict) or record.get("seq") != seq:
            raise Refused(f"event {seq} of the journal is damaged")
        return record

    def _close_journal(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None


def _open_read_only(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None, timeout=5
    )
    connection.execute("PRAGMA query_only = 1")
    return connection


def _exactly(question: Mapping[str, Any], members: set[str]) -> None:
    if set(question) != members:
        raise Refused(f"this op takes exactly {', '.join(sorted(members))}")


def _number(question: Mapping[str, Any], name: str, low: int, high: int) -> int:
    value = question.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise Refused(f"`{name}` is not a number from {low} to {high}")
    return value


def serve(signer: Signer, channel: socket.socket) -> None:
    """Answers lines until the other end closes. A line over the limit is answered once and skipped
    to its end.
    """
    with channel.makefile("rb", buffering=1 << 16) as lines:
        while line := lines.readline(LINE_BYTES_MAX + 1):
            if len(line) > LINE_BYTES_MAX:
                while line and not line.endswith(b"\n"):
                    line = lines.readline(LINE_BYTES_MAX)
                answer: Answer = {"error": f"the question is longer than {LINE_BYTES_MAX} bytes"}
            else:
                answer = signer.answer(line)
            channel.sendall(json.dumps(answer).encode() + b"\n")


def _read_passphrase(descriptor: int) -> bytearray:
    passphrase = bytearray()
    while len(passphrase) <= PASSPHRASE_BYTES_MAX:
        part = os.read(descriptor, PASSPHRASE_BYTES_MAX)
        if not part:
            break
        passphrase += part
    os.close(descriptor)
    return passphrase


def _open_keys(home: Path, passphrase: bytearray) -> tuple[dict[str, LocalAccount], SigningKey]:
    from holdfast.secrets.passphrase import wipe
    from holdfast.service import keystore
    from holdfast.service import order as _loaded_before_the_first_question  # noqa: F401
    from holdfast.service.home import Home

    hardening.limit_recursion()
    try:
        keystore.check_fast_backend()
        where = Home(home)
        # The log's key opens fastest, so a wrong passphrase is found at once.
        log_key = keystore.open_log_key(where.log_key_path, passphrase)
        return keystore.open_wallets(where.wallets_dir, passphrase), log_key
    finally:
        wipe(passphrase)


def _silent_about_values(
    kind: type[BaseException], _error: BaseException, _trace: TracebackType | None
) -> None:
    """An error's text could hold a secret; its kind cannot."""
    print(f"holdfast signer: stopped by {kind.__name__}", file=sys.stderr)


def main(arguments: list[str] | None = None) -> int:
    """Hardens this process, opens the keys, then serves. Exit code 1 when it could not begin."""
    parser = argparse.ArgumentParser(prog="holdfast signer")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--socket-fd", type=int, required=True)
    parser.add_argument("--passphrase-fd", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    given = parser.parse_args(arguments)
    sys.excepthook = _silent_about_values
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = socket.socket(fileno=given.socket_fd)
    try:
        hardening.close_inherited({given.socket_fd, given.passphrase_fd})
        locked = hardening.harden(given.parent)
        wallets, log_key = _open_keys(given.home, _read_passphrase(given.passphrase_fd))
    except (ValueError, RuntimeError, OSError) as error:
        channel.sendall(json.dumps(_failure(error)).encode() + b"\n")
        return 1
    ready = {
        "ready": True,
        "wallets": sorted(wallets),
        "log_key": bytes(log_key.verify_key).hex(),
        "memory_locked": locked,
    }
    channel.sendall(json.dumps(ready).encode() + b"\n")
    serve(Signer(given.home / "journal.sqlite", wallets, log_key), channel)
    return 0


def _failure(error: Exception) -> Answer:
    """Our own errors speak in words that hold no secret; of others only the kind is told."""
    from holdfast.service.keystore import KeystoreError, WrongPassphrase

    if isinstance(error, WrongPassphrase):
        return {"error": str(error), "code": "wrong_passphrase"}
    if isinstance(error, (KeystoreError, hardening.HardeningError)):
        return {"error": str(error), "code": "keys"}
    return {"error": f"the keys cannot be opened ({type(error).__name__})", "code": "keys"}


if __name__ == "__main__":
    sys.exit(main())
