"""How a signed transaction ends, by proof from the chain: its receipt in a canonical block with
enough blocks on top, or the block in which its nonce was used by another transaction.

Nothing is concluded from silence. What cannot be proved stays counted.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from holdfast.service.endpoint import EndpointDown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from holdfast.service.chain import Block, Chain, Receipt

LOOKUPS_AT_ONCE = 16

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unsettled:
    """One row of `Guard.unsettled`; hashes in lower case. `earlier` bytes have the same nonce and can
    be mined instead.
    """

    id: str
    wallet: str
    chain_id: int
    hash: str
    nonce: int
    raw: bytes
    state: str
    earlier: tuple[str, ...]
    fee: int
    tip: int
    signed_at: int

    @property
    def hashes(self) -> tuple[str, ...]:
        """All that can be mined, the newest first."""
        return (self.hash, *self.earlier)


Row = tuple[str, str, int, str, int, bytes, str, list[str], int, int, int]


def unsettled(row: Row) -> Unsettled:
    """From what the guard gives."""
    request_id, wallet, chain_id, tx_hash, nonce, raw, state, earlier, fee, tip, signed_at = row
    lower = tuple(each.lower() for each in earlier)
    return Unsettled(
        request_id, wallet, chain_id, tx_hash.lower(), nonce, raw, state, lower, fee, tip, signed_at
    )


@dataclass(frozen=True, slots=True)
class Settlement:
    """How one ended. For a dropped one the block is that of the transaction which used its
    nonce.
    """

    id: str
    outcome: Literal["confirmed", "reverted", "dropped"]
    block_number: int
    block_hash: str
    gas_used: int | None = None
    fee_wei: int | None = None
    hash: str | None = None
    proved: bool = False

    def as_json(self) -> dict[str, Any]:
        """The argument of `Guard.settle`."""
        members: dict[str, Any] = {
            "outcome": self.outcome,
            "block_number": self.block_number,
            "block_hash": self.block_hash,
            "proved": self.proved,
        }
        if self.hash is not None:
            members["hash"] = self.hash
        if self.gas_used is not None:
            members["gas_used"] = self.gas_used
        if self.fee_wei is not None:
            members["fee_wei"] = str(self.fee_wei)
        return members


@dataclass(frozen=True, slots=True)
class Round:
    """What one look at the chain found: proved ends, and those that the chain has not mined. A
    transaction that the node gave no answer about is in neither.
    """

    settled: list[Settlement]
    not_mined: list[Unsettled]


class Settler:
    """Looks at one chain. Keeps only blocks of one round, so a reorganisation is seen in the
    next.
    """

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._limit = asyncio.Semaphore(LOOKUPS_AT_ONCE)

    async def look(self, rows: Iterable[Unsettled]) -> Round:
        """One round over the open transactions of this chain. Each settles on its own: what the
        node fails to answer is looked at in the next round. Raises EndpointDown when it answered
        nothing at all.
        """
        found = Round([], [])
        by_wallet: dict[str, list[Unsettled]] = {}
        for row in rows:
            by_wallet.setdefault(row.wallet, []).append(row)
        down: EndpointDown | None = None
        answered = not by_wallet
        for wallet, open_rows in by_wallet.items():
            mined = await _or_down(self._chain.mined_nonce(wallet))
            if isinstance(mined, EndpointDown):
                down = mined
                continue
            answered = True
            past = [row for row in open_rows if row.nonce < mined]
            found.not_mined.extend(row for row in open_rows if row.nonce >= mined)
            if past:
                found.settled.extend(await self._ends_of(past))
        if down is not None and not answered:
            raise down
        return found

    async def _ends_of(self, rows: list[Unsettled]) -> list[Settlement]:
        """The proved ends among transactions whose nonces were used."""
        receipts = await asyncio.gather(*(self._receipt_of(row) for row in rows))
        # The head is asked for after the receipts, so it is never behind them.
        head = await _or_down(self._chain.head())
        if isinstance(head, EndpointDown):
            return []
        final = head - self._chain.settings.confirmations + 1
        blocks: dict[int, Block | None] = {}
        ends = []
        for row, receipt in zip(rows, receipts, strict=True):
            if isinstance(receipt, EndpointDown):
                continue
            if receipt is None:
                ends.append(await _or_down(self._replaced(row, final)))
            elif receipt.block_number <= final:
                ends.append(await _or_down(self._mined(row, receipt, blocks)))
        return [end for end in ends if isinstance(end, Settlement)]

    async def _receipt_of(self, row: Unsettled) -> Receipt | EndpointDown | None:
        """That of whichever of its transactions was mined."""
        for tx_hash in row.hashes:
            async with self._limit:
                found = await _or_down(self._chain.receipt(tx_hash))
            if found is not None:
                return found
        return None

    async def _mined(
        self, row: Unsettled, receipt: Receipt, blocks: dict[int, Block | None]
    ) -> Settlement | None:
        """Its end, if the block of the receipt is still the chain's and holds it."""
        block = await self._block(receipt.block_number, blocks)
        same = block is not None and block.hash == receipt.block_hash
        if block is None or not same or receipt.hash not in block.transactions:
            return None  # a reorganisation is under way: look again
        return Settlement(
            row.id,
            "confirmed" if receipt.succeeded else "reverted",
            receipt.block_number,
            receipt.block_hash,
            receipt.gas_used,
            receipt.fee_wei,
            receipt.hash,
            proved=True,
        )

    async def _block(self, number: int, blocks: dict[int, Block | None]) -> Block | None:
        if number not in blocks:
            blocks[number] = await self._chain.block(number)
        return blocks[number]

    async def _replaced(self, row: Unsettled, final: int) -> Settlement | None:
        """Proof that another transaction used the nonce: the final block that used it does not hold
        ours.

        A transaction can only be mined in the block where its wallet's count passes its nonce, so
        that one block decides.
        """
        number = await self._block_that_used(row, final)
        if number is None:
            return None
        block = await self._chain.block(number)
        if block is None or not block.transactions.isdisjoint(row.hashes):
            return None
        return Settlement(row.id, "dropped", number, block.hash, proved=True)

    async def _block_that_used(self, row: Unsettled, final: int) -> int | None:
        """The first block after which the wallet's count is above the nonce, searched back from
        `final`.
        """
        if final < 0 or await self._chain.mined_nonce(row.wallet, final) <= row.nonce:
            return None
        high, step = final, 1
        low = high - step
        while low >= 0 and await self._chain.mined_nonce(row.wallet, low) > row.nonce:
            high, step = low, step * 2
            low = high - step
        low = max(low, -1)
        while high - low > 1:
            middle = (low + high) // 2
            if await self._chain.mined_nonce(row.wallet, middle) > row.nonce:
                high = middle
            else:
                low = middle
        return high


async def _or_down(asked: Awaitable[T]) -> T | EndpointDown:
    """The answer, or that there was none."""
    try:
        return await asked
    except EndpointDown as down:
        return down


async def look_or_nothing(settler: Settler, rows: list[Unsettled]) -> Round | None:
    """A round, or None when the chain gives no usable answer now."""
    try:
        return await settler.look(rows)
    except EndpointDown:
        return None
