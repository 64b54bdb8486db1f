"""The process that holds the keys.

It parses nothing an agent sent except through a journalled order.

Started by `signer_client` with a socketpair and a pipe with a secret and the passphrase; JSON lines
on the socket, one answer a line in the order of the questions: docs/architecture.md, 6. An order is
a sequence number: the record is read from the journal on disk, which this process follows from the
guardian's start, so nothing can be signed that is not on disk and proven.
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
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import orjson

from holdfast.service.journal.interface import UNREADABLE, JournalError
from holdfast.service.journal.open import open_signer_reader
from holdfast.service.runtime import hardening
from holdfast.service.signer.channel import LINE_BYTES_MAX, SECRET_BYTES, proven
from holdfast.service.signer.follow import Follower, NotYet, Refused

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount
    from nacl.signing import SigningKey

    from holdfast.service.signer.backends import Backend

ANSWERS_KEPT = 1024
ANSWERS_AT_ONCE = 8
SEQ_MAX = (1 << 53) - 1
PASSPHRASE_BYTES_MAX = 1024
SNAPSHOT_DOMAIN = b"holdfast snapshot v1\n"
SHA256 = re.compile(r"[0-9a-f]{64}")

Answer = dict[str, Any]


class Signer:
    """Answers one question at a time. Keeps nothing on disk."""

    def __init__(
        self,
        journal: Path,
        backends: Mapping[str, Backend],
        log_key: SigningKey,
        *,
        compare: Mapping[str, LocalAccount] | None = None,
    ) -> None:
        """`journal` is a home or the journal's file; `backends` are by checksummed address.

        With `compare`, by address too, eth-account signs everything a second time, and both must
        give the same bytes.
        """
        self._backends = backends
        self._compare = compare
        self._log_key = log_key
        self._log = Follower(lambda: open_signer_reader(journal), bytes(log_key.verify_key))
        self._answers: OrderedDict[int, Answer] = OrderedDict()
        self._ops: dict[str, Callable[[Mapping[str, Any]], Answer]] = {
            "follow": self._follow,
            "checkpoint": self._checkpoint,
            "snapshot": self._snapshot,
            "ping": self._ping,
        }

    def answers(self, line: bytes) -> Iterator[Answer]:
        """The answers to one line, of `sign` one for each order.

        `{"error": words}` where it is refused, with `"code": "again"` where the same may be
        answered later. Never raises for what the line holds.
        """
        try:
            question: Any = orjson.loads(line)
        except ValueError:
            yield {"error": "the question is not JSON"}
            return
        if isinstance(question, dict) and question.get("op") == "sign":
            yield from self._sign_all(question)
        else:
            yield self._guarded(lambda: self._other(question))

    def _other(self, question: Any) -> Answer:
        if not isinstance(question, dict):
            raise Refused("a question is a JSON object")
        op = self._ops.get(str(question.get("op")))
        if op is None:
            raise Refused("`op` must be follow, sign, checkpoint, snapshot or ping")
        return op(question)

    def _guarded(self, answer: Callable[[], Answer]) -> Answer:
        try:
            return answer()
        except NotYet as error:
            return {"error": str(error), "code": "again"}
        except Refused as error:
            return {"error": str(error)}
        except JournalError as error:
            self._log.forget()
            again = {"code": "again"} if error.code == UNREADABLE else {}
            return {"error": str(error), **again}
        except Exception as error:  # noqa: BLE001 - one bad line must not end the signer; its text may hold secrets
            return {"error": f"this could not be done ({type(error).__name__})"}

    def _follow(self, question: Mapping[str, Any]) -> Answer:
        """From here on the log is followed; nothing before it is ever signed."""
        _exactly(question, {"op", "size", "range"})
        size = _number(question, "size", 1, SEQ_MAX)
        self._log.begin(size, _decoded(question, "range"))
        return {"following": size}

    def _sign_all(self, question: Mapping[str, Any]) -> Iterator[Answer]:
        seqs = question.get("seqs")
        if set(question) != {"op", "seqs"} or not isinstance(seqs, list) or not seqs:
            yield {"error": "this op takes exactly op, seqs"}
            return
        for seq in seqs:
            yield self._guarded(partial(self._sign, seq))

    def _sign(self, seq: Any) -> Answer:
        from holdfast.service.signer.order import OrderError, check_decided, sign_order

        _check_number("seq", seq, 1, SEQ_MAX)
        if seq in self._answers:
            return self._answers[seq]
        ordered, decided = self._log.order(seq)
        order = ordered.get("order")
        if not isinstance(order, dict):
            raise Refused(f"event {seq} has no order")
        try:
            check_decided(ordered, decided)
            signed = sign_order(order, self._backends)
            if self._compare is not None:
                self._check_compared(self._compare.get(order["wallet"]), order, signed)
        except OrderError as error:
            raise Refused(f"event {seq}: {error}") from None
        self._log.taken(seq)
        self._answers[seq] = signed
        if len(self._answers) > ANSWERS_KEPT:
            self._answers.popitem(last=False)
        return signed

    @staticmethod
    def _check_compared(
        account: LocalAccount | None, order: Mapping[str, Any], signed: Answer
    ) -> None:
        from holdfast.service.signer.compared import compared

        if account is None:
            raise Refused(
                "the wallet's key is not in the signer, so eth-account cannot sign with it: set "
                "`compare_signatures = false`"
            )
        if compared(order, account) != signed:
            raise Refused("eth-account makes other bytes of the order: it is not signed")

    def _checkpoint(self, question: Mapping[str, Any]) -> Answer:
        """Signs the C2SP checkpoint text of the log that was followed here."""
        _exactly(question, {"op", "size", "root"})
        size, root = self._size_and_root(question)
        return self._note(self._body("", size, root))

    def _snapshot(self, question: Mapping[str, Any]) -> Answer:
        """Signs that the state with this SHA-256 stands for the first `size` events."""
        _exactly(question, {"op", "size", "root", "sha256"})
        size, root = self._size_and_root(question)
        digest = question["sha256"]
        if not isinstance(digest, str) or not SHA256.fullmatch(digest):
            raise Refused("`sha256` is not 64 hex digits")
        binding = hashlib.sha256(SNAPSHOT_DOMAIN + root + bytes.fromhex(digest)).digest()
        return self._note(self._body("/snapshot", size, binding))

    def _ping(self, question: Mapping[str, Any]) -> Answer:
        _exactly(question, {"op"})
        return {"pong": True, "dumpable": hardening.is_dumpable(), "pid": os.getpid()}

    def _size_and_root(self, question: Mapping[str, Any]) -> tuple[int, bytes]:
        """Only a root that this process computed itself is signed; the guardian's must be equal."""
        size = _number(question, "size", 1, SEQ_MAX)
        root = _decoded(question, "root")
        if root != self._log.root_at(size):
            raise Refused(f"the log that was followed here has another root at {size} events")
        return size, root

    def _body(self, suffix: str, size: int, root: bytes) -> str:
        """The text of https://c2sp.org/tlog-checkpoint: origin, size, root, each on a line."""
        return f"{self._log.origin}{suffix}\n{size}\n{base64.b64encode(root).decode()}\n"

    def _note(self, body: str) -> Answer:
        signature = self._log_key.sign(body.encode()).signature
        return {"body": body, "signature": "0x" + signature.hex()}


def _exactly(question: Mapping[str, Any], members: set[str]) -> None:
    if set(question) != members:
        raise Refused(f"this op takes exactly {', '.join(sorted(members))}")


def _number(question: Mapping[str, Any], name: str, low: int, high: int) -> int:
    value = question.get(name)
    _check_number(name, value, low, high)
    return int(value or 0)


def _check_number(name: str, value: Any, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise Refused(f"`{name}` is not a number from {low} to {high}")


def _decoded(question: Mapping[str, Any], name: str) -> bytes:
    value = question.get(name)
    try:
        decoded = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except binascii.Error:
        decoded = b""
    if not decoded:
        raise Refused(f"`{name}` is not base64")
    return decoded


def serve(signer: Signer, channel: socket.socket, secret: bytes | bytearray) -> None:
    """Answers lines until the other end closes.

    Or until a line comes that the guardian did not prove: then another program holds the socket,
    and nothing is signed any more.
    """
    number = 0
    with channel.makefile("rb", buffering=1 << 16) as lines:
        while line := lines.readline(LINE_BYTES_MAX + 1):
            question = proven(secret, number, line.removesuffix(b"\n"))
            if question is None or len(line) > LINE_BYTES_MAX:
                channel.sendall(
                    json.dumps({"error": "the guardian did not ask this"}).encode() + b"\n"
                )
                return
            number += 1
            # A few at a time: the guardian goes on with the first while the next are signed.
            answers = signer.answers(question)
            while told := [orjson.dumps(each) for each in islice(answers, ANSWERS_AT_ONCE)]:
                channel.sendall(b"\n".join(told) + b"\n")


def _read_secrets(descriptor: int) -> tuple[bytearray, bytearray]:
    """The secret of the channel and the passphrase."""
    found = bytearray()
    size_max = SECRET_BYTES + PASSPHRASE_BYTES_MAX
    while len(found) <= size_max:
        part = os.read(descriptor, size_max)
        if not part:
            break
        found += part
    os.close(descriptor)
    secret, passphrase = found[:SECRET_BYTES], found[SECRET_BYTES:]
    found[:] = bytes(len(found))
    return secret, passphrase


def _open_keys(home: Path, passphrase: bytearray) -> tuple[dict[str, Backend], SigningKey]:
    from holdfast.secrets import keystore
    from holdfast.secrets.passphrase import wipe
    from holdfast.service.home.folder import Home
    from holdfast.service.signer import order as _loaded_before_the_first_question  # noqa: F401
    from holdfast.service.signer.backends.open import open_backends

    hardening.limit_recursion()
    try:
        where = Home(home)
        # The log's key opens fastest, so a wrong passphrase is found at once.
        log_key = keystore.open_log_key(where.log_key_path, passphrase)
        return open_backends(where, passphrase), log_key
    finally:
        wipe(passphrase)


def _accounts(backends: Mapping[str, Backend]) -> dict[str, LocalAccount]:
    from holdfast.service.signer.compared import accounts_of

    return accounts_of(backends.values())


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
    parser.add_argument("--compare", action="store_true")
    given = parser.parse_args(arguments)
    sys.excepthook = _silent_about_values
    # Meant for the guardian, which ends this process when it has ended itself.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    channel = socket.socket(fileno=given.socket_fd)
    try:
        hardening.close_inherited({given.socket_fd, given.passphrase_fd})
        locked = hardening.harden(given.parent)
        secret, passphrase = _read_secrets(given.passphrase_fd)
        backends, log_key = _open_keys(given.home, passphrase)
        compare = _accounts(backends) if given.compare else None
    except (ValueError, RuntimeError, OSError) as error:
        channel.sendall(json.dumps(_failure(error)).encode() + b"\n")
        return 1
    ready = {
        "ready": True,
        "wallets": sorted(backends),
        "log_key": bytes(log_key.verify_key).hex(),
        "memory_locked": locked,
    }
    channel.sendall(json.dumps(ready).encode() + b"\n")
    serve(Signer(given.home, backends, log_key, compare=compare), channel, secret)
    return 0


def _failure(error: Exception) -> Answer:
    """Our own errors speak in words that hold no secret; of others only the kind is told."""
    from holdfast.secrets.keystore import KeystoreError, WrongPassphrase

    if isinstance(error, WrongPassphrase):
        return {"error": str(error), "code": "wrong_passphrase"}
    if isinstance(error, (KeystoreError, hardening.HardeningError)):
        return {"error": str(error), "code": "keys"}
    return {"error": f"the keys cannot be opened ({type(error).__name__})", "code": "keys"}


if __name__ == "__main__":
    sys.exit(main())
