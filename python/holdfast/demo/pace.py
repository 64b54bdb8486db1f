"""How long a sample agent rests: as planned, and longer and longer while it is frozen."""

from __future__ import annotations

import time
from typing import Any

from holdfast.codes import Code

FROZEN_FIRST_S = 0.5
FROZEN_MAX_S = 30.0


class Pace:
    """`pace_s` is the rest after a step that was not frozen."""

    def __init__(self, pace_s: float) -> None:
        self._pace_s = pace_s
        self._frozen_s = 0.0

    def rest(self, result: dict[str, Any]) -> None:
        """Rests after a step, by its outcome.

        While it is frozen every step is denied, so each rest is twice the one before, up to half a
        minute.
        """
        if Code.FROZEN in result["codes"]:
            self._frozen_s = min(FROZEN_MAX_S, max(FROZEN_FIRST_S, 2 * self._frozen_s))
        else:
            self._frozen_s = 0.0
        time.sleep(self._frozen_s or self._pace_s)
