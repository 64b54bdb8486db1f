"""What becomes of signed bytes that are not mined.

They are sent again with growing pauses, replaced when their fee is too low, held for a person when
they are too old and no node has them; and gaps below them are closed.

The guard decides each of it again; nothing here is a truth of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import orjson

from holdfast._core import HoldfastError, RequestState
from holdfast.service.chain.broadcast import TOO_LOW
from holdfast.service.chain.endpoint import EndpointDown
from holdfast.service.pipeline.fee_bumps import Offer, higher, within
from holdfast.service.pipeline.findings import unsettled
from holdfast.service.runtime.backoff import Backoff
from holdfast.service.runtime.logs import get_logger

if TYPE_CHECKING:
    from holdfast.service.chain.chain import Chain
    from holdfast.service.guardian.core import Core
    from holdfast.service.pipeline.findings import Unsettled
    from holdfast.service.pipeline.settings import SendingConfig

log = get_logger()

RESEND_SECONDS_MIN = 2.0
RESEND_SECONDS_MAX = 60.0
# Between two bumps of one payment: a block or two have to see the first.
BUMP_SECONDS = 15.0
# The next payment of the wallet closes a gap for nothing; it has this long to come.
GAP_SECONDS = 15.0
SENDABLE = frozenset({"signed", "sent", "cancelling"})


class Upkeep:
    """Of all chains.

    `send(id)` begins to broadcast the newest bytes of a request, `is_busy(id)` says that it is
    worked on, `refused(id)` gives our words for a node's last refusal, and `waits(id, hash)` tells
    that these bytes may not leave now.
    """

    def __init__(
        self,
        core: Core,
        settings: SendingConfig,
        send: Callable[[str], None],
        is_busy: Callable[[str], bool],
        refused: Callable[[str], str],
        waits: Callable[[str, str], bool],
    ) -> None:
        self._core = core
        self._settings = settings
        self._send = send
        self._is_busy = is_busy
        self._refused = refused
        self._waits = waits
        self._resend: dict[str, tuple[float, Backoff]] = {}
        self._bumped: dict[str, float] = {}
        self._gaps: dict[tuple[str, int, int], float] = {}
        # Old ones that no node knew when they were looked for last.
        self._lost: set[str] = set()

    def sent(self, request_id: str) -> None:
        """It was sent just now."""
        if request_id not in self._resend:
            waits = Backoff(RESEND_SECONDS_MIN, RESEND_SECONDS_MAX)
            self._resend[request_id] = (time.monotonic() + waits.seconds(), waits)

    def ended(self, request_id: str) -> None:
        """Its end is known."""
        self._resend.pop(request_id, None)
        self._bumped.pop(request_id, None)
        self._lost.discard(request_id)

    def holds_back(self, request_id: str, state: RequestState) -> bool:
        """Holds what was signed (or approved again) too long ago and never sent, for a person."""
        age_ms = self._core.clock.now_ms() - state.since
        if state.stage != "signed" or age_ms < self._settings.within_ms:
            return False
        self._hold(request_id, f"signed {age_ms // 60_000} minutes ago and no node accepted it")
        return True

    async def look(self, chain: Chain, not_mined: Iterable[Unsettled]) -> None:
        """One round over what a chain has not mined."""
        rows = sorted(not_mined, key=lambda row: row.nonce)
        await self._look_for(chain, [row for row in rows if self._is_ours(row)])
        try:
            await self._raise_fees(chain, rows)
            await self._close_gaps(chain, rows)
        except EndpointDown as down:
            log.info("waiting for the chain", chain=chain.id, why=down.text)

    def undone(self, chain_id: int, wallet: str, mined: int) -> None:
        """A chain counts `mined` transactions of the wallet.

        What was mined above that and is young enough is sent again, unless its agent alone sends
        it.
        """
        for each in self._core.guard.mined():
            row = unsettled(each)
            place = (row.chain_id, row.wallet)
            if place != (chain_id, wallet) or row.nonce < mined or self._is_busy(row.id):
                continue
            if row.agent_alone:
                continue
            if not self._is_old(row) and self._is_due(row):
                self._looked(row)
                log.warning("sent again after a reorganisation", request=row.id, nonce=row.nonce)
                self._send(row.id)

    def _is_ours(self, row: Unsettled) -> bool:
        """The guardian sends it, now and again, while it is young.

        What was never sent until it was old is held.
        """
        if self._is_busy(row.id):
            return False
        if row.state == "released":
            return not self._is_old(row) and self._may_send_released(row)
        if row.state == "signed" and self._is_old(row):
            minutes = self._age_ms(row) // 60_000
            self._hold(row.id, f"signed {minutes} minutes ago and no node accepted it")
            return False
        return row.state in SENDABLE

    async def _look_for(self, chain: Chain, rows: list[Unsettled]) -> None:
        """Sends again what a node does not have.

        Also what one refused at first: its fee or its pool may have changed since. All are looked
        for at once: others wait to be settled.
        """
        due = [row for row in rows if self._is_due(row)][: chain.lookups_at_once]
        found = await asyncio.gather(*(self._found(chain, row) for row in due))
        for row, known in zip(due, found, strict=True):
            self._looked(row)
            if self._is_busy(row.id):
                continue
            if self._is_old(row):
                self._is_lost(row, known)
            elif not known or not all(known):
                self._send(row.id)

    async def _found(self, chain: Chain, row: Unsettled) -> list[bool]:
        """Who knows it; of an old one, any of its bytes."""
        hashes = row.hashes if self._is_old(row) else (row.hash,)
        found = await asyncio.gather(*(chain.who_has(each) for each in hashes))
        return [each for known in found for each in known]

    def _is_lost(self, row: Unsettled, known: list[bool]) -> None:
        """It is too old to be sent again by itself. What no node knows, twice, a person decides."""
        if not known or any(known):
            self._lost.discard(row.id)
        elif row.id not in self._lost:
            self._lost.add(row.id)
        else:
            self._lost.discard(row.id)
            minutes = self._age_ms(row) // 60_000
            self._hold(row.id, f"sent {minutes} minutes ago and no node knows it now")

    def _may_send_released(self, row: Unsettled) -> bool:
        """Its agent has had its time; without one, or by its rule, it alone sends it."""
        after = self._settings.released_ms
        return not row.agent_alone and after > 0 and self._age_ms(row) >= after

    def _is_due(self, row: Unsettled) -> bool:
        """The time to look for it again has come."""
        now = time.monotonic()
        fresh = (now, Backoff(RESEND_SECONDS_MIN, RESEND_SECONDS_MAX))
        return now >= self._resend.setdefault(row.id, fresh)[0]

    def _looked(self, row: Unsettled) -> None:
        _, waits = self._resend[row.id]
        self._resend[row.id] = (time.monotonic() + waits.seconds(), waits)

    def _age_ms(self, row: Unsettled) -> int:
        return self._core.clock.now_ms() - row.signed_at

    def _is_old(self, row: Unsettled) -> bool:
        """What moves nothing never is."""
        return row.state != "cancelling" and self._age_ms(row) >= self._settings.within_ms

    def _hold(self, request_id: str, why: str) -> None:
        try:
            self._core.hold(request_id, why)
        except HoldfastError as refusal:
            log.warning("not held", request=request_id, code=str(refusal.args[0]))

    async def _raise_fees(self, chain: Chain, rows: list[Unsettled]) -> None:
        """What the base fee has overtaken, or a node finds too cheap, gets more within its caps."""
        if not self._settings.bump:
            return
        low = [row for row in rows if self._may_be_raised(row)]
        if not low:
            return
        fees = await chain.fees()
        for row in low:
            if row.fee >= fees.base and self._refused(row.id) not in TOO_LOW:
                continue
            view = self._view(row.id)
            cap = None if view is None else _cap(view)
            if cap is None:
                continue
            now = Offer(row.fee, row.tip)
            offer = within(higher(now, fees.base, fees.tip), now, fees.base, cap)
            if offer is not None:
                self._bumped[row.id] = time.monotonic()
                self._replace(row.id, "fee", offer)

    def _may_be_raised(self, row: Unsettled) -> bool:
        if row.state not in SENDABLE or self._is_busy(row.id) or self._is_old(row):
            return False
        # With a higher fee it would be as old as it is.
        if self._waits(row.id, row.hash):
            return False
        return time.monotonic() - self._bumped.get(row.id, -BUMP_SECONDS) >= BUMP_SECONDS

    async def _close_gaps(self, chain: Chain, rows: list[Unsettled]) -> None:
        """A nonce that no payment has, below others that wait for it."""
        highest: dict[str, int] = {}
        for row in rows:
            released = row.state == "released" and self._may_send_released(row)
            if row.state in SENDABLE or (released and self._core.guard.may_send(row.id)):
                highest[row.wallet] = max(row.nonce, highest.get(row.wallet, 0))
        gaps = [
            (request_id, wallet, nonce)
            for request_id, wallet, chain_id, nonce in self._core.guard.gaps()
            if chain_id == chain.id and nonce < highest.get(wallet, 0)
        ]
        now = time.monotonic()
        places = {(wallet, chain.id, nonce) for _, wallet, nonce in gaps}
        for gone in [each for each in self._gaps if each[1] == chain.id and each not in places]:
            del self._gaps[gone]
        for request_id, wallet, nonce in gaps:
            since = self._gaps.setdefault((wallet, chain.id, nonce), now)
            if now - since < GAP_SECONDS or self._is_busy(request_id):
                continue
            self._gaps[wallet, chain.id, nonce] = now
            if nonce >= await chain.mined_nonce(wallet):
                await self._close(chain, request_id, wallet)

    async def _close(self, chain: Chain, request_id: str, wallet: str) -> None:
        view = self._view(request_id)
        cap = None if view is None else _cap(view)
        if cap is None:
            return
        fees = await chain.fees()
        gas = await chain.gas_of_nothing(wallet)
        tip = min(fees.tip, cap.tip, cap.fee)
        fee = min(2 * fees.base + tip, cap.fee)
        if fee >= fees.base:
            self._replace(request_id, "gap", Offer(fee, tip), gas=gas)

    def _replace(self, request_id: str, why: str, offer: Offer, gas: int | None = None) -> None:
        try:
            self._core.replace(request_id, why, offer.fee, offer.tip, "guardian", gas)
        except HoldfastError as refusal:
            # Frozen, at its cap, or settled meanwhile: the watch over nonces tells that it waits.
            log.info("not replaced", request=request_id, code=str(refusal.args[0]))
            return
        log.info("replaced", request=request_id, why=why, fee=offer.fee, tip=offer.tip)

    def _view(self, request_id: str) -> dict[str, Any] | None:
        found = self._core.guard.request(request_id)
        return None if found is None else orjson.loads(found)


def _cap(view: dict[str, Any]) -> Offer | None:
    """What was decided for a request; None once that is forgotten."""
    fee, tip = view.get("fee_per_gas_max"), view.get("priority_fee_per_gas_max")
    return None if fee is None or tip is None else Offer(int(fee), int(tip))
