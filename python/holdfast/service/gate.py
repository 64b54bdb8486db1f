"""The agents' sockets: one for each agent, reachable only by the users the policy names for it."""

import asyncio
import os
import resource

from holdfast.service.agents import Agent, agents_of
from holdfast.service.budgets import AgentBudget, Budgets
from holdfast.service.calls import AnyCall
from holdfast.service.config import GateConfig
from holdfast.service.connection import AgentConnection
from holdfast.service.core import Core
from holdfast.service.event import kind_of
from holdfast.service.holds import Holds
from holdfast.service.home import Home
from holdfast.service.logs import Seldom, get_logger
from holdfast.service.reply import Out, Reply
from holdfast.service.rpc import Rpc
from holdfast.service.turns import Turns
from holdfast.service.unix_socket import ListeningSocket, Peer, SocketError

log = get_logger()

SWEEP_SECONDS = 1.0
FILES_WANTED = 65_536
# Files that agents can never use up: operator socket, journal, signer, node, alerts.
FILES_RESERVED = 384


class AgentDoor:
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
        self._seldom = Seldom(log, gate.budgets.time)

    @property
    def budget(self) -> AgentBudget:
        """The agent's budgets."""
        return self._gate.budgets.of(self.agent)

    async def open(self) -> None:
        """Starts to accept."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(
            lambda: AgentConnection(self, loop.time), sock=self._listening.socket, backlog=1024
        )

    def admit(self, connection: AgentConnection, peer: Peer) -> bool:
        """Only the users of the policy, and no more connections than it allows."""
        if peer.uid not in self.agent.uids:
            self._seldom.warning(
                "stranger refused", agent=self.agent.id, uid=peer.uid, pid=peer.pid
            )
            return False
        if len(self.connections) >= self.agent.connections_max or self._gate.is_full:
            self._seldom.warning("too many connections", agent=self.agent.id, pid=peer.pid)
            return False
        self.connections.add(connection)
        self._gate.connections += 1
        return True

    def left(self, connection: AgentConnection) -> None:
        """A connection is closed."""
        if connection in self.connections:
            self.connections.discard(connection)
            self._gate.connections -= 1

    def abandon(self, out: Out) -> None:
        """What that connection waits for must be joined by its retry."""
        self._gate.holds.abandon(out)

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
        holds: Holds,
        config: GateConfig,
        budgets: Budgets,
        turns: Turns,
    ) -> None:
        self.config = config
        self.budgets = budgets
        self.turns = turns
        self.rpc = rpc
        self.holds = holds
        self.connections = 0
        self.doors: dict[str, AgentDoor] = {}
        self._core = core
        self._home = home
        limit = _raise_file_limit()
        self._connections_max = max(limit - FILES_RESERVED, limit // 2)
        self._sync_lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        core.listen(self._durable)

    @property
    def is_full(self) -> bool:
        """Whether one more connection would take a file the guardian needs itself."""
        return self.connections >= self._connections_max

    async def sync(self) -> None:
        """Opens and closes doors until they are those of the policy. Raises SocketError."""
        async with self._sync_lock:
            wanted = agents_of(self._core.guard, os.geteuid())
            for name in set(self.doors) - set(wanted):
                self.doors.pop(name).close()
            for name, agent in wanted.items():
                door = self.doors.get(name)
                if door is not None:
                    if door.agent.uids != agent.uids:
                        for connection in tuple(door.connections):
                            connection.drop()
                    door.agent = agent
                    continue
                listening = ListeningSocket(self._home.agent_socket(name))
                door = AgentDoor(self, agent, listening)
                await door.open()
                self.doors[name] = door

    async def run(self) -> None:
        """Sweeps broken connections away until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = loop.time()
            for door in self.doors.values():
                for connection in tuple(door.connections):
                    connection.sweep(now)

    def close(self) -> None:
        """Closes every door."""
        for door in self.doors.values():
            door.close()
        self.doors.clear()

    def handle(self, agent: Agent, call: AnyCall, reply: Reply) -> None:
        """Carries one call out."""
        self.rpc.handle(agent, call, reply)

    def _durable(self, records: list[bytes]) -> None:
        if any(kind_of(record) == b"policy.loaded" for record in records):
            task = asyncio.get_running_loop().create_task(self._sync_logged())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _sync_logged(self) -> None:
        try:
            await self.sync()
        except (SocketError, OSError, ValueError) as error:
            log.error("an agent's socket cannot be opened", error=str(error))


def _raise_file_limit() -> int:
    """Lets the process open as many files as it may; gives that number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_WANTED if hard == resource.RLIM_INFINITY else min(hard, FILES_WANTED)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft
