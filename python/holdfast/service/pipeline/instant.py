"""Orders that came with their decision.

Nothing of the chain and no person was needed: they are signed as soon as they are on disk, many in
one question, without a task for each.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from holdfast._core import HoldfastError
from holdfast.codes import Code
from holdfast.service.guardian.core import Sealed
from holdfast.service.runtime.logs import get_logger
from holdfast.service.signer.client import Signed, SignerError, SignerGone, SignerRefused

if TYPE_CHECKING:
    from holdfast.service.guardian.core import Core
    from holdfast.service.runtime.turns import Turns
    from holdfast.service.signer.client import Signer

log = get_logger()

AGAIN_SECONDS = 1.0


class InstantOrders:
    """What is under way to the signer and back. Their answers leave by the events they become."""

    def __init__(self, core: Core, signer: Signer, turns: Turns) -> None:
        self._core = core
        self._signer = signer
        self._turns = turns
        self._stopping = False
        self._under_way: set[int] = set()

    def __contains__(self, seq: int) -> bool:
        return seq in self._under_way

    def take(self, orders: list[tuple[str, int]]) -> None:
        """Asks the signer for these; they must be on disk."""
        for request_id, seq in orders:
            self._under_way.add(seq)
            self._ask(request_id, seq)

    def stop(self) -> None:
        """Takes no signature any more: the next start decides again."""
        self._stopping = True

    def _ask(self, request_id: str, seq: int) -> None:
        if self._stopping or self._core.guard.stage(request_id) != "authorised":
            self._under_way.discard(seq)
            return
        self._signer.sign_order(seq, partial(self._answered, request_id, seq))

    def _answered(self, request_id: str, seq: int, found: Signed | SignerError) -> None:
        if isinstance(found, Signed):
            self._turns.want_work(partial(self._signed, request_id, seq, found.payload))
        elif isinstance(found, (SignerGone, SignerRefused)):
            self._under_way.discard(seq)
            if isinstance(found, SignerRefused):
                self._refused(request_id, str(found))
        else:
            log.error("order not signed yet", request=request_id, why=str(found))
            loop = asyncio.get_running_loop()
            loop.call_later(AGAIN_SECONDS, self._ask, request_id, seq)

    def _signed(self, request_id: str, seq: int, payload: bytes) -> None:
        self._under_way.discard(seq)
        if self._stopping:
            return
        try:
            self._core.signed(request_id, payload)
        except HoldfastError as refusal:
            # Frozen, or ended otherwise, while it was being signed: the bytes are dropped here.
            log.warning("signature dropped", request=request_id, code=str(refusal.args[0]))
        except Sealed:
            return

    def _refused(self, request_id: str, text: str) -> None:
        log.error("order refused by the signer", request=request_id, why=text)
        if self._core.guard.stage(request_id) != "authorised":
            return
        try:
            self._core.fail(request_id, Code.WOULD_FAIL, text)
        except (Sealed, HoldfastError):
            return
