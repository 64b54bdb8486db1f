"""What an event changes about the request it is about. Pure.

Its state, and what is known of the transactions that are out for it; the same as the guardian's own
fold.
"""

from __future__ import annotations

from typing import Any

from holdfast.operator.request import Json, Request
from holdfast.operator.states import ENDS

# Members of an event that a view has under the same name.
FOLDED = ("approvals", "quorum", "hash", "block_number", "fee_wei")

REQUEST_STATE = {
    "request.denied": "denied",
    "request.expired": "expired",
    "request.cancelled": "cancelled",
    "request.authorised": "authorised",
    "request.reopened": "authorising",
    "request.failed": "failed",
    "request.held": "held",
}


# Bytes of the request exist: what is signed then takes their place, and its state stays.
WITH_BYTES = frozenset({"signed", "sent", "held"}) | ENDS


def state_after(kind: str, data: Json, request: Request | None) -> str | None:
    """The state a request event leaves its request in; None when it does not change it."""
    if kind in REQUEST_STATE:
        return REQUEST_STATE[kind]
    before = "" if request is None else request.state
    if kind == "request.decided":
        return str(data.get("state", ""))
    if kind == "request.settled":
        return _settled(str(data.get("outcome", "")), before)
    if kind == "request.signed":
        return None if before in WITH_BYTES else _signed(request)
    if kind == "request.sent":
        out = data.get("outcome") != "rejected" and before in {"signed", "held"}
        return "sent" if out else None
    if kind == "request.approved":
        return approved_state(data, request)
    return None


def _settled(outcome: str, before: str) -> str | None:
    """What ended before it was sent stays what it was where only its nonce was used up."""
    ended = before in ENDS and before != "released"
    return None if ended and outcome == "cancelled" else outcome


def _signed(request: Request | None) -> str:
    releases = request is not None and (
        request.raw.get("kind") != "transaction"
        or request.raw.get("method") == "eth_signTransaction"
    )
    return "released" if releases else "signed"


def approved_state(data: Json, request: Request | None) -> str | None:
    """Approving a held request sends the same bytes.

    A waiting one goes on when its quorum is full.
    """
    if request is not None and request.state == "held":
        return "signed"
    approvals, quorum = data.get("approvals"), data.get("quorum", 1)
    count = len(approvals) if isinstance(approvals, list) else approvals
    if isinstance(count, int) and isinstance(quorum, int) and count >= quorum:
        return "authorising"
    return None


def members_after(kind: str, data: Json, request: Request, at: object) -> Json:
    """The members of the request's view that the event changes.

    What it waits for is known anew only when the guardian is asked.
    """
    extra: dict[str, Any] = {name: data[name] for name in FOLDED if name in data}
    state = state_after(kind, data, request)
    if state is not None:
        extra |= {"state": state, "since": at, "waits": None}
    if kind == "request.held":
        extra["approvals"] = []
    if kind == "request.authorised":
        extra |= _order(data)
    if kind == "request.replaced":
        # Until it is signed, what is out stays what it was.
        extra["replacing"] = _order(data) | {
            "cancelling": data.get("why") != "fee" or bool(request.raw.get("cancelling")),
            "released": data.get("released"),
        }
    if kind == "request.signed":
        extra |= request.raw.get("replacing") or {}
        extra |= {"earlier": _earlier(request, data.get("hash")), "replacing": None}
    if kind == "request.settled":
        extra |= {"outcome": data.get("outcome"), "replacing": None}
        if data.get("hash"):
            extra["earlier"] = _earlier(request, data["hash"])
    return extra


def _order(data: Json) -> Json:
    order = data.get("order")
    order = order if isinstance(order, dict) else {}
    names = {
        "nonce": "nonce",
        "fee_per_gas": "max_fee_per_gas",
        "priority_fee_per_gas": "max_priority_fee_per_gas",
    }
    return {name: order[member] for name, member in names.items() if member in order}


def _earlier(request: Request, newest: object) -> list[str]:
    """All hashes of the request but the one that counts now."""
    known = request.raw.get("earlier")
    all_of_it = [*(known if isinstance(known, list) else []), request.raw.get("hash")]
    return [str(each) for each in all_of_it if each and each != newest]
