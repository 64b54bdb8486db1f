"""The parts that reach outside the process.

Signer, chains, driver, alerts and notes, started behind the open sockets.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import CancelledError
from functools import partial
from typing import TYPE_CHECKING

import orjson

from holdfast.service.alerts.routes import Route
from holdfast.service.chain.endpoint_watch import EndpointWatch
from holdfast.service.chain.node import Node
from holdfast.service.guardian.checkpoints import Checkpoints
from holdfast.service.guardian.core import Sealed
from holdfast.service.journal.open import open_reader
from holdfast.service.local import LocalServices
from holdfast.service.pipeline.driver import Driver
from holdfast.service.pipeline.nonce_watch import NonceWatch
from holdfast.service.runtime.conditions import Condition
from holdfast.service.runtime.event import Record
from holdfast.service.runtime.logs import get_logger
from holdfast.service.runtime.tasks import Supervisor
from holdfast.service.signer.client import Signer, SignerError, SignerGone

if TYPE_CHECKING:
    from holdfast.service.alerts.reader import Alerts

log = get_logger()

SUMMARY_S_MAX = 2.0


class RemoteServices:
    """Starts them in order of use; requests wait until they are there."""

    def __init__(self, local: LocalServices, routes: list[Route], passphrase: bytearray) -> None:
        self._core = local.core
        self._nodes_ready = local.nodes_ready
        self._clock = local.clock
        self._facts = local.facts
        self._journal = local.journal
        self._home = local.home
        self._config = local.config
        self._health = local.health
        self._turns = local.turns
        self._waiting = local.waiting
        self._followed_from = local.followed_from
        self._routes = routes
        self._passphrase = passphrase
        self._signer: Signer | None = None
        self._driver: Driver | None = None
        self._notes: Checkpoints | None = None
        self._alerts: Alerts | None = None

    def node(self, chain_id: int) -> Node | None:
        """The node of a chain, None while there is none."""
        chains = self._health.chains
        return None if chains is None else chains.get(chain_id)

    async def start(self, supervisor: Supervisor) -> None:
        """Starts everything. Raises SignerError when the keys cannot be opened."""
        from holdfast.service.chain.chain import Chains

        loop = asyncio.get_running_loop()
        alerts = self._alerts = self._health.alerts = await asyncio.to_thread(
            self._open_alerts, loop
        )
        self._core.listen(alerts.more)
        self._core.on_sealed(alerts.sealed)
        self._health.conditions.listen(alerts.condition)
        compare = self._config.compare_signatures
        signer = await Signer.start(self._home, self._passphrase, compare=compare)
        self._signer = self._health.signer = signer
        await signer.follow(*self._followed_from)
        signer.on_gone(partial(self._signer_gone, supervisor))
        chains = self._health.chains = Chains(self._config.endpoint, self._health.conditions)
        self._notes = Checkpoints(self._core, self._journal, signer, self._config.journal)
        supervisor.start("notes", self._notes.run())
        await chains.start()
        self._clock.take(chains)
        # Before prices and code are looked at: their age is measured by the guardian's time.
        await self._clock.look()
        self._nodes_ready()
        self._driver = driver = Driver(
            self._core,
            signer,
            chains,
            self._turns,
            self._facts,
            self._config.sending,
            self._waiting,
        )
        await driver.start()
        conditions = self._health.conditions
        watch = NonceWatch(
            self._core,
            chains,
            conditions,
            signer.wallets,
            driver.refused,
            counted=driver.undone,
            agents_alone=self._config.sending.released_ms == 0,
        )
        self._health.nonces = watch
        supervisor.start("nonces", watch.run())
        supervisor.start("endpoints", EndpointWatch(chains, conditions).run())
        log.info("signing", wallets=signer.wallets)

    def _signer_gone(self, supervisor: Supervisor, text: str) -> None:
        """Nothing is signed any more: told everywhere, and the end if the operator wants that."""
        log.error("the signer is gone", text=text)
        step = "restart the guardian: it resumes open requests"
        self._health.conditions.put("signer", [Condition("signer_gone", "critical", text, step)])
        if self._config.end_with_signer:
            supervisor.start("signer", _end(SignerGone(text)))

    def _open_alerts(self, loop: asyncio.AbstractEventLoop) -> Alerts:
        from holdfast.service.alerts.reader import Alerts

        async def ask(request_id: str) -> bytes | None:
            return self._core.guard.summary(request_id)

        def summarise(request_id: str) -> Record | None:
            """The guard belongs to the loop's thread. Without an answer the alert names no one."""
            asked = asyncio.run_coroutine_threadsafe(ask(request_id), loop)
            try:
                found = asked.result(SUMMARY_S_MAX)
            except (TimeoutError, CancelledError, RuntimeError):
                return None
            return None if found is None else orjson.loads(found)

        reader = open_reader(self._home.journal_path)
        path = self._home.path / "outbox.sqlite"
        alerts = Alerts(self._routes, path, reader, summarise=summarise)
        alerts.start(self._core.durable_size, self._followed_from[0])
        return alerts

    async def stop_sending(self) -> None:
        """Begins nothing new on the chains."""
        if self._health.nonces is not None:
            self._health.nonces.close()
        if self._driver is not None:
            await self._driver.stop()

    async def close(self, *, last_note: bool) -> None:
        """Signs and stores the end of the log, then ends the parts."""
        if last_note and self._notes is not None:
            try:
                await self._notes.snapshot()
            except (Sealed, SignerError) as error:
                log.warning("the end of the log is not signed", error=str(error))
        if self._signer is not None:
            await self._signer.close()
        if self._health.chains is not None:
            await self._health.chains.stop()
        if self._alerts is not None:
            self._core.unlisten(self._alerts.more)
            await asyncio.to_thread(self._alerts.stop)


async def _end(error: SignerError) -> None:
    """Ends the daemon with these words."""
    raise error
