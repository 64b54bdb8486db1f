"""`eth_subscribe` for new heads, by asking the node while there are subscribers.

Only connections that subscribed get pushes: web3.py and ethers take any line they did not ask for
badly.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any

import orjson

from holdfast._core import response_result
from holdfast.service.agents.agent import Agent
from holdfast.service.agents.errors import INVALID_PARAMS, METHOD_NOT_FOUND, CallError, unavailable
from holdfast.service.agents.reply import Out, Reply
from holdfast.service.agents.rpc_call import AnyCall
from holdfast.service.chain.endpoint import EndpointDown, RpcError
from holdfast.service.chain.node import FindNode

POLL_SECONDS = 0.5
SUBSCRIPTIONS_MAX = 16
HEADS_AT_ONCE_MAX = 32

_RESULT = b'{"jsonrpc":"2.0","id":null,"result":'
_PUSH = b'{"jsonrpc":"2.0","method":"eth_subscription","params":'


@dataclass(frozen=True, slots=True)
class _Subscription:
    id: str
    chain_id: int
    out: Out


class NewHeads:
    """All subscriptions; one task for each chain that has any."""

    def __init__(self, node: FindNode) -> None:
        self._node = node
        self._subscriptions: dict[str, _Subscription] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def subscribe(self, agent: Agent, call: AnyCall, reply: Reply) -> None:
        """Answers with the subscription's id; new heads follow."""
        params = _params(call)
        if not params or params[0] != "newHeads":
            reply.error(CallError(METHOD_NOT_FOUND, "only `newHeads` can be subscribed to here"))
            return
        self._forget_gone()
        out = reply.connection
        if sum(each.out is out for each in self._subscriptions.values()) >= SUBSCRIPTIONS_MAX:
            reply.error(unavailable("too many subscriptions on this connection"))
            return
        made = _Subscription("0x" + secrets.token_hex(16), agent.chain_id, out)
        reply.result(orjson.dumps(made.id))
        self._subscriptions[made.id] = made
        if agent.chain_id not in self._tasks:
            task = asyncio.create_task(self._follow(agent.chain_id))
            self._tasks[agent.chain_id] = task

    def unsubscribe(self, _agent: Agent, call: AnyCall, reply: Reply) -> None:
        """Answers whether there was such a subscription on this connection."""
        params = _params(call)
        if not params or not isinstance(params[0], str):
            reply.error(CallError(INVALID_PARAMS, "params must be the subscription's id"))
            return
        found = self._subscriptions.get(params[0])
        if found is None or found.out is not reply.connection:
            reply.result(b"false")
            return
        del self._subscriptions[params[0]]
        reply.result(b"true")

    async def close(self) -> None:
        """Ends all of them."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, chain_id: int) -> None:
        """Asks for new blocks until there are no subscribers."""
        last: int | None = None
        try:
            while self._listeners(chain_id):
                last = await self._news(chain_id, last)
                await asyncio.sleep(POLL_SECONDS)
        finally:
            del self._tasks[chain_id]

    async def _news(self, chain_id: int, last: int | None) -> int | None:
        """Pushes the blocks after `last`; gives the newest number known."""
        node = self._node(chain_id)
        if node is None:
            return last
        try:
            newest = int(await node.call("eth_blockNumber", []), 16)
            if last is None or newest <= last:
                return newest
            for number in range(max(last + 1, newest - HEADS_AT_ONCE_MAX + 1), newest + 1):
                block = await node.call("eth_getBlockByNumber", [hex(number), False])
                if isinstance(block, dict):
                    self._push(chain_id, block)
        except (EndpointDown, RpcError, TypeError, ValueError):
            # The next turn asks again; a subscription carries no promise of every head.
            return last
        return newest

    def _push(self, chain_id: int, block: dict[str, Any]) -> None:
        head = {key: value for key, value in block.items() if key not in ("transactions", "uncles")}
        for each in self._listeners(chain_id):
            params = orjson.dumps({"subscription": each.id, "result": head})
            # The core writes responses so that every client can read them; a push must be as safe.
            line = response_result(b"null", params)
            each.out.push(_PUSH + line.removeprefix(_RESULT))

    def _listeners(self, chain_id: int) -> list[_Subscription]:
        self._forget_gone()
        return [each for each in self._subscriptions.values() if each.chain_id == chain_id]

    def _forget_gone(self) -> None:
        for each in [each for each in self._subscriptions.values() if each.out.gone]:
            del self._subscriptions[each.id]


def _params(call: AnyCall) -> list[Any]:
    try:
        params = orjson.loads(call.params)
    except ValueError:
        return []
    return params if isinstance(params, list) else []
