"""What an agent is told about a request, as a JSON-RPC answer.

The core says what it is (`Guard.outcome`); here are only the codes of JSON-RPC and the words of
this protocol.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from holdfast.codes import Code
from holdfast.service.agents.errors import DENIED, INVALID_PARAMS, PENDING, CallError

if TYPE_CHECKING:
    from holdfast import _core

View = dict[str, Any]

WAITS_FOR = {
    "person": "approval",
    "delay": "its delay",
    "fee": "lower fees",
    "chain": "its chain",
    "signer": "its signature",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Exactly one of `result` (JSON) and `error`.

    Asking again about one that is not `final` may give another.
    """

    result: bytes | None = None
    error: CallError | None = None
    status: str = "ok"
    final: bool = True


def outcome_of(told: _core.Outcome) -> Outcome:
    """The core's word as an answer."""
    if told.result is not None:
        return Outcome(result=told.result, final=told.is_final)
    error = CallError(DENIED, told.text, told.data)
    return Outcome(error=error, status=told.status, final=told.is_final)


def pending(request_id: str, retry_after_s: int, waits: View | None = None) -> Outcome:
    """The outcome of a request that takes longer than a call may.

    `waits` is that of `waiting.Waiting.of`.
    """
    data: View = {"requestId": request_id, "status": "pending", "retryAfter": retry_after_s}
    text = ""
    if waits is not None:
        data |= {"waitsFor": waits["for"], "since": waits["since"], "until": waits["until"]}
        text = f" and waits for {WAITS_FOR[waits['for']]}"
        if waits["why"]:
            data["why"] = waits["why"]
            text += f" ({waits['why']})"
    error = CallError(
        PENDING,
        f"request {request_id} is pending{text}: send the same request again later to get its "
        f"outcome",
        orjson.dumps(data),
    )
    return Outcome(error=error, status="pending", final=False)


def not_replaced(request_id: str, code: str, text: str, privacy: str) -> Outcome:
    """A replacement that does not count: the payment goes on as it is."""
    data: View = {"requestId": request_id, "status": "denied", "code": code}
    words = code.replace("_", " ") if privacy == "code" else text
    message = f"request {request_id} was not replaced and is still in progress: {words}"
    return Outcome(error=CallError(DENIED, message, orjson.dumps(data)), status="denied")


def denied(applied: _core.Applied) -> Outcome:
    """A refusal with the data the core gave; malformed input keeps JSON-RPC's own code."""
    code = INVALID_PARAMS if applied.code == Code.MALFORMED else DENIED
    words = f"{applied.status}: {applied.text or applied.code}"
    return Outcome(error=CallError(code, words, applied.answer), status=applied.status)


def as_object(outcome: Outcome, request_id: str | None) -> bytes:
    """The result object of a `holdfast_*` method, which never answers with an error."""
    told: dict[str, Any] = {"status": outcome.status}
    if request_id:
        told["requestId"] = request_id
    if outcome.result is not None:
        told["result"] = orjson.Fragment(outcome.result)
    if outcome.error is not None:
        error = outcome.error
        data = orjson.loads(error.data) if error.data is not None else None
        if isinstance(data, dict):
            told = data | told
        told["error"] = {"code": error.code, "message": error.message, "data": data}
    return orjson.dumps(told)
