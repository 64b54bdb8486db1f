"""What is from before this start waits while it is not known how long ago that was.

So it is while the system's clock is ahead of the guardian's time and no chain has confirmed it.

By the guardian's time, which goes on from the journal's end, days without it are a moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.service.pipeline.findings import unsettled

if TYPE_CHECKING:
    from holdfast._core import Event
    from holdfast.service.guardian.core import Core

WHY = (
    "it is older than this start, and no chain confirms the system's clock yet: wait for a new "
    "block, or, if the clock is correct, run `holdfast clock set`"
)


class BeforeStart:
    """Of one run of the guardian."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._signed: dict[str, str] = {}
        self._unsigned: frozenset[str] = frozenset()

    def take(self) -> None:
        """What there is now is from before the start; call it once, at the start."""
        guard = self._core.guard
        rows = [unsettled(each) for each in (*guard.unsettled(), *guard.mined())]
        # What moves nothing can come at any time.
        self._signed = {row.id: row.hash for row in rows if row.state != "cancelling"}
        self._unsigned = frozenset(guard.authorising())

    def see(self, events: list[Event]) -> None:
        """What a person approved meanwhile is as if it were new."""
        for event in events:
            if event.kind == "request.approved":
                for request_id in event.requests:
                    self._signed.pop(request_id, None)

    def waits(self, request_id: str, tx_hash: str) -> bool:
        """Whether these bytes may not leave now."""
        old = self._signed.get(request_id) == tx_hash.lower()
        return old and self._core.clock.is_unconfirmed

    def waits_unsigned(self, request_id: str) -> bool:
        """Whether it may not be signed now."""
        return request_id in self._unsigned and self._core.clock.is_unconfirmed
