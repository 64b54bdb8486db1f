"""What requests that go on wait for, in words that an agent and an operator can use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

For = Literal["person", "delay", "fee", "chain", "signer"]
Json = dict[str, Any]

_BY_STATE: dict[str, For] = {
    "waiting-approval": "person",
    "held": "person",
    "waiting-delay": "delay",
    "authorising": "chain",
    "authorised": "signer",
    "signed": "chain",
}


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

    def of(self, view: Json) -> Json | None:
        """`{"for": person|delay|fee|chain|signer, "why": words, "since": ms, "until": ms|null}` of
        a request view; None for one that waits for nothing. `until` is when it goes on or ends by
        itself.
        """
        state = str(view["state"])
        what = _BY_STATE.get(state)
        if view.get("cancelling") and state in ("sent", "released"):
            what = "chain"
        if what is None:
            return None
        known = self._known.get(str(view["id"]))
        since = view.get("since")
        until = None
        if state == "waiting-approval":
            until = view.get("expires_at")
        elif state == "waiting-delay":
            until = view.get("matures_at")
        elif state == "authorising":
            what = known.what if known is not None else what
            until = None if since is None else since + self._within_ms
        why = known.why if known is not None and state in ("authorising", "signed") else ""
        return {"for": what, "why": why, "since": since, "until": until}
