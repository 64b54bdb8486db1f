"""The agents' sockets: one for each agent, reachable only by the users the policy names for it.

The mode of a socket lets other users knock only where the policy names some; whom it serves is
decided by the credentials the kernel gives of the peer, before a byte is read.
"""

import asyncio
import os
import resource
from pathlib import Path
from typing import Any

from holdfast._core import Event
from holdfast.service.agents.agent import Agent, agents_of
from holdfast.service.agents.budgets import AgentBudget, Budgets
from holdfast.service.agents.connection import AgentConnection
from holdfast.service.agents.folder import obstacle
from holdfast.service.agents.pending_calls import PendingCalls
from holdfast.service.agents.reply import Out
from holdfast.service.agents.rpc import Rpc
from holdfast.service.agents.settings import GateConfig
from holdfast.service.agents.turned_away import TurnedAway
from holdfast.service.guardian.core import Core
from holdfast.service.home.folder import Home
from holdfast.service.runtime.conditions import Conditions
from holdfast.service.runtime.logs import get_logger
from holdfast.service.runtime.removed_sockets import RemovedSockets
from holdfast.service.runtime.turns import Turns
from holdfast.service.runtime.unix_socket import ListeningSocket, Peer, SocketError

log = get_logger()

SWEEP_SECONDS = 1.0
RETRY_SECONDS = 10.0
ALARMS_MAX = 20
FILES_WANTED = 65_536
# Files that agents can never use up: operator socket, journal, signer, node, alerts.
FILES_RESERVED = 384


class AgentListener:
    """One agent's listening socket and its connections."""

    def __init__(self, gate: "Gate", agent: Agent, listening: ListeningSocket) -> None:
        self.agent = agent
        self.config = gate.config
        self.turns = gate.turns
        self.connections: set[AgentConnection] = set()
        self._gate = gate
        self._listening = listening
        self._server: asyncio.Server | None = None
        self.handle = gate.rpc.handle
        self.turned_away = TurnedAway(agent.id)
        self._time = asyncio.get_running_loop().time

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._listening.path

    def apply(self, agent: Agent, *, shared: bool) -> None:
        """Takes over what a new policy says. Raises SocketError when its file is gone."""
        if self.agent.uids != agent.uids:
            for connection in tuple(self.connections):
                connection.drop()
        self.agent = agent
        self._listening.share(shared)

    @property
    def budget(self) -> AgentBudget:
        """The agent's budgets."""
        return self._gate.budgets.of(self.agent)

    @property
    def is_in_place(self) -> bool:
        """Whether clients find it."""
        return self._listening.is_in_place

    async def make_again(self) -> None:
        """Listens on a new file; who is connected stays. Raises SocketError, OSError."""
        before, server = self._listening, self._server
        self._listening = ListeningSocket(before.path, shared=self._gate.is_shared(self.agent))
        if server is not None:
            server.close()
        before.close()
        await self.open()

    async def open(self) -> None:
        """Starts to accept."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(
            lambda: AgentConnection(self, loop.time), sock=self._listening.socket, backlog=1024
        )

    def admit(self, connection: AgentConnection, peer: Peer) -> bool:
        """Only the users of the policy, and no more connections than it allows."""
        if peer.uid not in self.agent.uids:
            self.turned_away.add("stranger refused", peer.uid, peer.pid, self._time())
            return False
        if len(self.connections) >= self.agent.connections_max or self._gate.is_full:
            self.turned_away.add("too many connections", peer.uid, peer.pid, self._time())
            return False
        self.connections.add(connection)
        self._gate.connected += 1
        return True

    def left(self, connection: AgentConnection) -> None:
        """A connection is closed."""
        if connection in self.connections:
            self.connections.discard(connection)
            self._gate.connected -= 1

    def abandon(self, out: Out) -> None:
        """What that connection waits for must be joined by its retry."""
        self._gate.pending_calls.abandon(out)

    def close(self) -> None:
        """Stops listening and drops every connection."""
        if self._server is not None:
            self._server.close()
        self._listening.close()
        for connection in tuple(self.connections):
            connection.drop()


class Gate:
    """All agents' doors, kept equal to the policy in force."""

    def __init__(
        self,
        core: Core,
        home: Home,
        rpc: Rpc,
        pending_calls: PendingCalls,
        config: GateConfig,
        budgets: Budgets,
        turns: Turns,
        conditions: Conditions,
    ) -> None:
        self.config = config
        self.budgets = budgets
        self.turns = turns
        self.rpc = rpc
        self.pending_calls = pending_calls
        self.connected = 0
        self._listeners: dict[str, AgentListener] = {}
        self._faults: dict[str, str] = {}
        self._obstacle: str | None = None
        self._uid = os.geteuid()
        self._core = core
        self._home = home
        limit = _raise_file_limit()
        self._connections_max = max(limit - FILES_RESERVED, limit // 2)
        self._removed = RemovedSockets(conditions, "agents", asyncio.get_running_loop().time)
        self._sync_lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        core.listen(self._durable)

    @property
    def is_full(self) -> bool:
        """Whether one more connection would take a file the guardian needs itself."""
        return self.connected >= self._connections_max

    async def sync(self) -> None:
        """Opens and closes doors until they are those of the policy.

        One that cannot be opened keeps no other from it: it is an alarm, and is tried again.
        """
        async with self._sync_lock:
            wanted = agents_of(self._core.guard, self._uid)
            for name in set(self._listeners) - set(wanted):
                self._listeners.pop(name).close()
            # Who may still speak for an agent comes first; no new door may delay it.
            for name, door in tuple(self._listeners.items()):
                try:
                    door.apply(wanted[name], shared=self.is_shared(wanted[name]))
                except SocketError:
                    self._listeners.pop(name).close()
            faults: dict[str, str] = {}
            for name in set(wanted) - set(self._listeners):
                try:
                    self._listeners[name] = await self._open(wanted[name])
                except (SocketError, OSError, ValueError) as error:
                    faults[name] = str(error)
            self._say(faults)
            self._obstacle = obstacle(self._home.agents_dir)

    async def _open(self, agent: Agent) -> AgentListener:
        path = self._home.agent_socket(agent.id)
        listening = ListeningSocket(path, shared=self.is_shared(agent))
        try:
            door = AgentListener(self, agent, listening)
            await door.open()
        except BaseException:
            listening.close()
            raise
        return door

    def is_shared(self, agent: Agent) -> bool:
        """Whether other users may connect for this agent."""
        return bool(agent.uids - {self._uid})

    def _say(self, faults: dict[str, str]) -> None:
        for name in faults.keys() - self._faults.keys():
            log.error("an agent's socket cannot be opened", agent=name, error=faults[name])
        self._faults = faults

    def connections(self) -> dict[str, int]:
        """How many clients of each agent are connected."""
        return {agent: len(door.connections) for agent, door in self._listeners.items()}

    def turned_away(self) -> dict[str, int]:
        """How many connections to each agent's socket were refused since it was opened."""
        return {agent: door.turned_away.total for agent, door in self._listeners.items()}

    def sockets(self) -> dict[str, str]:
        """The path of each agent's socket that is open."""
        return {agent: str(door.path) for agent, door in self._listeners.items()}

    def alarms(self) -> list[dict[str, Any]]:
        """`sockets` of `health`: agents that cannot reach the guardian, `{agent, code, text}`."""
        found: list[dict[str, Any]] = [
            {"agent": name, "code": "socket_failed", "text": f"agent `{name}`: {text}"}
            for name, text in sorted(self._faults.items())
        ]
        if self._obstacle is not None:
            found += [
                {
                    "agent": name,
                    "code": "socket_unreachable",
                    "text": f"agent `{name}` runs as another user: {self._obstacle}",
                }
                for name, door in sorted(self._listeners.items())
                if self.is_shared(door.agent)
            ]
        if len(found) > ALARMS_MAX:
            more = f"{len(found) - ALARMS_MAX} more agents cannot reach the guardian"
            found[ALARMS_MAX:] = [{"agent": None, "code": "socket_failed", "text": more}]
        return found

    async def run(self) -> None:
        """Sweeps broken connections away, and tries failed sockets again, until cancelled."""
        loop = asyncio.get_running_loop()
        tried_at = loop.time()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = loop.time()
            for door in self._listeners.values():
                door.turned_away.say(now)
                for connection in tuple(door.connections):
                    connection.sweep(now)
            await self._look_for_sockets()
            if self._faults and now - tried_at >= RETRY_SECONDS:
                tried_at = now
                await self.sync()

    async def _look_for_sockets(self) -> None:
        async with self._sync_lock:
            for door in tuple(self._listeners.values()):
                await self._removed.look(door.path, door.is_in_place, door.make_again)
        self._removed.tick()

    def close(self) -> None:
        """Closes every door."""
        for door in self._listeners.values():
            door.close()
        self._listeners.clear()

    def _durable(self, events: list[Event]) -> None:
        if any(event.kind == "policy.loaded" for event in events):
            task = asyncio.get_running_loop().create_task(self.sync())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


def _raise_file_limit() -> int:
    """Lets the process open as many files as it may; gives that number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_WANTED if hard == resource.RLIM_INFINITY else min(hard, FILES_WANTED)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft
