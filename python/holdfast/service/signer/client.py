"""The service's end of the signer: starts it, asks it, and says so when it is gone.

The passphrase goes through a pipe once and is zeroed here; so a signer that died is not started
again by itself.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import socket
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from holdfast._core import signed_note
from holdfast.process import child
from holdfast.secrets.passphrase import wipe
from holdfast.service.home.folder import Home
from holdfast.service.signer.channel import SECRET_BYTES, prove

START_SECONDS_MAX = 120
ANSWER_SECONDS_MAX = 30
CLOSE_SECONDS_MAX = 5
LINE_BYTES_MAX = 1 << 20

# In one question; each is answered by a line of its own.
ORDERS_MAX = 128

Answer = dict[str, Any]
# What a line of the signer is handed to; None when there will be none.
Answered = Callable[[Answer | None], None]


class SignerError(RuntimeError):
    """The signer could not be started, or refused; the text says why."""


class WrongPassphrase(SignerError):
    """The passphrase does not open the home's keys."""


class SignerRefused(SignerError):
    """The order is not one to be signed: asking again would change nothing."""


class SignerGone(SignerError):
    """The process with the keys is not there any more.

    Nothing is signed until the guardian is started again.
    """


@dataclass(frozen=True)
class Signed:
    """What an order became.

    Raw transaction bytes or a 65-byte signature, and the transaction hash or digest.
    """

    hash: str
    payload: bytes
    is_transaction: bool


Order = Callable[[Signed | SignerError], None]


class Signer:
    """One signer process. Questions may overlap; they are answered in order."""

    def __init__(self, process: child.Popen[bytes], ready: Answer, secret: bytearray) -> None:
        """Made by `start`."""
        self._process = process
        self._secret = secret
        self._asked = 0
        self.wallets: list[str] = ready["wallets"]
        self.log_key = bytes.fromhex(ready["log_key"])
        self.memory_locked: bool = ready["memory_locked"]
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._waiting: deque[Answered] = deque()
        self._queued: list[tuple[int, Order]] = []
        self._task: asyncio.Task[None] | None = None
        self._gone = False
        self._on_gone: list[Callable[[str], None]] = []

    @classmethod
    async def start(cls, home: Home, passphrase: bytearray, *, compare: bool = False) -> Signer:
        """Starts the process and opens the keys; with `compare` eth-account signs everything too.

        Raises WrongPassphrase or SignerError.

        Must run in the main thread: the process dies with the thread that made it.
        """
        ours, theirs = socket.socketpair()
        secret = bytearray(os.urandom(SECRET_BYTES))
        try:
            process = _spawn(home, theirs, secret, passphrase, compare=compare)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            wipe(passphrase)
        reader, writer = await asyncio.open_connection(sock=ours, limit=LINE_BYTES_MAX)
        try:
            ready = await _ready(reader)
            signer = cls(process, ready, secret)
        except BaseException:
            writer.close()
            process.kill()
            process.wait()
            raise
        signer._reader, signer._writer = reader, writer
        signer._task = asyncio.create_task(signer._read(), name="signer")
        return signer

    @property
    def alive(self) -> bool:
        """Whether the process still answers."""
        return not self._gone

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def on_gone(self, callback: Callable[[str], None]) -> None:
        """Calls `callback(text)` once when the process dies while it is needed."""
        self._on_gone.append(callback)

    async def follow(self, size: int, compact: bytes) -> None:
        """Has the signer follow the log from `size` events on.

        `range` is their compact range, which the journal must hold under a checkpoint. Comes first,
        once. Raises SignerError, SignerGone.
        """
        await self._ask({"op": "follow", "size": size, "range": _base64(compact)})

    async def sign(self, seq: int) -> Signed:
        """Signs the order that event `seq` of the journal holds. Raises SignerError, SignerGone."""
        future: asyncio.Future[Signed | SignerError] = asyncio.get_running_loop().create_future()
        self.sign_order(seq, lambda found: None if future.done() else future.set_result(found))
        try:
            found = await asyncio.wait_for(future, ANSWER_SECONDS_MAX)
        except TimeoutError:
            raise _late() from None
        if isinstance(found, SignerError):
            raise found
        return found

    def sign_order(self, seq: int, done: Order) -> None:
        """The same without waiting: `done` is called with the signature or why there is none.

        Those of one turn of the loop go in one question.
        """
        if not self._queued:
            asyncio.get_running_loop().call_soon(self._ask_queued)
        self._queued.append((seq, done))

    def _ask_queued(self) -> None:
        queued, self._queued = self._queued, []
        for first in range(0, len(queued), ORDERS_MAX):
            orders = queued[first : first + ORDERS_MAX]
            answered = [partial(_signed, done) for _, done in orders]
            self._put({"op": "sign", "seqs": [seq for seq, _ in orders]}, answered)

    async def checkpoint(self, size: int, root: bytes) -> bytes:
        """The signed note of the log's first `size` events. Raises SignerError, SignerGone."""
        return self._note(
            await self._ask({"op": "checkpoint", "size": size, "root": _base64(root)})
        )

    async def snapshot_note(self, size: int, root: bytes, sha256: bytes) -> bytes:
        """A signed note that binds a snapshot's SHA-256 to the log; see `notes.LogIdentity`."""
        question = {"op": "snapshot", "size": size, "root": _base64(root), "sha256": sha256.hex()}
        return self._note(await self._ask(question))

    async def ping(self) -> Answer:
        """`{"pong": true, "dumpable", "pid"}` from the process itself."""
        return await self._ask({"op": "ping"})

    async def close(self) -> None:
        """Ends the process; all who wait for an answer get SignerGone."""
        self._on_gone.clear()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
        self._fail_waiting()
        try:
            await asyncio.to_thread(self._process.wait, CLOSE_SECONDS_MAX)
        except child.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)

    def _put(self, question: Answer, answered: Sequence[Answered]) -> None:
        """Asks, for one line of each of `answered`."""
        if self._gone:
            for each in answered:
                each(None)
            return
        self._waiting.extend(answered)
        line = prove(self._secret, self._asked, orjson.dumps(question))
        self._asked += 1
        self._writer.write(line + b"\n")

    async def _ask(self, question: Answer) -> Answer:
        future: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._put(question, [lambda found: None if future.done() else future.set_result(found)])
        try:
            answer = await asyncio.wait_for(future, ANSWER_SECONDS_MAX)
        except TimeoutError:
            raise _late() from None
        if answer is None:
            raise _gone()
        if "error" in answer:
            raise _refused(answer)
        return answer

    async def _read(self) -> None:
        try:
            while line := await self._reader.readline():
                # An answer without a waiter still takes its place in the order.
                self._waiting.popleft()(orjson.loads(line))
        except (OSError, ValueError, IndexError, KeyError, TypeError):
            # What it says is no answer any more: nothing it has said since can be paired.
            self._process.kill()
        self._fail_waiting()
        code = await asyncio.to_thread(self._process.wait)
        for callback in self._on_gone:
            callback(
                f"the signer process ended (exit code {code}); restart the guardian to sign again"
            )

    def _fail_waiting(self) -> None:
        self._gone = True
        while self._waiting:
            self._waiting.popleft()(None)

    def _note(self, answer: Answer) -> bytes:
        body: str = answer["body"]
        origin = body.partition("\n")[0].removesuffix("/snapshot")
        signature = bytes.fromhex(answer["signature"][2:])
        return signed_note(body.encode(), origin, self.log_key, signature)


def _signed(done: Order, answer: Answer | None) -> None:
    if answer is None:
        done(_gone())
    elif "error" in answer:
        done(_refused(answer))
    else:
        is_transaction = "raw" in answer
        payload = answer["raw" if is_transaction else "signature"]
        done(Signed(answer["hash"], bytes.fromhex(payload[2:]), is_transaction))


def _refused(answer: Answer) -> SignerError:
    kind = SignerError if answer.get("code") == "again" else SignerRefused
    return kind(f"the signer refused: {answer['error']}")


def _late() -> SignerError:
    return SignerError(f"the signer did not answer within {ANSWER_SECONDS_MAX} s")


def _spawn(
    home: Home, channel: socket.socket, secret: bytearray, passphrase: bytearray, *, compare: bool
) -> child.Popen[bytes]:
    read_end, write_end = os.pipe()
    try:
        command = child.own("holdfast.service.signer.process", "--home", str(home.path))
        command += ["--socket-fd", str(channel.fileno()), "--passphrase-fd", str(read_end)]
        command += ["--parent", str(os.getpid()), *(["--compare"] if compare else [])]
        process = child.start(command, stdout=child.DEVNULL, pass_fds=(channel.fileno(), read_end))
        # Little more than 1 KiB, which a pipe takes at once; it is read only after the process has
        # hardened itself.
        os.write(write_end, secret)
        os.write(write_end, passphrase)
    finally:
        os.close(read_end)
        os.close(write_end)
    return process


async def _ready(reader: asyncio.StreamReader) -> Answer:
    try:
        line = await asyncio.wait_for(reader.readline(), START_SECONDS_MAX)
    except TimeoutError:
        raise SignerError(f"the signer did not start within {START_SECONDS_MAX} s") from None
    if not line:
        raise SignerError("the signer ended before it was ready; its last output is above")
    answer: Answer = json.loads(line)
    if answer.get("code") == "wrong_passphrase":
        raise WrongPassphrase(answer["error"])
    if "error" in answer:
        raise SignerError(f"the signer could not start: {answer['error']}")
    return answer


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _gone() -> SignerGone:
    return SignerGone(
        "the signer process is gone: nothing is signed until the guardian is started again"
    )
