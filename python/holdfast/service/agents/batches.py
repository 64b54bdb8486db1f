"""`wallet_sendCalls` and what belongs to it (EIP-5792), for a wallet that is a plain account.

A batch of one call is a payment like any other: the answer is its name, and the agent asks for its
status. Several calls are judged as their sum by the core and refused: nothing here can promise
that all or none of them happen.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import orjson

from holdfast._core import Applied, Facts, HoldfastError, RequestState, canonical_json
from holdfast.codes import Code, Detail
from holdfast.service.agents.agent import Agent
from holdfast.service.agents.errors import (
    ATOMICITY,
    DENIED,
    DUPLICATE_ID,
    INVALID_PARAMS,
    TOO_LARGE,
    UNAUTHORIZED,
    UNKNOWN_ID,
    UNSUPPORTED_CAPABILITY,
    UNSUPPORTED_CHAIN,
    CallError,
    sealed,
)
from holdfast.service.agents.intake import Declined, Intake
from holdfast.service.agents.node_reads import Reads
from holdfast.service.agents.outcomes import Outcome, denied
from holdfast.service.agents.pending_calls import PendingCalls
from holdfast.service.agents.reply import Reply
from holdfast.service.agents.rpc_call import AnyCall, InnerCall
from holdfast.service.agents.signing_calls import SigningCalls, plain
from holdfast.service.guardian.core import Core, Sealed

SEND_CALLS = "wallet_sendCalls"
VERSION = "2.0.0"

# What of the core's words the codes of the standard stand for.
_CODES: dict[str, int] = {
    Detail.CAPABILITY: UNSUPPORTED_CAPABILITY,
    Code.CHAIN_MISMATCH: UNSUPPORTED_CHAIN,
    Code.CHAIN_NOT_ALLOWED: UNSUPPORTED_CHAIN,
    Code.IDEMPOTENCY_CONFLICT: DUPLICATE_ID,
    Detail.BATCH: TOO_LARGE,
    Detail.BATCH_TOO_LARGE: TOO_LARGE,
    Detail.ATOMICITY: ATOMICITY,
    Code.WALLET_NOT_ALLOWED: UNAUTHORIZED,
}

# Status codes of EIP-5792.
PENDING, CONFIRMED, NEVER, REVERTED = 100, 200, 400, 500

_OWN_NAME = re.compile(r"0x[0-9a-f]{64}")
_RECEIPT = ("blockHash", "blockNumber", "gasUsed", "logs", "status", "transactionHash")
_LOG = ("address", "data", "topics")

_UNKNOWN = CallError(UNKNOWN_ID, "there is no batch with this id", None)
_NOT_YOURS = CallError(UNAUTHORIZED, "this account is not the agent's", None)


class Batches:
    """Batches of one call: sent, named, and asked about."""

    def __init__(
        self,
        core: Core,
        intake: Intake,
        signing_calls: SigningCalls,
        pending_calls: PendingCalls,
        reads: Reads,
    ) -> None:
        self._core = core
        self._intake = intake
        self._signing_calls = signing_calls
        self._pending_calls = pending_calls
        self._reads = reads

    def send(self, agent: Agent, call: AnyCall, reply: Reply) -> None:
        """`wallet_sendCalls`: answered once the decision is on disk.

        The answer is the id of the batch; the call is never held until the outcome.
        """
        if call.id_json is None:
            self._signing_calls.send(agent, call, reply)
            return

        def decide(read: Facts) -> None:
            try:
                applied = self._intake.submit(agent, call.method, call.params, read)
                self._take(applied, call, reply)
            except (Sealed, Declined, HoldfastError) as error:
                self._signing_calls.failed(reply, error, plain)

        self._intake.read_first(agent, call.method, call.params, decide)

    def status(self, agent: Agent, call: AnyCall, reply: Reply) -> None:
        """`wallet_getCallsStatus`."""
        name = _one_name(call)
        if name is None:
            reply.error(CallError(INVALID_PARAMS, "params must be the id of a batch"))
            return
        request_id = self._find(agent, name)
        state = self._sent(agent, request_id)
        if request_id is None or state is None:
            reply.error(_UNKNOWN)
            return
        write = partial(self._status_of, agent, name)
        marked = not state.delivered
        if not self._pending_calls.settle_now(reply, request_id, write, marked=marked):
            told = _status(agent, name, PENDING)
            self._after(reply, lambda: reply.result(orjson.dumps(told)))

    def show(self, agent: Agent, call: AnyCall, reply: Reply) -> None:
        """`wallet_showCallsStatus`: the operator's console shows every request anyway."""
        name = _one_name(call)
        if name is None:
            reply.error(CallError(INVALID_PARAMS, "params must be the id of a batch"))
        elif self._sent(agent, self._find(agent, name)) is None:
            reply.error(_UNKNOWN)
        else:
            reply.result(b"null")

    def capabilities(self, agent: Agent, call: AnyCall, reply: Reply) -> None:
        """`wallet_getCapabilities`: none.

        Without `atomic`, a chain has no batches of several calls.
        """
        params = _params(call)
        address, chains = ([*(params or []), None, None])[:2]
        if params is None or len(params) > 2:
            reply.error(CallError(INVALID_PARAMS, "params must be an account and a list of chains"))
            return
        if address is not None and str(address).lower() not in {w.lower() for w in agent.wallets}:
            reply.error(_NOT_YOURS)
            return
        own = hex(agent.chain_id)
        asked = chains if isinstance(chains, list) and chains else [own]
        found: dict[str, Any] = {own: {}} if own in [str(each).lower() for each in asked] else {}
        reply.result(orjson.dumps(found))

    def _take(self, applied: Applied, call: AnyCall, reply: Reply) -> None:
        request_id = applied.request_id
        given = _given_name(call)
        if applied.status in ("denied", "refused") or request_id is None:
            error = _error(applied)
            self._after(reply, lambda: reply.error(error))
            return
        if applied.status == "attached" and given is not None:
            # The name is the idempotency key, so this is the very batch that was sent before.
            text = "a batch with this id was already sent: query its status"
            error = CallError(DUPLICATE_ID, text, orjson.dumps({"requestId": request_id}))
            self._after(reply, lambda: reply.error(error))
            return
        if applied.status == "waiting":
            # A caller that sends the same again meanwhile must join this one.
            self._core.mark_pending_answer(request_id)
        told = orjson.dumps({"id": given or _own_name(request_id)})
        self._core.after_durable(partial(self._named, reply, request_id, told))

    def _named(self, reply: Reply, request_id: str, told: bytes, ok: bool) -> None:
        if ok and reply.gone:
            # No caller learned the name, so the same again must not be a second payment.
            try:
                self._core.mark_pending_answer(request_id)
            except (Sealed, HoldfastError):
                pass
        self._finish(reply, lambda: reply.result(told), ok)

    def _find(self, agent: Agent, name: str) -> str | None:
        known = self._core.guard.named(agent.id, name)
        if known is not None:
            return known
        return f"r{int(name, 16)}" if _OWN_NAME.fullmatch(name) else None

    def _sent(self, agent: Agent, request_id: str | None) -> RequestState | None:
        """A transaction of this agent's that was to be sent.

        The ids of others are none of its business.
        """
        if request_id is None or len(request_id) > 32:
            return None
        state = self._core.guard.state(request_id)
        if state is None or state.agent != agent.id or state.method != "eth_sendTransaction":
            return None
        return state

    def _status_of(
        self, agent: Agent, name: str, reply: Reply, outcome: Outcome, _request_id: str
    ) -> None:
        if outcome.status == "sealed" and outcome.error is not None:
            reply.error(outcome.error)
        elif outcome.result is None:
            reply.result(orjson.dumps(_status(agent, name, NEVER)))
        else:
            params = orjson.dumps([orjson.loads(outcome.result)])
            call = InnerCall(reply.id_json, "eth_getTransactionReceipt", params)
            self._reads.start(agent, call, _ReceiptReply(reply, agent, name))

    def _after(self, reply: Reply, answer: Any) -> None:
        self._core.after_durable(partial(self._finish, reply, answer))

    def _finish(self, reply: Reply, answer: Any, ok: bool) -> None:
        if ok:
            answer()
        else:
            reply.error(sealed(self._core.sealed or "sealed"))


class _ReceiptReply(Reply):
    """Turns the node's receipt into the status of a batch."""

    __slots__ = ("_agent", "_name", "_outer")

    def __init__(self, outer: Reply, agent: Agent, name: str) -> None:
        super().__init__(outer.connection, outer.id_json)
        self._outer = outer
        self._agent = agent
        self._name = name

    @property
    def gone(self) -> bool:
        """Whether the answer will not be read."""
        return self._outer.gone

    def result(self, result: bytes) -> None:
        """Answers with the status the receipt stands for."""
        receipt = orjson.loads(result)
        told = _status(self._agent, self._name, PENDING)
        if isinstance(receipt, dict):
            told["status"] = CONFIRMED if receipt.get("status") == "0x1" else REVERTED
            told["receipts"] = [_short(receipt)]
        self._outer.result(orjson.dumps(told))

    def error(self, error: CallError) -> None:
        """Passes an error on."""
        self._outer.error(error)

    def nothing(self) -> None:
        """Finishes a call that gets no answer."""
        self._outer.nothing()


def _status(agent: Agent, name: str, status: int) -> dict[str, Any]:
    """One call is one transaction, so what happens happens as a whole."""
    return {
        "version": VERSION,
        "id": name,
        "chainId": hex(agent.chain_id),
        "status": status,
        "atomic": True,
    }


def _short(receipt: dict[str, Any]) -> dict[str, Any]:
    """The members EIP-5792 names, and no others."""
    found = {key: receipt[key] for key in _RECEIPT if key in receipt}
    logs = receipt.get("logs")
    if isinstance(logs, list):
        found["logs"] = [
            {key: log[key] for key in _LOG if key in log} for log in logs if isinstance(log, dict)
        ]
    return found


def _error(applied: Applied) -> CallError:
    """The refusal with the code EIP-5792 has for it, if it has one."""
    said = denied(applied).error or CallError(DENIED, applied.status, applied.answer)
    code = _CODES.get(applied.detail or applied.code, said.code)
    return CallError(code, said.message, said.data)


def _own_name(request_id: str) -> str:
    return f"0x{int(request_id[1:]):064x}"


def _params(call: AnyCall) -> list[Any] | None:
    try:
        params = orjson.loads(canonical_json(call.params))
    except (HoldfastError, ValueError):
        return None
    return params if isinstance(params, list) else None


def _one_name(call: AnyCall) -> str | None:
    params = _params(call)
    if params is None or len(params) != 1 or not isinstance(params[0], str) or not params[0]:
        return None
    return params[0]


def _given_name(call: AnyCall) -> str | None:
    """The name the application chose, of a batch the core has accepted."""
    params = _params(call) or [{}]
    name = params[0].get("id") if isinstance(params[0], dict) else None
    return name if isinstance(name, str) else None
