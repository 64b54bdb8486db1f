"""Calls that ask for a signature.

Submitted to the core, answered from the fsync of what became of them.
"""

from functools import partial

import orjson

from holdfast._core import Applied, Facts, HoldfastError
from holdfast.codes import Code
from holdfast.service.agents.agent import Agent
from holdfast.service.agents.errors import DENIED, INTERNAL, INVALID_PARAMS, CallError, sealed
from holdfast.service.agents.intake import Declined, Intake
from holdfast.service.agents.outcomes import Outcome, as_object, denied, not_replaced
from holdfast.service.agents.pending_calls import PendingCalls, Write
from holdfast.service.agents.reply import Reply
from holdfast.service.agents.rpc_call import AnyCall
from holdfast.service.guardian.core import Core, Sealed
from holdfast.service.guardian.waiting import Waiting

WITHOUT_ID = "a request without an id cannot be answered, so it is not executed"


def plain(reply: Reply, outcome: Outcome, _request_id: str) -> None:
    """Answers as Ethereum clients expect: a result or an error."""
    if outcome.error is not None:
        reply.error(outcome.error)
    elif outcome.result is not None:
        reply.result(outcome.result)


def wrapped(reply: Reply, outcome: Outcome, request_id: str) -> None:
    """Answers with a result object that has a `status`, for the methods of our own."""
    reply.result(as_object(outcome, request_id or None))


class SigningCalls:
    """Submits signing calls and sees to it that each gets its one answer."""

    def __init__(
        self, core: Core, intake: Intake, pending_calls: PendingCalls, waiting: Waiting
    ) -> None:
        self._waiting = waiting
        self._core = core
        self._intake = intake
        self._pending_calls = pending_calls

    def send(self, agent: Agent, call: AnyCall, reply: Reply) -> None:
        """A signing method as Ethereum clients call it."""
        if call.id_json is None:
            self._without_id(agent, call, reply)
            return

        def decide(read: Facts) -> None:
            try:
                applied = self._intake.submit(agent, call.method, call.params, read)
            except (Sealed, Declined, HoldfastError) as error:
                self.failed(reply, error, plain)
                return
            self._take(applied, agent, reply, plain)

        self._intake.read_first(agent, call.method, call.params, decide)

    def send_signed(
        self, agent: Agent, payload: bytes, signature: bytes, call: AnyCall, reply: Reply
    ) -> None:
        """The same inside `holdfast_request`."""
        if call.id_json is None:
            self._without_id(agent, call, reply)
            return

        def decide(read: Facts) -> None:
            try:
                applied = self._intake.submit_signed(agent, payload, signature, read)
            except (Sealed, Declined, HoldfastError) as error:
                self.failed(reply, error, wrapped)
                return
            self._take(applied, agent, reply, wrapped)

        self._intake.read_first_signed(agent, payload, signature, decide)

    def submit(self, agent: Agent, method: str, params: bytes, call: AnyCall, reply: Reply) -> None:
        """`holdfast_submit`: answers as soon as the decision is durable.

        It never waits for the outcome.
        """
        if call.id_json is None:
            self._without_id(agent, call, reply)
            return

        def decide(read: Facts) -> None:
            self._submitted(agent, method, params, reply, read)

        self._intake.read_first(agent, method, params, decide)

    def _submitted(
        self, agent: Agent, method: str, params: bytes, reply: Reply, read: Facts
    ) -> None:
        try:
            applied = self._intake.submit(agent, method, params, read)
            request_id = applied.request_id
            if applied.status in ("denied", "refused") or request_id is None:
                self._take(applied, agent, reply, wrapped)
                return
            if applied.status == "replaces":
                refused = self._raise_fee(applied, agent)
                if refused is not None:
                    self._after(reply, refused, request_id, wrapped)
                    return
            if self._settle_now(request_id, reply, wrapped, marked=True):
                return
            # A caller that sends the same again meanwhile must join this one.
            self._core.mark_pending_answer(request_id)
        except (Sealed, Declined, HoldfastError) as error:
            self.failed(reply, error, wrapped)
            return
        outcome = self._pending_calls.pending(request_id)
        self._after(reply, outcome, request_id, wrapped)

    def status(self, agent: Agent, request_id: str, reply: Reply) -> None:
        """`holdfast_status`: what became of one of the agent's own requests."""
        guard = self._core.guard
        state = guard.state(request_id)
        if state is None or state.agent != agent.id:
            # The same words for both: ids of other agents are none of its business.
            reply.result(orjson.dumps({"status": "unknown", "requestId": request_id}))
            return
        if self._settle_now(request_id, reply, wrapped, marked=not state.delivered):
            return
        data = {
            "requestId": request_id,
            "status": "pending",
            "state": state.stage,
            "retryAfter": self._pending_calls.retry_after_s(request_id),
        }
        waits = self._waiting.of(guard, request_id)
        if waits is not None:
            data |= {"waitsFor": waits["for"], "since": waits["since"], "until": waits["until"]}
            if waits["why"]:
                data["why"] = waits["why"]
        self._core.after_durable(
            lambda ok: reply.result(orjson.dumps(data if ok else {"status": "sealed"}))
        )

    def _take(self, applied: Applied, agent: Agent, reply: Reply, write: Write) -> None:
        status = applied.status
        if status in ("denied", "refused"):
            outcome = denied(applied)
            self._after(reply, outcome, applied.request_id or "", write)
            return
        request_id = applied.request_id
        if request_id is None:
            self.failed(reply, HoldfastError(Code.INTERNAL, f"no request for `{status}`"), write)
            return
        if status == "replaces":
            self._replace(applied, agent, reply, write)
            return
        joined = status != "go"
        if status == "attached":
            self._join(request_id, reply, write)
            return
        self._pending_calls.wait(reply, request_id, write, marked=joined)

    def _replace(self, applied: Applied, agent: Agent, reply: Reply, write: Write) -> None:
        """A call that names the nonce of a payment of its agent that is out, and moves the same.

        One payment. With a higher fee it takes its place; else it is the payment itself.
        """
        request_id = applied.request_id or ""
        try:
            refused = self._raise_fee(applied, agent)
        except Sealed as error:
            self.failed(reply, error, write)
            return
        if refused is not None:
            self._after(reply, refused, request_id, write)
        else:
            self._join(request_id, reply, write)

    def _raise_fee(self, applied: Applied, agent: Agent) -> Outcome | None:
        """Orders the same with the fee that the call names, if that is higher.

        An outcome when that is refused. Raises Sealed.
        """
        request_id = applied.request_id or ""
        fee, tip = applied.fees or (None, None)
        state = self._core.guard.state(request_id)
        known = (state.fee_per_gas, state.priority_fee_per_gas) if state is not None else (None, 0)
        if fee is None or fee <= (known[0] or 0):
            return None
        tip = known[1] if tip is None else tip
        try:
            self._core.replace(request_id, "fee", fee, tip or 0, "agent")
        except HoldfastError as refusal:
            code, text = str(refusal.args[0]), str(refusal.args[1])
            return not_replaced(request_id, code, text, agent.privacy)
        return None

    def _join(self, request_id: str, reply: Reply, write: Write) -> None:
        if not self._settle_now(request_id, reply, write, marked=True):
            anew = self._is_replaced(request_id)
            self._pending_calls.wait(reply, request_id, write, marked=True, anew=anew)

    def _settle_now(self, request_id: str, reply: Reply, write: Write, *, marked: bool) -> bool:
        """Answers with the outcome it has, but not with a hash that is about to be another."""
        if self._is_replaced(request_id):
            return False
        return self._pending_calls.settle_now(reply, request_id, write, marked=marked)

    def _is_replaced(self, request_id: str) -> bool:
        """An order that is to take the place of what is out waits for its signature."""
        state = self._core.guard.state(request_id)
        return state is not None and state.is_replaced

    def _after(self, reply: Reply, outcome: Outcome, request_id: str, write: Write) -> None:
        self._core.after_durable(partial(self._finish, reply, outcome, request_id, write))

    def _finish(
        self, reply: Reply, outcome: Outcome, request_id: str, write: Write, ok: bool
    ) -> None:
        if not ok:
            outcome = Outcome(error=sealed(self._core.sealed or "sealed"), status="sealed")
        write(reply, outcome, request_id)

    def failed(self, reply: Reply, error: Sealed | Declined | HoldfastError, write: Write) -> None:
        """Answers a call the core did not take."""
        if isinstance(error, Sealed):
            told = sealed(str(error))
        elif isinstance(error, Declined):
            write(reply, Outcome(error=error.error, status="refused"), "")
            return
        elif error.args[0] == Code.MALFORMED:
            told = CallError(INVALID_PARAMS, error.args[1], orjson.dumps({"code": Code.MALFORMED}))
        else:
            told = CallError(INTERNAL, "the guardian could not decide", None)
        write(reply, Outcome(error=told, status="error"), "")

    def _without_id(self, agent: Agent, call: AnyCall, reply: Reply) -> None:
        try:
            self._intake.refuse(agent, call.method, call.params, Code.MALFORMED, WITHOUT_ID)
        except (Sealed, Declined, HoldfastError):
            pass
        reply.nothing()


RAW_REFUSED = CallError(
    DENIED,
    "signed transactions are not forwarded: the guardian holds the keys and signs what it decided",
    orjson.dumps({"status": "denied", "code": Code.METHOD_NOT_ALLOWED}),
)
