"""Signed calls that ask for no signature, of agents that have a key.

Whose they are, and that each counts once.

The core checks signature, agent and expiry. What is only read leaves no event, so the nonces of
such calls are kept in memory, at most until they expire (60 s); a start forgets them.
"""

import json
from collections import deque

from holdfast._core import HoldfastError
from holdfast.codes import Code
from holdfast.service.agents.agent import Agent
from holdfast.service.agents.intake import Intake
from holdfast.service.agents.rpc_call import AnyCall, InnerCall

NONCES_MAX = 10_000


class Envelopes:
    """Opens the envelopes of calls whose answers belong to the agent's key."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._known: dict[str, set[str]] = {}
        self._order: dict[str, deque[tuple[int, str]]] = {}

    def open(self, agent: Agent, payload: bytes, signature: bytes, call: AnyCall) -> InnerCall:
        """The call inside.

        Raises HoldfastError: `signature_invalid`, `agent_mismatch`, `expired`, `replayed`,
        `malformed`, or `rate_limited` when too many are remembered.
        """
        now, opened = self._intake.open_signed(agent, payload, signature)
        self._take(agent.id, opened["nonce"], opened["expires_at"], now)
        return InnerCall(call.id_json, opened["method"], json.dumps(opened["params"]).encode())

    def _take(self, agent: str, nonce: str, expires_at: int, now: int) -> None:
        known = self._known.setdefault(agent, set())
        order = self._order.setdefault(agent, deque())
        while order and order[0][0] <= now:
            known.discard(order.popleft()[1])
        if nonce in known:
            raise HoldfastError(Code.REPLAYED, "this envelope was already used: sign a new one")
        if len(known) >= NONCES_MAX:
            raise HoldfastError(Code.RATE_LIMITED, "too many signed calls within a minute: wait")
        known.add(nonce)
        order.append((expires_at, nonce))
