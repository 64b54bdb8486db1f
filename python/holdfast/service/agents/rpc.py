"""Which method does what. The allow-list is complete: everything else is -32601.

Methods of our own (`holdfast_*`) always answer a result object with a `status`: an error answer to
a custom method ends
web3.py's async listener for good.
"""

from collections.abc import Callable
from typing import Any

import orjson

from holdfast import __version__
from holdfast._core import SIGNING_METHODS, Facts, HoldfastError, MalformedError
from holdfast.codes import Code
from holdfast.service.agents.agent import Agent
from holdfast.service.agents.batches import SEND_CALLS, Batches
from holdfast.service.agents.envelopes import Envelopes
from holdfast.service.agents.errors import DENIED, INVALID_PARAMS, METHOD_NOT_FOUND, CallError
from holdfast.service.agents.intake import Intake
from holdfast.service.agents.node_reads import READS, Reads
from holdfast.service.agents.outcomes import Outcome, as_object
from holdfast.service.agents.reply import Reply
from holdfast.service.agents.rpc_call import AnyCall, InnerCall, inner_call, one_object
from holdfast.service.agents.signing_calls import RAW_REFUSED, SigningCalls
from holdfast.service.agents.subscriptions import NewHeads

Handler = Callable[[Agent, AnyCall, Reply], None]

NO_METHOD = CallError(METHOD_NOT_FOUND, "this method is not served here")
# What answers about an agent's requests. With a `public_key` they are served only in an envelope,
# like everything that asks for a signature; what is left is of the chain or the same for all.
OF_REQUESTS = frozenset(
    {
        "holdfast_check",
        "holdfast_status",
        "wallet_getCallsStatus",
        "wallet_showCallsStatus",
    }
)
SIGNATURE_REQUIRED = CallError(
    DENIED,
    "denied: signature_required: this agent has a key, so wrap the call in `holdfast_request`",
    orjson.dumps(
        {
            "status": "denied",
            "code": Code.SIGNATURE_REQUIRED,
            "reasons": [{"code": Code.SIGNATURE_REQUIRED}],
        }
    ),
)
TOO_FAST = CallError(
    DENIED,
    "denied: rate_limited",
    orjson.dumps(
        {"status": "denied", "code": Code.RATE_LIMITED, "reasons": [{"code": Code.RATE_LIMITED}]}
    ),
)


class WrappedReply(Reply):
    """The answer to a call inside `holdfast_request`, as a result object."""

    __slots__ = ("_outer",)

    def __init__(self, outer: Reply) -> None:
        super().__init__(outer.connection, outer.id_json)
        self._outer = outer

    def result(self, result: bytes) -> None:
        """Answers `{"status": "ok", "result": …}`."""
        self._outer.result(as_object(Outcome(result=result), None))

    def error(self, error: CallError) -> None:
        """Answers `{"status": "error", "error": …}`."""
        self._outer.result(as_object(Outcome(error=error, status="error"), None))


class Rpc:
    """Dispatches one agent's call."""

    def __init__(
        self,
        intake: Intake,
        signing_calls: SigningCalls,
        batches: Batches,
        reads: Reads,
        new_heads: NewHeads,
    ) -> None:
        self._intake = intake
        self._signing_calls = signing_calls
        self._batches = batches
        self._reads = reads
        self._envelopes = Envelopes(intake)
        self._handlers: dict[str, Handler] = {
            "eth_chainId": lambda a, _, r: r.result(orjson.dumps(hex(a.chain_id))),
            "net_version": lambda a, _, r: r.result(orjson.dumps(str(a.chain_id))),
            "web3_clientVersion": lambda _a, _c, r: r.result(
                orjson.dumps(f"holdfast/{__version__}")
            ),
            "eth_accounts": lambda a, _, r: r.result(orjson.dumps(a.wallets)),
            "eth_requestAccounts": lambda a, _, r: r.result(orjson.dumps(a.wallets)),
            "eth_sendRawTransaction": lambda _a, _c, r: r.error(RAW_REFUSED),
            "eth_subscribe": new_heads.subscribe,
            "eth_unsubscribe": new_heads.unsubscribe,
            "holdfast_check": self._check,
            "holdfast_request": self._request,
            "holdfast_status": self._status,
            "holdfast_submit": self._submit,
            "wallet_getCallsStatus": batches.status,
            "wallet_getCapabilities": batches.capabilities,
            "wallet_showCallsStatus": batches.show,
        }
        for method in READS:
            self._handlers[method] = reads.start

    def handle(self, agent: Agent, call: AnyCall, reply: Reply) -> None:
        """Answers the call now or later, exactly once."""
        if call.error is not None:
            reply.error(CallError(*call.error))
        elif call.method == SEND_CALLS:
            self._batches.send(agent, call, reply)
        elif call.method in SIGNING_METHODS:
            self._signing_calls.send(agent, call, reply)
        else:
            self._other(agent, call, reply)

    def _other(self, agent: Agent, call: AnyCall, reply: Reply) -> None:
        if agent.signed and call.method in OF_REQUESTS:
            self._unsigned(call, reply)
            return
        self._serve(agent, call, reply)

    def _unsigned(self, call: AnyCall, reply: Reply) -> None:
        """A question about requests without the envelope that it needs."""
        if call.method.startswith("holdfast_"):
            reply.result(as_object(Outcome(error=SIGNATURE_REQUIRED, status="denied"), None))
        else:
            reply.error(SIGNATURE_REQUIRED)

    def _serve(self, agent: Agent, call: AnyCall, reply: Reply) -> None:
        handler = self._handlers.get(call.method)
        if handler is not None and len(call.params) > self._intake.params_bytes_max:
            text = f"params may have at most {self._intake.params_bytes_max} bytes"
            if call.method.startswith("holdfast_"):
                reply.result(_refusal("error", INVALID_PARAMS, text))
            else:
                reply.error(CallError(INVALID_PARAMS, text))
            return
        if handler is None:
            if call.method.startswith("holdfast_"):
                reply.result(_refusal("error", METHOD_NOT_FOUND, "there is no such method"))
            else:
                reply.error(NO_METHOD)
            return
        handler(agent, call, reply)

    def _check(self, agent: Agent, call: AnyCall, reply: Reply) -> None:
        inner = inner_call(call)
        if inner is None:
            reply.result(_refusal("error", INVALID_PARAMS, 'params must be [{"method", "params"}]'))
            return
        method, params = inner
        # Before any contract is asked: nodes do no work for a flood.
        if not self._intake.may_check(agent, method, params):
            reply.result(_too_fast())
            return

        def decide(read: Facts) -> None:
            try:
                reply.result(self._intake.check(agent, method, params, read))
            except HoldfastError as error:
                reply.result(_refusal("denied", INVALID_PARAMS, error.args[1], error))

        self._intake.read_first(agent, method, params, decide)

    def _submit(self, agent: Agent, call: AnyCall, reply: Reply) -> None:
        inner = inner_call(call)
        if inner is None or inner[0] not in SIGNING_METHODS:
            text = 'params must be [{"method", "params"}] of a signing method'
            reply.result(_refusal("error", INVALID_PARAMS, text))
        else:
            self._signing_calls.submit(agent, inner[0], inner[1], call, reply)

    def _status(self, agent: Agent, call: AnyCall, reply: Reply) -> None:
        params = one_object(call)
        request_id = params.get("requestId") if params else None
        if not isinstance(request_id, str) or len(request_id) > 32:
            text = 'params must be [{"requestId": "r…"}]'
            reply.result(_refusal("error", INVALID_PARAMS, text))
            return
        self._signing_calls.status(agent, request_id, reply)

    def _request(self, agent: Agent, call: AnyCall, reply: Reply) -> None:
        """A signed call.

        Its signature is checked where it counts: for what asks for a signature, and for what
        answers about requests. The rest is served as if it came plain.
        """
        params = one_object(call)
        payload, signature = (params.get("payload"), params.get("signature")) if params else (0, 0)
        if not isinstance(payload, str) or not isinstance(signature, str):
            text = 'params must be [{"payload", "signature"}]'
            reply.result(_refusal("error", INVALID_PARAMS, text))
            return
        try:
            signature_bytes = bytes.fromhex(signature.removeprefix("0x"))
            inner = orjson.loads(payload)
            method = str(inner["method"])
            plain = method not in SIGNING_METHODS and method != "holdfast_request"
            asked = InnerCall(call.id_json, method, orjson.dumps(inner.get("params", [])))
        except (ValueError, KeyError, TypeError, AttributeError):
            text = "the payload must be a JSON object with a method, the signature hex"
            reply.result(_refusal("error", INVALID_PARAMS, text))
            return
        if plain and agent.signed and method in OF_REQUESTS:
            self._open(agent, payload.encode(), signature_bytes, call, reply)
        elif plain:
            self._other(agent, asked, WrappedReply(reply))
        else:
            self._signing_calls.send_signed(agent, payload.encode(), signature_bytes, call, reply)

    def _open(
        self, agent: Agent, payload: bytes, signature: bytes, call: AnyCall, reply: Reply
    ) -> None:
        try:
            asked = self._envelopes.open(agent, payload, signature, call)
        except HoldfastError as error:
            status = "error" if error.args[0] == Code.MALFORMED else "denied"
            code = INVALID_PARAMS if status == "error" else DENIED
            reply.result(_refusal(status, code, f"{status}: {error.args[0]}", error))
            return
        # The core read the payload more strictly than the look before: only its word counts.
        if asked.method in OF_REQUESTS:
            self._serve(agent, asked, WrappedReply(reply))
        else:
            reply.result(_refusal("error", INVALID_PARAMS, "the payload names another method"))


def _refusal(status: str, code: int, text: str, error: HoldfastError | None = None) -> bytes:
    data: dict[str, Any] = {"status": status, "error": {"code": code, "message": text}}
    if error is not None:
        data["code"] = error.args[0]
        if isinstance(error, MalformedError):
            data["path"] = error.args[2]
    return orjson.dumps(data)


def _too_fast() -> bytes:
    return as_object(Outcome(error=TOO_FAST, status="denied"), None)
