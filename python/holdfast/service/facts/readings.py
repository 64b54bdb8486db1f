"""What contracts say when a request asks for it: the readings that the policy's checks are about.

The core says what to ask. Every node of the chain is asked, and each of them must say what the
check wants, so an answer that is missing or odd is passed on as what it is. What is asked after the
transaction is asked in its simulation (`eth_simulateV1` of execution-apis), in the same block and
behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import orjson

from holdfast._core import Facts, HoldfastError
from holdfast.service.chain.contract_code import bytes_of
from holdfast.service.chain.endpoint import EndpointDown, RpcError
from holdfast.service.guardian.core import Core

NODE_SECONDS_MAX = 5.0
# A record carries no more of one answer.
RETURN_BYTES_MAX = 1_024
# Requests that nodes are asked for at the same time; others wait.
AT_ONCE_MAX = 8
# The same before orders are fixed: what agents ask for does not hold those up.
ORDERS_AT_ONCE_MAX = 8
TOO_LONG = "its answer is too long"
NO_DATA = "its answer has no data"
NO_SIMULATION = "it gave no simulation (eth_simulateV1)"
TRANSACTION_FAILS = "the transaction fails in its simulation"
CALL_FAILS = "the contract's function fails"
TOO_SLOW = "it took too long"

Json = dict[str, Any]
# What was returned in hex, and why nothing was.
Answer = tuple[str | None, str | None]
# As `Facts` takes it.
Reading = tuple[str, str, bool, str, int, str | None, str | None]


class NamedNode(Protocol):
    """A node that can be told from others."""

    @property
    def name(self) -> str:
        """As an operator knows it."""

    def call(self, method: str, params: list[Any]) -> Awaitable[Any]:
        """The result, or RpcError, or EndpointDown."""


FindNodes = Callable[[int], Sequence[NamedNode]]


class ReadingFacts:
    """Asks, and remembers nothing."""

    def __init__(self, core: Core, nodes: FindNodes) -> None:
        """`nodes(chain_id)` gives every node of a chain, also those that failed just now."""
        self._core = core
        self._nodes = nodes
        self._at_once = asyncio.Semaphore(AT_ONCE_MAX)
        self._orders_at_once = asyncio.Semaphore(ORDERS_AT_ONCE_MAX)

    async def of(self, questions: bytes, *, order: bool = False) -> Facts:
        """The answers to what `Guard.readings_of_call` and its like ask. Never raises."""
        asked: Json = orjson.loads(questions)
        async with self._orders_at_once if order else self._at_once:
            at = self._core.clock.now_ms()
            nodes = self._nodes(int(asked["chain_id"]))
            told = await asyncio.gather(*(_by(node, asked, at) for node in nodes))
        try:
            return Facts(readings=[reading for each in told for reading in each])
        except HoldfastError:
            # More than a record takes: what is not read grants nothing.
            return Facts()


async def _by(node: NamedNode, asked: Json, at: int) -> list[Reading]:
    """What one node says to all questions."""
    before = [each for each in asked["readings"] if not each["after"]]
    after = [each for each in asked["readings"] if each["after"]]
    found = await asyncio.gather(*(_now(node, asked["wallet"], each) for each in before))
    if after:
        found += await _afterwards(node, asked, after)
    return [
        (each["contract"], each["call"], each["after"], node.name, at, data, fault)
        for each, (data, fault) in zip(before + after, found, strict=True)
    ]


async def _now(node: NamedNode, wallet: str, question: Json) -> Answer:
    call = _call(wallet, question)
    answer = await _asked(node, "eth_call", [call, "latest"], CALL_FAILS)
    return answer if isinstance(answer, _Fault) else _data(answer)


async def _afterwards(node: NamedNode, asked: Json, questions: list[Json]) -> list[Answer]:
    """The transaction as it would be sent, and the questions behind it, in one block."""
    wallet, transaction = asked["wallet"], asked["transaction"]
    call = {
        "from": wallet,
        "value": hex(int(transaction["value"])),
        "input": transaction["data"],
        "gas": hex(transaction["gas"]),
    }
    if transaction["to"] is not None:
        call["to"] = transaction["to"]
    calls = [call, *(_call(wallet, each) for each in questions)]
    payload = {"blockStateCalls": [{"calls": calls}], "validation": False}
    answer = await _asked(node, "eth_simulateV1", [payload, "latest"], NO_SIMULATION)
    if isinstance(answer, _Fault):
        return [answer] * len(questions)
    try:
        (block,) = answer
        first, *others = block["calls"]
        if int(first["status"], 16) != 1:
            return [(None, TRANSACTION_FAILS)] * len(questions)
        found = [
            _data(each["returnData"]) if int(each["status"], 16) == 1 else (None, CALL_FAILS)
            for each in others
        ]
    except (TypeError, ValueError, KeyError):
        found = []
    return found if len(found) == len(questions) else [(None, NO_SIMULATION)] * len(questions)


class _Fault(tuple[None, str]):
    """No answer, and why."""

    __slots__ = ()


async def _asked(node: NamedNode, method: str, params: list[Any], refused: str) -> Any:
    """The node's answer, or a `_Fault`; `refused` is said where the node gives an error."""
    try:
        async with asyncio.timeout(NODE_SECONDS_MAX):
            return await node.call(method, params)
    except RpcError as error:
        return _Fault((None, f"{refused}: error {error.code}"))
    except EndpointDown:
        return _Fault((None, "it does not answer"))
    except TimeoutError:
        return _Fault((None, TOO_SLOW))


def _call(wallet: str, question: Json) -> Json:
    return {"from": wallet, "to": question["contract"], "input": question["call"]}


def _data(answer: Any) -> Answer:
    found = bytes_of(answer)
    if found is None:
        return None, NO_DATA
    if len(found) > RETURN_BYTES_MAX:
        return None, TOO_LONG
    return "0x" + found.hex(), None
