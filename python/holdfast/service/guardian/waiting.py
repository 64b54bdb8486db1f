"""What requests that go on wait for, in words that an agent and an operator can use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

from holdfast._core import Guard

For = Literal["person", "delay", "fee", "chain", "signer"]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Waits:
    """`why` is in our own words; empty while nothing is known beyond the state."""

    what: For
    why: str = ""


class Waiting:
    """Why the sender does not get on with a request, by its id. Nothing of it outlives a start."""

    def __init__(self, within_ms: int) -> None:
        """`within_ms`: how long a request may wait for its chain before it fails."""
        self._within_ms = within_ms
        self._known: dict[str, Waits] = {}

    def put(self, request_id: str, what: For, why: str) -> None:
        """It waits for this now."""
        self._known[request_id] = Waits(what, why)

    def drop(self, request_id: str) -> None:
        """It waits no more."""
        self._known.pop(request_id, None)

    def of(self, guard: Guard, request_id: str) -> Json | None:
        """`{"for": person|delay|fee|chain|signer, "why": words, "since": ms, "until": ms|null}`.

        None for a request that waits for nothing. `until` is when it goes on or ends by itself.
        """
        state = guard.state(request_id, self._within_ms)
        if state is None or state.waits_for is None:
            return None
        what, why = cast("For", state.waits_for), ""
        known = self._known.get(request_id)
        if known is not None and state.stage in ("authorising", "signed"):
            why = known.why
            what = known.what if state.stage == "authorising" else what
        return {"for": what, "why": why, "since": state.since, "until": state.until}
