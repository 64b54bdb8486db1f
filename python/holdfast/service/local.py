"""The parts within the process: journal, core, sockets.

They need no key and no chain, and open first.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import suppress

from holdfast import __version__
from holdfast.secrets.held import held_wallets
from holdfast.secrets.passing_key import PassingKey
from holdfast.service.agents.batches import Batches
from holdfast.service.agents.budgets import Budgets
from holdfast.service.agents.folder import place_agents
from holdfast.service.agents.intake import Intake
from holdfast.service.agents.listener import Gate
from holdfast.service.agents.node_reads import Reads
from holdfast.service.agents.pending_calls import PendingCalls
from holdfast.service.agents.rpc import Rpc
from holdfast.service.agents.signing_calls import SigningCalls
from holdfast.service.agents.subscriptions import NewHeads
from holdfast.service.chain.chain import Chain
from holdfast.service.chain.node import FindNode, Node
from holdfast.service.chain.witness import Witness
from holdfast.service.config import Config
from holdfast.service.config_file import ConfigFile
from holdfast.service.facts.code import CodeFacts
from holdfast.service.facts.gather import FactSources
from holdfast.service.facts.prices.facts import PriceFacts
from holdfast.service.facts.readings import ReadingFacts
from holdfast.service.guardian.clock_watch import ClockWatch
from holdfast.service.guardian.core import Core, Sealed
from holdfast.service.guardian.freeze_file import EVERYTHING, FreezeFile
from holdfast.service.guardian.journal_alarm import JournalAlarm
from holdfast.service.guardian.policy_file import PolicyFile
from holdfast.service.guardian.session import begin
from holdfast.service.guardian.shadow import Shadow
from holdfast.service.guardian.ticker import Ticker
from holdfast.service.guardian.waiting import Waiting
from holdfast.service.guardian.watch import HomeWatch
from holdfast.service.home.folder import Home
from holdfast.service.journal.disk import Disk
from holdfast.service.journal.open import open_reader, open_writer
from holdfast.service.journal.replay import restore
from holdfast.service.journal.reserve import Reserve
from holdfast.service.operator_api.descriptors import Descriptors
from holdfast.service.operator_api.health import Health
from holdfast.service.operator_api.methods import OperatorMethods
from holdfast.service.operator_api.socket import OperatorSocket
from holdfast.service.operator_api.stream import Stream
from holdfast.service.runtime.clock import Clock
from holdfast.service.runtime.event import parse
from holdfast.service.runtime.logs import get_logger
from holdfast.service.runtime.tasks import Supervisor
from holdfast.service.runtime.turns import Turns
from holdfast.service.runtime.unix_socket import ListeningSocket

log = get_logger()


class LocalServices:
    """Replays the journal when made; serves from `open` to `close`."""

    def __init__(
        self,
        home: Home,
        config: Config | ConfigFile,
        log_key: Callable[[], PassingKey],
        clock: Clock | None = None,
    ) -> None:
        """Of a `ConfigFile` only what an operator signed is used.

        `log_key` gives the log's opened key; it is asked for once, after the replay, and the key is
        overwritten. Must be made on the running loop, with the home's lock held.

        Raises JournalError, ConfigError, HomeError, and what `log_key` raises.
        """
        self.home = home
        limits = config.limits() if isinstance(config, ConfigFile) else config
        time = asyncio.get_running_loop().time
        reserve = Reserve(home.reserve_path, limits.journal.reserve_bytes)
        self.journal = open_writer(home.journal_path, reserve)
        self.disk = Disk(home.path, self.journal.bytes_used, reserve, limits.journal, time)
        try:
            restored = restore(self.journal.reader)
            begin(self.journal, restored, log_key())
        except BaseException:
            self.journal.close()
            raise
        for remark in restored.remarks:
            log.warning("a stored state was passed over", remark=remark)
        self.identity = restored.identity
        # From here the signer follows the log: (size, compact range).
        self.followed_from = restored.guard.size, restored.guard.log_range()
        clock = clock or Clock()
        clock.start(restored.guard.last_at)
        self.core = core = Core(restored.guard, self.journal, clock)
        core.on_sealed(lambda text: log.error("SEALED", reason=text))
        self.waiting = Waiting(limits.sending.wait_ms)
        self.turns = Turns(asyncio.get_running_loop().time)
        self.reader = open_reader(home.journal_path)
        self._alarm = JournalAlarm(core, self.journal)
        self.freeze_file = FreezeFile(home.freeze_file, core)
        file = config if isinstance(config, ConfigFile) else None
        if isinstance(config, ConfigFile):
            config = config.in_force(core)
            runtime = os.environ.get("RUNTIME_DIRECTORY")
            self.home = home = place_agents(home, config.agents_dir, runtime)
        self.config = config
        self.policy = PolicyFile(home, core, held_wallets(home.wallets_dir))
        self._watch = HomeWatch(self.policy, self.freeze_file)
        self.health = Health(core, self.policy, self.disk)
        self.health.journal, self.health.config = self._alarm, file
        self.code = self.health.code = CodeFacts(core, self._find_node)
        self.prices = self.health.prices = PriceFacts(core, self._find_node, config.price)
        self.shadow = self.health.shadow = Shadow(home.shadow_path, core, self.reader)
        clock.on_moved(self.code.moved)
        clock.on_moved(self.prices.moved)
        readings = ReadingFacts(core, self._find_nodes)
        self.facts = FactSources(core, self.code, self.prices, readings)
        self.clock = ClockWatch(core, self.health.conditions, chains=bool(config.endpoint))
        folder = home.path / config.registry if config.registry else None
        self.descriptors = Descriptors(core.guard, folder)
        self._node: FindNode | None = None
        self._ticker: Ticker | None = None
        self._gate: Gate | None = None
        self._pending_calls: PendingCalls | None = None
        self._reads: Reads | None = None
        self._new_heads: NewHeads | None = None
        self._operator: OperatorSocket | None = None
        self._started = False

    async def open(self, node: FindNode, *, nodes_later: bool = False) -> None:
        """Takes the policy over and opens the sockets, the operator's last.

        Who can reach that one finds all open. With `nodes_later`, reads wait until `nodes_ready`.

        Raises PolicyRejected, SocketError, Sealed.
        """
        core, home, gate_config = self.core, self.home, self.config.gate
        self._node = node
        await self._alarm.freeze()
        self.disk.look()
        self.policy.load_at_start()
        self.prices.take_policy()
        core.started(__version__)
        self._started = True
        await self.freeze_file.obey()
        await core.durable()
        self._ticker = Ticker(core)
        self.clock.check()
        stream = Stream(core, self.reader)
        pending_calls = PendingCalls(
            core, gate_config.hold_ms, gate_config.retry_after_s, self.waiting
        )
        self._pending_calls = pending_calls
        time, turns = asyncio.get_running_loop().time, self.turns
        budgets = Budgets(gate_config, self.config.reads.calls_per_minute, time)
        intake = Intake(core, self.facts, budgets, self.disk, gate_config)
        signing_calls = SigningCalls(core, intake, pending_calls, self.waiting)
        self._reads = Reads(core.guard, node, self.config.reads, budgets)
        if nodes_later:
            self._reads.wait_for_nodes()
        self._new_heads = NewHeads(node)
        batches = Batches(core, intake, signing_calls, pending_calls, self._reads)
        rpc = Rpc(intake, signing_calls, batches, self._reads, self._new_heads)
        conditions = self.health.conditions
        self._gate = Gate(core, home, rpc, pending_calls, gate_config, budgets, turns, conditions)
        self.health.gate = self._gate
        await self._gate.sync()
        methods = OperatorMethods(
            core=core,
            stream=stream,
            reader=self.reader,
            policy=self.policy,
            freeze_file=self.freeze_file,
            home=home,
            identity=self.identity,
            operators=parse(self.reader.records(0, 1)[0])["data"]["operators"],
            health=self.health,
            configs=self.health.config or ConfigFile(home),
            descriptors=self.descriptors,
            facts=self.facts,
            waiting=self.waiting,
            clock=self.clock,
        )
        listening = ListeningSocket(home.operator_socket)
        self._operator = OperatorSocket(
            listening, stream, methods.table, self.health.report, turns, conditions
        )
        await self._operator.open()
        log.info("ready", home=str(home.path), events=core.durable_size, version=__version__)

    def run(self, supervisor: Supervisor) -> None:
        """Starts what goes on in the background. Call after `open`."""
        if self._gate is None or self._operator is None:
            raise RuntimeError("`open` comes first")
        supervisor.start("gate", self._gate.run())
        supervisor.start("operator", self._operator.run())
        supervisor.start("clock", self.clock.run())
        supervisor.start("watch", self._watch.run())
        supervisor.start("shadow", self.shadow.run())
        supervisor.start("descriptors", self.descriptors.run())
        supervisor.start("code", self.code.run())
        supervisor.start("prices", self.prices.run())

    def nodes_ready(self) -> None:
        """The chains' nodes were asked for the first time: reads that wait for them go on."""
        if self._reads is not None:
            self._reads.nodes_ready()
        self.code.wake()
        self.prices.wake()

    def _find_node(self, chain_id: int) -> Node | None:
        return None if self._node is None else self._node(chain_id)

    def _find_nodes(self, chain_id: int) -> Sequence[Witness]:
        node = self._find_node(chain_id)
        # Also those that rest: a node that says nothing is no reason to believe the others.
        return node.witnesses if isinstance(node, Chain) else ()

    def freeze_by_signal(self) -> None:
        """Freezes everything."""
        with suppress(Sealed):
            self.core.freeze(EVERYTHING, "SIGUSR1", "signal")
            self.core.flush()
            log.warning("frozen by signal")

    async def close_gate(self) -> None:
        """Takes no more requests.

        What dropped callers waited for is marked, so that their retry joins it.
        """
        if self._gate is not None:
            self._gate.close()
        if self._reads is not None:
            await self._reads.close()
        if self._new_heads is not None:
            await self._new_heads.close()
        # Dropped connections say so in the loop's next turns.
        for _ in range(3):
            await asyncio.sleep(0)
        if self._pending_calls is not None:
            self._pending_calls.close()

    async def say_stopped(self) -> None:
        """The last event of this run. Raises Sealed."""
        if self._started:
            self.core.stopped()
        await self.core.durable()

    async def close(self) -> None:
        """Closes the operator's socket and the journal."""
        if self._ticker is not None:
            self._ticker.stop()
        if self._operator is not None:
            self._operator.close()
            await asyncio.sleep(0)
        self.reader.close()
        self.journal.close()

    @property
    def started(self) -> bool:
        """Whether `open` got as far as an event."""
        return self._started
