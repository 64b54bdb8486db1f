"""What one node says of how signed transactions ended.

Its receipt in a canonical block with enough blocks on top, or the block in which its nonce was used
by another transaction.

Nothing is concluded from silence.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from holdfast.service.chain.endpoint import EndpointDown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from holdfast.service.chain.answers import Block, Receipt
    from holdfast.service.chain.witness import Witness

# As many as one batch holds.
LOOKUPS_AT_ONCE = 32

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unsettled:
    """One row of `Guard.unsettled`; hashes in lower case.

    `earlier` bytes have the same nonce and can be mined instead. `agent_alone`: a rule leaves it to
    its agent to send.
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
    agent_alone: bool

    @property
    def hashes(self) -> tuple[str, ...]:
        """All that can be mined, the newest first."""
        return (self.hash, *self.earlier)


Row = tuple[str, str, int, str, int, bytes, str, list[str], int, int, int, bool]


def unsettled(row: Row) -> Unsettled:
    """From what the guard gives."""
    request_id, wallet, chain_id, tx_hash, nonce, raw, state = row[:7]
    earlier, fee, tip, signed_at, agent_alone = row[7:]
    return Unsettled(
        request_id,
        wallet,
        chain_id,
        tx_hash.lower(),
        nonce,
        raw,
        state,
        tuple(each.lower() for each in earlier),
        fee,
        tip,
        signed_at,
        agent_alone,
    )


@dataclass(frozen=True, slots=True)
class End:
    """How a payment ended, by one node, and which of its transactions was mined.

    For a dropped one the block is that of the transaction which used its nonce.
    """

    outcome: Literal["confirmed", "reverted", "dropped"]
    block_number: int
    block_hash: str
    hash: str | None = None
    gas_used: int | None = None
    fee_wei: int | None = None

    @property
    def words(self) -> str:
        """For a person who is to compare them."""
        fee = "" if self.fee_wei is None else f", fee {self.fee_wei} wei"
        return f"{self.outcome} in block {self.block_number} ({self.block_hash[:10]}…{fee})"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one node said of one payment, its newest block being `head` before it was asked.

    Without an `end` it is not final there; `mined` tells whether its nonce was used at all.

    `fault` is why a node shows no end of what should be final there. One that `silent` says so gave
    no answer about the end; `holds`: it has the payment in a block all the same.
    """

    head: int
    mined: bool
    end: End | None = None
    fault: str = ""
    silent: bool = False
    holds: bool = False


class NoEnd(Exception):
    """A node shows no end of what should be final there: `fault` in our own words."""

    def __init__(self, fault: str, *, silent: bool = False, holds: bool = False) -> None:
        super().__init__(fault)
        self.fault = fault
        self.silent = silent
        self.holds = holds


class Finder:
    """Asks one node. Keeps only blocks of one round, so a reorganisation is seen in the next."""

    def __init__(self, witness: Witness, confirmations: int) -> None:
        self._witness = witness
        self._confirmations = confirmations
        self._limit = asyncio.Semaphore(LOOKUPS_AT_ONCE)

    async def look(self, rows: Sequence[Unsettled]) -> dict[str, Finding]:
        """What it says of each, by the payment's id.

        Those of which it did not even say whether the nonce was used are left out. Never raises
        EndpointDown.
        """
        # The head first: what is missing below it later is missing, and not only late.
        head = await or_down(self._witness.head())
        if isinstance(head, EndpointDown):
            return {}
        wallets = sorted({row.wallet for row in rows})
        counts = await asyncio.gather(*(self._count(each) for each in wallets))
        mined = dict(zip(wallets, counts, strict=True))
        found: dict[str, Finding] = {}
        past = []
        for row in rows:
            count = mined[row.wallet]
            if count is None:
                continue
            if row.nonce >= count:
                found[row.id] = Finding(head, mined=False)
            else:
                past.append(row)
        blocks: dict[int, asyncio.Task[Block | None]] = {}
        findings = await asyncio.gather(*(self._finding(row, head, blocks) for row in past))
        return found | dict(zip((row.id for row in past), findings, strict=True))

    async def _finding(
        self, row: Unsettled, head: int, blocks: dict[int, asyncio.Task[Block | None]]
    ) -> Finding:
        """Of one whose nonce was used."""
        try:
            return Finding(head, mined=True, end=await self._end(row, head, blocks))
        except EndpointDown as down:
            return Finding(head, mined=True, fault=down.text, silent=True)
        except NoEnd as none:
            return Finding(head, True, None, none.fault, none.silent, none.holds)

    async def _count(self, wallet: str) -> int | None:
        found = await or_down(self._witness.mined_nonce(wallet))
        return None if isinstance(found, EndpointDown) else found

    async def _end(
        self, row: Unsettled, head: int, blocks: dict[int, asyncio.Task[Block | None]]
    ) -> End | None:
        final = head - self._confirmations + 1
        async with self._limit:
            for tx_hash in row.hashes:
                receipt = await self._witness.receipt(tx_hash)
                if receipt is None:
                    continue
                if receipt.block_number > final:
                    return None
                return await self._mined(tx_hash, receipt, blocks)
            return await self._replaced(row, final)

    async def _mined(
        self, tx_hash: str, receipt: Receipt, blocks: dict[int, asyncio.Task[Block | None]]
    ) -> End | None:
        """Its end, if the block of the receipt is still the chain's and holds it. Raises NoEnd."""
        number = receipt.block_number
        if number not in blocks:
            blocks[number] = asyncio.create_task(self._witness.block(number))
        block = await blocks[number]
        if block is None or block.hash != receipt.block_hash or tx_hash not in block.transactions:
            # While a reorganisation is under way that passes.
            raise NoEnd(f"block {number} of {self._witness.name} is not that of its receipt")
        outcome: Literal["confirmed", "reverted"] = "confirmed" if receipt.succeeded else "reverted"
        return End(outcome, number, receipt.block_hash, tx_hash, receipt.gas_used, receipt.fee_wei)

    async def _replaced(self, row: Unsettled, final: int) -> End | None:
        """That another transaction used the nonce: the final block that used it does not hold ours.

        A transaction can only be mined in the block where its wallet's count passes its nonce, so
        that one block decides. Raises NoEnd.
        """
        number = await self._block_that_used(row, final)
        if number is None:
            return None
        block, name = await self._witness.block(number), self._witness.name
        if block is None:
            raise NoEnd(f"{name} does not show block {number}", silent=True)
        if not block.transactions.isdisjoint(row.hashes):
            fault = f"{name} has it in block {number}, but shows no receipt of it"
            raise NoEnd(fault, silent=True, holds=True)
        return End("dropped", number, block.hash)

    async def _block_that_used(self, row: Unsettled, final: int) -> int | None:
        """The first block after which the wallet's count is above the nonce.

        Searched back from `final`.
        """
        count = self._witness.mined_nonce
        if final < 0 or await count(row.wallet, final) <= row.nonce:
            return None
        high, step = final, 1
        low = high - step
        while low >= 0 and await count(row.wallet, low) > row.nonce:
            high, step = low, step * 2
            low = high - step
        low = max(low, -1)
        while high - low > 1:
            middle = (low + high) // 2
            if await count(row.wallet, middle) > row.nonce:
                high = middle
            else:
                low = middle
        return high


async def or_down(asked: Awaitable[T]) -> T | EndpointDown:
    """The answer, or that there was none."""
    try:
        return await asked
    except EndpointDown as down:
        return down
