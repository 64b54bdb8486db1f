"""The daemon's life.

Lock, replay, sockets, and only then what takes long to load; the same in reverse at the end.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import uvloop

from holdfast.secrets.passphrase import wipe
from holdfast.service.alerts.routes import parse_routes
from holdfast.service.config import load_config
from holdfast.service.config_file import ConfigFile
from holdfast.service.guardian.core import Sealed
from holdfast.service.guardian.policy_file import PolicyRejected
from holdfast.service.guardian.session import open_log_key
from holdfast.service.home.folder import Home
from holdfast.service.local import LocalServices
from holdfast.service.remote import RemoteServices
from holdfast.service.runtime import logs
from holdfast.service.runtime.lock import HomeLock
from holdfast.service.runtime.logs import get_logger
from holdfast.service.runtime.memory import give_back, limit_malloc_arenas
from holdfast.service.runtime.tasks import Supervisor
from holdfast.service.runtime.unix_socket import SocketError
from holdfast.service.signer.client import SignerError

log = get_logger()

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
        # A file with a fault is refused before anything is opened.
        config = load_config(home.config_path)
        parse_routes(config.alert, home.path)
        logs.set_up(config.log_level)
        limit_malloc_arenas()
        sys.setswitchinterval(SWITCH_SECONDS)
        with HomeLock(home.lock_path), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(Daemon(home, passphrase).serve())
        return 0
    except (PolicyRejected, SocketError, SignerError) as error:
        text = error.args[1] if isinstance(error, PolicyRejected) else error
        print(f"holdfast: {text}", file=sys.stderr)
        return 1
    finally:
        wipe(passphrase)


class Daemon:
    """All parts, from start to stop."""

    def __init__(self, home: Home, passphrase: bytearray) -> None:
        self._home = home
        self._passphrase = passphrase
        self._stop = asyncio.Event()
        self._error: BaseException | None = None

    async def serve(self) -> None:
        """Starts, waits for the end, stops. Raises what ended it, if it was not asked to end."""
        local = self._local_services()
        routes = parse_routes(local.config.alert, self._home.path)
        remote = RemoteServices(local, routes, self._passphrase)
        supervisor = Supervisor(self._failed)
        loop = asyncio.get_running_loop()
        # Before the sockets open: a client that sees one may already ask for the end.
        ends = [signal.SIGTERM, signal.SIGINT]
        # `nohup` has the guardian go on after its terminal.
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            ends.append(signal.SIGHUP)
        for number in ends:
            loop.add_signal_handler(number, self._stop.set)
        try:
            await local.open(remote.node, nodes_later=True)
            loop.add_signal_handler(signal.SIGUSR1, local.freeze_by_signal)
            local.run(supervisor)
            supervisor.start("remote", self._start(remote, supervisor))
            # What was loaded so far lives as long as the process: no need to look at it again and
            # again.
            gc.collect()
            gc.freeze()
            await self._stop.wait()
        finally:
            await self._close(local, remote, supervisor)
        if self._error is not None:
            raise self._error

    async def _start(self, remote: RemoteServices, supervisor: Supervisor) -> None:
        await remote.start(supervisor)
        # Replay, two compiled policies and the loading of libraries needed more than what stays.
        give_back()

    def _local_services(self) -> LocalServices:
        """Opens the log's key while the journal is replayed: each takes most of a second."""
        with ThreadPoolExecutor(1, thread_name_prefix="log-key") as aside:
            opened = aside.submit(open_log_key, self._home.log_key_path, self._passphrase)
            return LocalServices(self._home, ConfigFile(self._home), opened.result)

    def _failed(self, name: str, error: BaseException) -> None:
        """A part failed: end in good order, and let the next start replay what is on disk."""
        if self._error is None:
            self._error = error
        if not isinstance(error, SignerError):
            log.error("a part of the guardian failed", part=name, exc_info=error)
        self._stop.set()

    async def _close(
        self, local: LocalServices, remote: RemoteServices, supervisor: Supervisor
    ) -> None:
        """Takes no more requests, lets the journal say so, signs and stores the end, and goes."""
        await local.close_gate()
        await supervisor.stop()
        await remote.stop_sending()
        with suppress(Sealed):
            await local.say_stopped()
        try:
            async with asyncio.timeout(STOP_SECONDS_MAX):
                await remote.close(last_note=local.started and local.core.sealed is None)
        except TimeoutError:
            log.warning("not everything ended in time")
        await local.close()
        log.info("stopped", events=local.core.durable_size)
