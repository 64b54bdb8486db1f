"""What an agent is told about a request: a result, an error, or nothing yet.

Made from the core's own view of the request. Codes and states come from closed lists
(docs/policy.md,
docs/architecture.md 1); with `privacy = "code"` an agent sees no more than those.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from holdfast.service.errors import DENIED, PENDING, CallError

View = dict[str, Any]

# States from which the agent can be told a hash: the bytes have been handed to the chain.
_OUT = frozenset({"sent", "confirmed", "reverted"})
_OPEN = frozenset({"sent", "released"})
_REFUSED = {
    "denied": "denied",
    "expired": "nobody answered in time",
    "cancelled": "cancelled",
    "failed": "it cannot succeed and was not signed",
    "frozen": "stopped by a freeze",
    "dropped": "another transaction took its place",
}
# States that a request can have an outcome in.
WITH_OUTCOME = _OUT | {"released"} | _REFUSED.keys()
WAITS_FOR = {
    "person": "a person",
    "delay": "its delay",
    "fee": "lower fees",
    "chain": "its chain",
    "signer": "its signature",
}
_SIGN_ONLY = "eth_signTransaction"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Exactly one of `result` (JSON) and `error`. Asking again about one that is not `final` may
    give another.
    """

    result: bytes | None = None
    error: CallError | None = None
    status: str = "ok"
    final: bool = True
    gives_signature: bool = False


def outcome_of(view: View, privacy: str) -> Outcome | None:
    """The final outcome of a request, or None while there is none."""
    state = view["state"]
    if view.get("cancelling") and state in _OPEN:
        # Its newest bytes take it back: until one of all is mined nobody knows what it will be.
        return None
    if view["kind"] == "transaction" and view["method"] != _SIGN_ONLY:
        if state in _OUT:
            return Outcome(result=orjson.dumps(view["hash"]))
    elif view["kind"] == "transaction":
        if view.get("raw") and state in _OUT | {"released"}:
            return Outcome(result=signed_transaction(view["raw"]), gives_signature=True)
    elif view.get("signature") and state == "released":
        return Outcome(result=orjson.dumps(view["signature"]), gives_signature=True)
    words = _REFUSED.get(state)
    return None if words is None else _refused(view, state, words, privacy)


def pending(request_id: str, retry_after_s: int, waits: View | None = None) -> Outcome:
    """The outcome of a request that takes longer than a call may. `waits` is that of
    `waiting.Waiting.of`.
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
        f"request {request_id} is pending{text}: send the same again later to get its outcome",
        orjson.dumps(data),
    )
    return Outcome(error=error, status="pending", final=False)


def withheld(request_id: str) -> Outcome:
    """A signature exists, but its scope is frozen: after the thaw asking again gives it."""
    data = {"requestId": request_id, "status": "frozen", "code": "frozen"}
    error = CallError(DENIED, f"request {request_id}: {_REFUSED['frozen']}", orjson.dumps(data))
    return Outcome(error=error, status="frozen", final=False)


def not_replaced(request_id: str, code: str, text: str, privacy: str) -> Outcome:
    """A replacement that does not count: the payment goes on as it is."""
    data: View = {"requestId": request_id, "status": "denied", "code": code}
    words = code.replace("_", " ") if privacy == "code" else text
    message = f"request {request_id} is not replaced and goes on as it is: {words}"
    return Outcome(error=CallError(DENIED, message, orjson.dumps(data)), status="denied")


def denied(answer: bytes, status: str) -> Outcome:
    """A refusal with the data the core gave; malformed input keeps JSON-RPC's own code."""
    data = orjson.loads(answer)
    code = -32602 if _first_code(data) == "malformed" else DENIED
    return Outcome(error=CallError(code, _words(data, status), answer), status=status)


def _refused(view: View, state: str, words: str, privacy: str) -> Outcome:
    data: dict[str, Any] = {"requestId": view["id"], "status": state}
    reasons = view.get("end_reasons") or view.get("reasons") or []
    if privacy == "code":
        reasons = [{"code": reason["code"]} for reason in reasons if "code" in reason]
    if state in ("denied", "failed"):
        data["reasons"] = reasons
    return Outcome(
        error=CallError(DENIED, f"request {view['id']}: {words}", orjson.dumps(data)), status=state
    )


def _first_code(data: dict[str, Any]) -> str:
    if isinstance(data.get("code"), str):
        return str(data["code"])
    reasons = data.get("reasons") or [{}]
    return str(reasons[0].get("code", ""))


def _words(data: dict[str, Any], status: str) -> str:
    text = data.get("text") or _first_code(data)
    return f"{status}: {text}" if text else status


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


def signed_transaction(raw: str) -> bytes:
    """The answer of `eth_signTransaction` (execution-apis): `{"raw", "tx"}`, the fields read from
    the bytes.
    """
    from eth_account.typed_transactions.typed_transaction import TypedTransaction
    from eth_utils.crypto import keccak
    from hexbytes import HexBytes

    data = HexBytes(raw)
    fields = TypedTransaction.from_bytes(data).as_dict()
    tx: dict[str, Any] = {"input": _hex(fields.pop("data", b"")), "hash": _hex(keccak(data))}
    for key, value in fields.items():
        tx[key] = [] if key == "accessList" and not value else _hex(value)
    return orjson.dumps({"raw": raw, "tx": tx})


def _hex(value: object) -> str:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return hex(value) if isinstance(value, int) else str(value)
