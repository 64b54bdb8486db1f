"""What the chain's node says a transaction would do, held against the decision.

By `eth_simulateV1` of execution-apis; the core compares. It can only make things stricter: without
an answer everything goes on as if it had not been asked, unless the operator requires one.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from holdfast._core import MalformedError, Simulated
from holdfast.codes import Code
from holdfast.service.chain.broadcast import WouldFail, why_it_would_fail
from holdfast.service.chain.endpoint import PATIENCE_SECONDS, EndpointDown, RpcError
from holdfast.service.runtime.logs import get_logger

if TYPE_CHECKING:
    from holdfast.service.chain.chain import Chain
    from holdfast.service.chain.inputs import TransactionInputs

log = get_logger()

# Contract, topics, data; in hex.
Log = tuple[str, list[str], str]

ASKED_AGAIN_SECONDS = 600.0
LOGS_MAX = 2_000
ALLOWANCES_MAX = 16
METHOD_NOT_FOUND = -32601
METHOD_NOT_SUPPORTED = -32004
# Providers have codes of their own for a method they do not serve.
_NOT_SERVED = ("not found", "not supported", "unsupported", "not available", "does not exist")
# Approval(address,address,uint256) of ERC-20, and the function that says what stands.
APPROVAL = "0x8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925"
ALLOWANCE = "0xdd62ed3e"


class Simulation:
    """Of one chain. A node that cannot simulate is remembered for ten minutes."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._mode = chain.settings.simulate
        self._unable_until: float | None = None

    @property
    def unable(self) -> bool:
        """The node was asked and does not know the method."""
        return self._unable_until is not None

    async def of(self, asked: TransactionInputs) -> Simulated | None:
        """What the node says; None without a simulation.

        Raises WouldFail when it fails in the simulation, or when one is required and the node
        cannot do it; EndpointDown.
        """
        # Without call data there is nothing to misread; what creates a contract a person has seen.
        if self._mode == "off" or asked.to is None or asked.data == "0x":
            return None
        try:
            return await self._ask(asked)
        except RpcError as error:
            self._without(error)
            return None

    async def _ask(self, asked: TransactionInputs) -> Simulated:
        if self._unable_until is not None and time.monotonic() < self._unable_until:
            raise RpcError(METHOD_NOT_FOUND, "")
        wallet = asked.wallet
        call = {
            "from": wallet,
            "to": asked.to,
            "value": hex(asked.value),
            "input": asked.data,
            "gas": hex(asked.gas or asked.gas_max),
        }
        payload = {
            "blockStateCalls": [{"calls": [call]}],
            "traceTransfers": True,
            "validation": False,
        }
        answer = await self._chain.execute("eth_simulateV1", [payload, "latest"], PATIENCE_SECONDS)
        self._unable_until = None
        logs = _logs_about(wallet, _the_call(answer))
        allowances = await self._allowances(wallet, logs)
        try:
            return Simulated(logs, allowances)
        except MalformedError as fault:
            raise WouldFail(str(fault.args[1]), str(fault.args[0])) from None

    async def _allowances(self, wallet: str, logs: list[Log]) -> list[tuple[str, str, int]]:
        """What stood before of each allowance that changes.

        Some tokens tell what is left of one whenever it is used. What is unknown counts as nothing.
        """
        owner = _word(wallet)
        pairs = {
            (address, topics[2])
            for address, topics, data in logs
            if len(topics) == 3 and topics[:2] == [APPROVAL, "0x" + owner] and _number(data)
        }
        asked = sorted(pairs)[:ALLOWANCES_MAX]
        stood = await asyncio.gather(*(self._allowance(token, owner, to) for token, to in asked))
        return [
            (token, "0x" + spender[-40:], amount)
            for (token, spender), amount in zip(asked, stood, strict=True)
        ]

    async def _allowance(self, token: str, owner: str, spender: str) -> int:
        call = {"to": token, "input": ALLOWANCE + owner + spender[2:]}
        try:
            return _number(
                await self._chain.execute("eth_call", [call, "latest"], PATIENCE_SECONDS)
            )
        except RpcError:
            return 0

    def _without(self, error: RpcError) -> None:
        words = error.text.lower()
        served = error.code not in (METHOD_NOT_FOUND, METHOD_NOT_SUPPORTED) and not (
            "method" in words and any(each in words for each in _NOT_SERVED)
        )
        if not served:
            self._remember()
        if self._mode != "required":
            if served:
                log.warning("not simulated", chain=self._chain.id, code=error.code)
            return
        if not served:
            raise WouldFail(
                "the chain's node cannot simulate it (eth_simulateV1), as config.toml requires",
                Code.NOT_SIMULATED,
            )
        if (why := why_it_would_fail(error.code, error.text)) is not None:
            raise WouldFail(why)
        raise EndpointDown(f"{self._chain.name} could not simulate it ({error.code})")

    def _remember(self) -> None:
        if self._unable_until is None:
            log.warning("the node cannot simulate", chain=self._chain.id)
        now = time.monotonic()
        if self._unable_until is None or now >= self._unable_until:
            self._unable_until = now + ASKED_AGAIN_SECONDS


def _the_call(answer: Any) -> list[Any]:
    """The events of the one call of the one block.

    Raises WouldFail, and RpcError for an answer that is none.
    """
    try:
        (block,) = answer
        (call,) = block["calls"]
        status, logs = int(call["status"], 16), call["logs"]
    except (TypeError, ValueError, KeyError):
        raise RpcError(0, "no simulation") from None
    if status not in (0, 1):
        raise RpcError(0, "no simulation")
    if status != 1:
        raise WouldFail("it fails in the node's simulation")
    if not isinstance(logs, list):
        raise RpcError(0, "no simulation")
    return logs


def _logs_about(wallet: str, logs: list[Any]) -> list[Log]:
    """The events in which the wallet occurs, as far as the core reads them."""
    word = _word(wallet)
    found = []
    for each in logs:
        try:
            topics = [str(topic).lower() for topic in each["topics"]]
            address, data = str(each["address"]), str(each["data"]).lower()
        except (TypeError, KeyError):
            raise RpcError(0, "no simulation") from None
        if any(word in topic for topic in topics) or word in data:
            found.append((address, topics, data))
    if len(found) > LOGS_MAX:
        raise WouldFail("more happens to the wallet than can be compared", Code.WOULD_DIFFER)
    return found


def _word(address: str) -> str:
    return address[2:].lower().rjust(64, "0")


def _number(answer: Any) -> int:
    """The first word of an answer; nothing if there is none."""
    try:
        return int(str(answer)[2:66] or "0", 16)
    except ValueError:
        return 0
