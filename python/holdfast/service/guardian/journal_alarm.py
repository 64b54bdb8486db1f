"""Events that no signature covered.

Everything is frozen before anything else happens, and an alarm stands for as long as that freeze
does.
"""

from __future__ import annotations

from typing import Any

import orjson

from holdfast.service.guardian.core import Core
from holdfast.service.guardian.freeze_file import EVERYTHING
from holdfast.service.journal.interface import Writer
from holdfast.service.runtime.logs import get_logger

log = get_logger()

ACTOR = "guardian"
CODE = "journal_unproven"


class JournalAlarm:
    """Obeys what `session.begin` left in the journal, and shows it."""

    def __init__(self, core: Core, journal: Writer) -> None:
        self._core = core
        self._journal = journal
        self._reason = journal.reader.pending_freeze()
        self._set_aside = journal.reader.set_aside()

    async def freeze(self) -> None:
        """Freezes everything if events were set aside. Raises Sealed."""
        if self._reason is None:
            return
        self._core.freeze(EVERYTHING, self._reason, ACTOR)
        await self._core.durable()
        self._journal.forget_freeze()
        log.error("frozen: the journal held events without a proof", reason=self._reason)

    def alarms(self) -> list[dict[str, Any]]:
        """`[{"code", "text"}]` for the health push, while a freeze of the guardian stands."""
        if not self._set_aside:
            return []
        status = orjson.loads(self._core.guard.status(self._core.clock.now_ms()))
        return [
            {"code": CODE, "text": each["reason"]}
            for each in status["freezes"]
            if each["actor"] == ACTOR
        ]
