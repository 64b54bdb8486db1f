"""Calls that only read the chain.

Passed through to the node by an allow-list, so many at a time for each agent.

What comes back is passed on as the node said it, except errors (see `errors`), answers over the
size limit, and the transaction count of the agent's own wallets, which the nonce ledger knows
better than the node.
"""

import asyncio
import json
from collections import deque
from typing import Any

import orjson

from holdfast._core import Guard
from holdfast.service.agents.agent import Agent
from holdfast.service.agents.budgets import Budgets
from holdfast.service.agents.errors import INVALID_PARAMS, CallError, from_node, unavailable
from holdfast.service.agents.reply import Reply
from holdfast.service.agents.rpc_call import AnyCall
from holdfast.service.agents.settings import ReadsConfig
from holdfast.service.chain.endpoint import EndpointDown, RpcError
from holdfast.service.chain.node import FindNode

READS = frozenset(
    {
        "eth_blockNumber",
        "eth_call",
        "eth_createAccessList",
        "eth_estimateGas",
        "eth_feeHistory",
        "eth_gasPrice",
        "eth_getBalance",
        "eth_getBlockByHash",
        "eth_getBlockByNumber",
        "eth_getBlockReceipts",
        "eth_getBlockTransactionCountByHash",
        "eth_getBlockTransactionCountByNumber",
        "eth_getCode",
        "eth_getLogs",
        "eth_getStorageAt",
        "eth_getTransactionByHash",
        "eth_getTransactionCount",
        "eth_getTransactionReceipt",
        "eth_maxPriorityFeePerGas",
        "eth_syncing",
    }
)
_COUNT = "eth_getTransactionCount"
# What a byte of an answer takes of the loop: read, checked, written.
SECONDS_PER_BYTE = 2e-8


class _Lane:
    """One agent's reads: how many run, and those that wait their turn."""

    __slots__ = ("running", "waiting")

    def __init__(self) -> None:
        self.running = 0
        self.waiting: deque[tuple[Agent, AnyCall, Reply]] = deque()


class Reads:
    """Passes reads on, within each agent's limits."""

    def __init__(self, guard: Guard, node: FindNode, config: ReadsConfig, budgets: Budgets) -> None:
        """`node(chain_id)` gives the node of a chain, None while there is none."""
        self._guard = guard
        self._node = node
        self._config = config
        self._budgets = budgets
        self._running = 0
        self._ready = asyncio.Event()
        self._ready.set()
        self._lanes: dict[str, _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def wait_for_nodes(self) -> None:
        """From now on reads wait, within their time: the nodes are still being connected."""
        self._ready.clear()

    def nodes_ready(self) -> None:
        """Ends `wait_for_nodes`."""
        self._ready.set()

    def start(self, agent: Agent, call: AnyCall, reply: Reply) -> None:
        """Passes a call on now or when its turn comes; answers `reply` in any case."""
        lane = self._lanes.setdefault(agent.id, _Lane())
        budget, now = self._budgets.of(agent), self._budgets.time()
        over = budget.admit_read(len(call.params), now)
        if not budget.reads.take(now):
            over = "too many reads within a minute"
        if over is not None:
            reply.error(unavailable(over))
        elif not lane.waiting and self._may_begin(lane):
            self._begin(lane, agent, call, reply)
        elif len(lane.waiting) < self._config.queued_max:
            lane.waiting.append((agent, call, reply))
        else:
            reply.error(unavailable("too many reads at once"))

    async def close(self) -> None:
        """Ends what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _may_begin(self, lane: _Lane) -> bool:
        """So many for each agent and for all.

        One for each agent whatever the others do, so that slow reads of some never keep another
        from reading.
        """
        if self._running >= self._config.concurrent_total_max:
            return lane.running == 0
        return lane.running < self._config.concurrent_max

    def _begin_waiting(self, finished: _Lane) -> None:
        """Begins what may begin now: first of other agents, then of the one that finished."""
        lanes = [lane for lane in self._lanes.values() if lane.waiting and lane is not finished]
        for lane in [*lanes, finished]:
            while lane.waiting and self._may_begin(lane):
                later = lane.waiting.popleft()
                if later[2].gone:
                    later[2].nothing()
                    continue
                self._begin(lane, *later)
                if lane is not finished:
                    break

    def _begin(self, lane: _Lane, agent: Agent, call: AnyCall, reply: Reply) -> None:
        lane.running += 1
        self._running += 1
        task = asyncio.create_task(self._run(lane, agent, call, reply))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, lane: _Lane, agent: Agent, call: AnyCall, reply: Reply) -> None:
        try:
            answer = await self._ask(agent, call)
            if isinstance(answer, CallError):
                reply.error(answer)
            else:
                reply.result(answer)
        finally:
            reply.error(unavailable("the guardian stops"))
            lane.running -= 1
            self._running -= 1
            self._begin_waiting(lane)

    async def _ask(self, agent: Agent, call: AnyCall) -> bytes | CallError:
        try:
            params = orjson.loads(call.params)
        except ValueError:
            params = None
        if not isinstance(params, list):
            return CallError(INVALID_PARAMS, "params must be an array")
        try:
            async with asyncio.timeout(self._config.timeout_ms / 1000):
                await self._ready.wait()
                node = self._node(agent.chain_id)
                if node is None:
                    return unavailable("the node of this chain is not connected")
                result = await node.call(call.method, params)
        except TimeoutError:
            return unavailable("the node did not answer in time")
        except RpcError as error:
            return from_node(error.code, error.text, getattr(error, "data", None))
        except EndpointDown:
            return unavailable("the node cannot be reached")
        if call.method == _COUNT:
            result = self._count(agent, params, result)
        encoded = _encode(result)
        # Reading a large answer and writing it again holds the loop up.
        seconds = len(encoded) * SECONDS_PER_BYTE
        self._budgets.of(agent).share.charge(seconds, self._budgets.time())
        if len(encoded) > self._config.response_bytes_max:
            return unavailable("the node's answer is too large: ask for less")
        return encoded

    def _count(self, agent: Agent, params: list[Any], result: Any) -> Any:
        """The next nonce of our own wallets counts what was signed and is not mined yet."""
        if len(params) < 2 or params[1] != "pending" or not isinstance(params[0], str):
            return result
        wallet = next((each for each in agent.wallets if each.lower() == params[0].lower()), None)
        known = None if wallet is None else self._guard.next_nonce(wallet, agent.chain_id)
        if known is None or not isinstance(result, str):
            return result
        try:
            return hex(max(known, int(result, 16)))
        except ValueError:
            return result


def _encode(result: Any) -> bytes:
    try:
        return orjson.dumps(result)
    except TypeError:
        # Numbers beyond 64 bits, which some nodes write without quotes.
        return json.dumps(result, separators=(",", ":")).encode()
