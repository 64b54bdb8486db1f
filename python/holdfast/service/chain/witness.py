"""One node of a chain, asked for itself: whether it serves this chain, how it is, and what it says.

Nothing it says counts by itself; `chain` and `settle` hold the nodes of a chain against each other.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from holdfast.service.chain import broadcast
from holdfast.service.chain.answers import (
    Block,
    Fees,
    Receipt,
    block_of,
    count,
    fees_of,
    integer,
    receipt_of,
    time_of,
)
from holdfast.service.chain.broadcast import Broadcast
from holdfast.service.chain.endpoint import (
    PATIENCE_SECONDS,
    Endpoint,
    EndpointBusy,
    EndpointDown,
    EndpointRefused,
    EndpointSettings,
    RpcError,
    Stopped,
    result_of,
)
from holdfast.service.chain.rpc_batch import RpcBatch, exchange

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

T = TypeVar("T")

VERIFIED_SECONDS = 60.0
# What a node executes, estimates and simulations, it may do one after the other in a batch.
EXECUTIONS_MAX = 8
# And so many transactions of a wallet go to it in one post.
SENDINGS_MAX = 16
# A node that failed is left alone for so long, doubled with every failure.
REST_SECONDS_MIN = 0.5
REST_SECONDS_MAX = 60.0


class Sending(NamedTuple):
    """Signed bytes to send. `still()` is the guard's word, asked for right before they leave."""

    raw: bytes
    tx_hash: str
    still: Callable[[], bool]

    @property
    def call(self) -> tuple[str, list[Any]]:
        """Method and params."""
        return "eth_sendRawTransaction", ["0x" + self.raw.hex()]


class OtherChain(EndpointDown):
    """The endpoint serves another chain than it should."""


class Witness:
    """Everything raises EndpointDown when there is no usable answer, and notes that here.

    A node that answers is well again.
    """

    def __init__(self, settings: EndpointSettings) -> None:
        self.chain_id = settings.chain
        self.endpoint = Endpoint(settings)
        self._reads = RpcBatch(self.endpoint)
        self._executions = RpcBatch(self.endpoint, EXECUTIONS_MAX)
        self._sendings = RpcBatch(self.endpoint, SENDINGS_MAX)
        self.name = self.endpoint.name
        self.alarm: str | None = None
        self.head_seen: int | None = None
        self.lag = 0  # blocks behind the others for a while, by the watch over endpoints
        self.down_since: float | None = None
        self._rest = REST_SECONDS_MIN
        self._rests_until = 0.0
        self._verified_at: float | None = None
        self._verifying: asyncio.Task[None] | None = None
        self.endpoint.on_connect(self._forget)

    def _forget(self) -> None:
        self._verified_at = None

    def is_verified(self) -> bool:
        """It said within the last minute, over this connection, that it serves this chain."""
        at = self._verified_at
        return at is not None and time.monotonic() - at < VERIFIED_SECONDS

    @property
    def rests(self) -> bool:
        """It failed, and the time to ask it again has not come."""
        return self.alarm is not None and time.monotonic() < self._rests_until

    async def verify(self) -> None:
        """Raises EndpointDown unless the endpoint serves this chain.

        Asked again after every new connection and once a minute, because another node may answer
        then. All who wait for that share one attempt, and its failure.
        """
        if self.is_verified():
            return
        if self._verifying is None or self._verifying.done():
            self._verifying = asyncio.create_task(self._verify(), name=f"verify {self.name}")
            self._verifying.add_done_callback(_seen)
        # One who gives up does not end it for the others.
        await asyncio.shield(self._verifying)

    async def _verify(self) -> None:
        asked_at = time.monotonic()
        try:
            found = integer(await self.endpoint.call("eth_chainId", []), "chain id")
        except EndpointBusy:
            raise
        except (EndpointDown, RpcError) as error:
            self._fails(str(error))
            raise EndpointDown(str(error), not_sent=True) from None
        if found != self.chain_id:
            text = (
                f"{self.name} serves chain {found}, not chain {self.chain_id}: "
                "nothing is sent to it"
            )
            self._fails(text)
            raise OtherChain(text, not_sent=True)
        self._verified_at = asked_at
        self._is_well()

    def _fails(self, text: str) -> None:
        now = time.monotonic()
        self.alarm = text
        if self.down_since is None:
            self.down_since = now
        # Those that were asked at the same time fail together and count once.
        if now >= self._rests_until:
            self._rests_until = now + self._rest
            self._rest = min(self._rest * 2, REST_SECONDS_MAX)

    def _is_well(self) -> None:
        self.alarm = self.down_since = None
        self._rest, self._rests_until = REST_SECONDS_MIN, 0.0

    async def call(
        self, method: str, params: list[Any], patience_s: float = PATIENCE_SECONDS
    ) -> Any:
        """As `Endpoint.call`, only while the endpoint serves this chain."""
        return await self._called(lambda: self.endpoint.call(method, params, patience_s))

    async def _called(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        await self.verify()
        try:
            found = await ask()
        except EndpointBusy:
            raise
        except EndpointDown as error:
            self._forget()
            self._fails(error.text)
            raise
        if self.alarm is not None:
            self._is_well()
        return found

    async def execute(
        self, method: str, params: list[Any], patience_s: float = PATIENCE_SECONDS
    ) -> Any:
        """As `call`, a few together: for what the node executes without a change."""
        return await self._called(lambda: self._executions.call(method, params, patience_s))

    async def broadcast(self, sending: Sending) -> Broadcast:
        """Sends signed bytes once.

        Only while the endpoint is known to serve this chain, which is not asked here. Raises
        EndpointDown only if they surely never reached the node.
        """
        self._must_be_verified()
        try:
            answered = await self.endpoint.call(*sending.call, still=sending.still)
        except RpcError as error:
            return await self._refused(sending, error)
        except EndpointDown as down:
            return self._unanswered(down)
        return _accepted(sending, answered)

    async def broadcast_all(self, sendings: Sequence[Sending]) -> list[Broadcast | EndpointDown]:
        """The same for several in order, in one post where the node takes that.

        Each has its outcome, or the EndpointDown that `broadcast` would have raised.
        """
        if len(sendings) == 1:
            return [await _or_down(self.broadcast(sendings[0]))]
        if self._sendings.is_taken:
            try:
                return await self._batch(sendings)
            except Stopped:
                pass  # One of them may leave no more: each is asked for itself.
            except EndpointRefused:
                # Some of them may be there already: the same bytes again change nothing.
                self._sendings.refused()
        found: list[Broadcast | EndpointDown] = []
        for each in sendings:
            # What was called back took its connection with it.
            await _or_down(self.verify())
            found.append(await _or_down(self.broadcast(each)))
        return found

    async def _batch(self, sendings: Sequence[Sending]) -> list[Broadcast | EndpointDown]:
        self._must_be_verified()
        calls = [each.call for each in sendings]
        try:
            answers = await exchange(
                self.endpoint, calls, lambda: all(each.still() for each in sendings)
            )
        except (EndpointRefused, Stopped):
            raise
        except EndpointDown as down:
            return [self._unanswered(down)] * len(sendings)
        found: list[Broadcast | EndpointDown] = []
        for sending, answer in zip(sendings, answers, strict=True):
            try:
                found.append(_accepted(sending, result_of(self.name, answer)))
            except RpcError as error:
                found.append(await self._refused(sending, error))
            except EndpointDown:
                found.append(broadcast.NO_ANSWER)
        return found

    def _must_be_verified(self) -> None:
        if not self.is_verified():
            raise EndpointDown(f"{self.name} did not say which chain it serves", not_sent=True)

    async def _refused(self, sending: Sending, error: RpcError) -> Broadcast:
        found = broadcast.classify(error.text)
        if found is broadcast.NONCE_USED and await self.has_transaction(sending.tx_hash):
            return broadcast.KNOWN
        return found

    def _unanswered(self, down: EndpointDown) -> Broadcast:
        """What it means that no answer came.

        Raises `down` itself if the bytes surely never left for the node.
        """
        if isinstance(down, (EndpointBusy, Stopped)):
            raise down
        self._forget()
        self._fails(down.text)
        if down.not_sent:
            raise down
        return broadcast.NO_ANSWER

    async def has_transaction(self, tx_hash: str) -> bool | None:
        """Whether the node knows the transaction, waiting or mined; None when it does not say."""
        try:
            found = await self._ask("eth_getTransactionByHash", [tx_hash])
        except EndpointDown:
            return None
        return isinstance(found, dict) and str(found.get("hash", "")).lower() == tx_hash.lower()

    async def receipt(self, tx_hash: str) -> Receipt | None:
        """The receipt of that very transaction; None while it is not mined."""
        found = await self._ask("eth_getTransactionReceipt", [tx_hash])
        return self._read(lambda: receipt_of(found, tx_hash))

    async def head(self) -> int:
        """The newest block's number."""
        found = await self._ask("eth_blockNumber", [])
        self.head_seen = self._read(lambda: count(found, "block number"))
        return self.head_seen

    async def newest_ms(self) -> int:
        """The time of the newest block, ms since the epoch."""
        found = await self._ask("eth_getBlockByNumber", ["latest", False])
        return self._read(lambda: time_of(found))

    async def block(self, number: int) -> Block | None:
        """A block of the canonical chain; None when there is none of that number."""
        found = await self._ask("eth_getBlockByNumber", [hex(number), False])
        return self._read(lambda: block_of(found))

    async def mined_nonce(self, wallet: str, block: int | None = None) -> int:
        """How many transactions of the wallet were mined up to a block, or up to the newest."""
        at = "latest" if block is None else hex(block)
        found = await self._ask("eth_getTransactionCount", [wallet, at])
        return self._read(lambda: count(found, "nonce"))

    async def pending_nonce(self, wallet: str) -> int:
        """The same with what waits in the node's pool."""
        found = await self._ask("eth_getTransactionCount", [wallet, "pending"])
        return self._read(lambda: count(found, "nonce"))

    async def balance(self, wallet: str) -> int:
        """wei."""
        found = await self._ask("eth_getBalance", [wallet, "latest"])
        return self._read(lambda: integer(found, "balance"))

    async def fees(self) -> Fees:
        """The base fee of the newest block and the tip the node suggests."""
        block, tip = await asyncio.gather(
            self._ask("eth_getBlockByNumber", ["latest", False]),
            self._ask("eth_maxPriorityFeePerGas", []),
        )
        return self._read(lambda: fees_of(block, tip))

    def _read(self, read: Callable[[], T]) -> T:
        """A node that answers with what cannot be is not well, whatever else it answers."""
        try:
            return read()
        except EndpointDown as odd:
            text = f"{self.name}: {odd.text}"
            self._fails(text)
            raise EndpointDown(text) from None

    async def _ask(self, method: str, params: list[Any]) -> Any:
        """As `call`, together with what else is asked now, and with a node's error as EndpointDown.

        Where no error is expected both mean "no answer".
        """
        try:
            return await self._called(lambda: self._reads.call(method, params))
        except RpcError as error:
            raise EndpointDown(f"{self.name} answered {method} with error {error.code}") from None

    async def close(self) -> None:
        """Closes the connections."""
        await self.endpoint.close()
        if self._verifying is not None:
            self._verifying.cancel()
            await asyncio.gather(self._verifying, return_exceptions=True)

    def health(self) -> dict[str, Any]:
        """`{"name", "ok", "head": n|null, "text"}`; text is `ok`, or what is not well."""
        text = "ok"
        if self.alarm is not None:
            text = f"down: {self.alarm}"
        elif self.lag:
            text = f"lags: {self.lag} blocks behind"
        return {"name": self.name, "ok": text == "ok", "head": self.head_seen, "text": text}


async def _or_down(asked: Awaitable[T]) -> T | EndpointDown:
    try:
        return await asked
    except EndpointDown as down:
        return down


def _accepted(sending: Sending, answered: Any) -> Broadcast:
    if not isinstance(answered, str) or answered.lower() != sending.tx_hash.lower():
        return broadcast.OTHER_HASH
    return broadcast.ACCEPTED


def _seen(task: asyncio.Task[None]) -> None:
    """There may be no waiter any more."""
    if not task.cancelled():
        task.exception()
