"""The daemon's life: lock, replay, sockets, and only then what takes long to load; the same in
reverse at the end.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from contextlib import suppress

import structlog
import uvloop

from holdfast import __version__
from holdfast.secrets.passphrase import wipe
from holdfast.service import logs
from holdfast.service.alerts_routes import Route, parse_routes
from holdfast.service.clock import Clock
from holdfast.service.config import Config, load_config
from holdfast.service.core import Core, Sealed
from holdfast.service.event import parse
from holdfast.service.freeze_file import EVERYTHING, FreezeFile
from holdfast.service.gate import Gate
from holdfast.service.health import Health
from holdfast.service.holds import Holds
from holdfast.service.home import Home
from holdfast.service.journal import Journal
from holdfast.service.journal_file import JournalReader
from holdfast.service.lock import HomeLock
from holdfast.service.operator_methods import OperatorMethods
from holdfast.service.operator_socket import OperatorSocket
from holdfast.service.outside import Outside
from holdfast.service.policy_file import PolicyFile, PolicyRejected
from holdfast.service.reads import Reads
from holdfast.service.restore import restore
from holdfast.service.rpc import Rpc
from holdfast.service.sends import Sends
from holdfast.service.signer_client import SignerError
from holdfast.service.stream import Stream
from holdfast.service.supervise import Supervisor
from holdfast.service.ticker import Ticker
from holdfast.service.unix_socket import ListeningSocket, SocketError
from holdfast.service.watch import watch

log = structlog.get_logger()

# The journal's writer needs the interpreter once a commit; the default of 5 ms would cost that much
# each time.
SWITCH_SECONDS = 0.0005
STOP_SECONDS_MAX = 10.0


def run(home: Home, passphrase: bytearray) -> int:
    """Serves `home` until SIGTERM or SIGINT; gives the exit code. Zeroes the passphrase.

    Raises ConfigError, HomeError, HomeInUse and JournalError before anything is served; every other
    refusal is said on
    stderr.
    """
    os.umask(0o077)
    try:
        config = load_config(home.config_path)
        routes = parse_routes(config.alert, home.path)
        logs.set_up(config.log_level)
        sys.setswitchinterval(SWITCH_SECONDS)
        with HomeLock(home.lock_path), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(Daemon(home, config, routes, passphrase).serve())
    except (PolicyRejected, SocketError, SignerError) as error:
        text = error.args[1] if isinstance(error, PolicyRejected) else error
        print(f"holdfast: {text}", file=sys.stderr)
        return 1
    finally:
        wipe(passphrase)


class Daemon:
    """All parts, from start to stop."""

    def __init__(
        self, home: Home, config: Config, routes: list[Route], passphrase: bytearray
    ) -> None:
        self._home = home
        self._config = config
        self._routes = routes
        self._passphrase = passphrase
        self._stop = asyncio.Event()
        self._started = False
        self._error: BaseException | None = None

    async def serve(self) -> int:
        """Starts, waits for the end, stops."""
        self._loop = asyncio.get_running_loop()
        self._journal = Journal(self._home.journal_path)
        try:
            self._open_core()
            try:
                await self._open()
                await self._stop.wait()
            finally:
                await self._close()
        finally:
            self._journal.close()
        if self._error is not None:
            raise self._error
        return 0

    def _open_core(self) -> None:
        """Replays the journal; from here on time comes from it."""
        restored = restore(self._journal.reader)
        for remark in restored.remarks:
            log.warning("a stored state was passed over", remark=remark)
        self._identity = restored.identity
        clock = Clock()
        clock.start(restored.guard.last_at)
        self._core = Core(restored.guard, self._journal, clock)
        self._core.on_sealed(lambda text: log.error("SEALED", reason=text))
        self._supervisor = Supervisor(self._crashed)
        self._reader = JournalReader(self._home.journal_path)
        self._gate: Gate | None = None
        self._operator: OperatorSocket | None = None
        self._outside: Outside | None = None
        self._reads: Reads | None = None

    async def _open(self) -> None:
        core, home, config = self._core, self._home, self._config
        policy = PolicyFile(home.policy_path, core)
        freeze_file = FreezeFile(home.freeze_file, core)
        policy.load_at_start()
        core.started(__version__)
        self._started = True
        await freeze_file.obey()
        await core.durable()
        ticker = Ticker(core)
        ticker.check_clock()
        stream = Stream(core, self._reader)
        health = Health(core, policy)
        holds = Holds(core, config.gate.hold_ms, config.gate.retry_after_s)
        sends = Sends(core, holds, config.gate.retry_after_s)
        self._outside = Outside(
            core, self._journal, home, config, self._routes, health, self._passphrase
        )
        self._reads = Reads(core.guard, self._outside.node, config.reads)
        self._gate = Gate(core, home, Rpc(core, sends, self._reads), holds, config.gate)
        await self._gate.sync()
        methods = OperatorMethods(
            core=core,
            stream=stream,
            reader=self._reader,
            gate=self._gate,
            policy=policy,
            freeze_file=freeze_file,
            home=home,
            identity=self._identity,
            operators=parse(self._reader.records(0, 1)[0])["data"]["operators"],
            health=health,
        )
        # Last of the sockets: who can reach it finds everything open.
        listening = ListeningSocket(home.operator_socket)
        self._operator = OperatorSocket(listening, stream, methods.table, health.report)
        await self._operator.open()
        self._signals()
        log.info("ready", home=str(home.path), events=core.durable_size, version=__version__)
        start = self._supervisor.start
        start("gate", self._gate.run())
        start("operator", self._operator.run())
        start("clock", ticker.run())
        start("watch", watch(policy, freeze_file))
        start("outside", self._outside.start(self._supervisor))
        gc.collect()
        gc.freeze()

    def _signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stop.set)
        self._loop.add_signal_handler(signal.SIGUSR1, self._freeze_by_signal)

    def _freeze_by_signal(self) -> None:
        with suppress(Sealed):
            self._core.freeze(EVERYTHING, "SIGUSR1", "signal")
            self._core.flush()
            log.warning("frozen by signal")

    def _crashed(self, name: str, error: BaseException) -> None:
        """A part failed: end in good order, and let the next start replay what is on disk."""
        if self._error is None:
            self._error = error
        if not isinstance(error, SignerError):
            log.error("a part of the daemon failed", part=name, exc_info=error)
        self._stop.set()

    async def _close(self) -> None:
        """Takes no more requests, lets the journal say so, signs and stores the end, and goes."""
        if self._gate is not None:
            self._gate.close()
        if self._reads is not None:
            await self._reads.close()
        # Connections that were dropped say so in the next turns; what they waited for is then
        # marked.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await self._supervisor.stop()
        with suppress(Sealed):
            if self._outside is not None:
                await self._outside.stop_sending()
            if self._started:
                self._core.stopped()
            await self._core.durable()
        if self._outside is not None:
            try:
                async with asyncio.timeout(STOP_SECONDS_MAX):
                    await self._outside.close(last_note=self._started and self._core.sealed is None)
            except TimeoutError:
                log.warning("not everything ended in time")
        if self._operator is not None:
            self._operator.close()
            await asyncio.sleep(0)
        self._reader.close()
        log.info("stopped", events=self._core.durable_size)
