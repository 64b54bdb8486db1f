"""What the authors of contracts say of a request (ERC-7730), for the operator's eyes alone.

It is made on demand, from the journalled request: never journalled, never part of a
digest, a verdict or an approval. Whatever is wrong with a descriptor costs its lines and nothing
else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import orjson

from holdfast._core import ClearSigning, Guard, HoldfastError
from holdfast.service.operator_api.descriptor_folder import read_folder
from holdfast.service.runtime.logs import get_logger

log = get_logger()

FAULTS_LOGGED_MAX = 20
STEP_MS = 50
DEBOUNCE_MS = 400
# How often it is looked whether the folder is still the one that is watched.
LOOK_MS = 2_000

Json = dict[str, Any]


class Descriptors:
    """The descriptors of one folder, read again whenever something in it changes."""

    def __init__(self, guard: Guard, folder: Path | None) -> None:
        self._guard = guard
        self._folder = folder
        self._found: ClearSigning | None = None
        self._missing = False

    def __len__(self) -> int:
        return 0 if self._found is None else len(self._found)

    def claim(self, view: Json) -> Json | None:
        """`{"display": [{label, value}], "warnings": [{code, text}]}` of a request view.

        None when no descriptor speaks of it.
        """
        found = self._found
        request = _decodable(view)
        if not found or request is None:
            return None
        chain_id = int(view["chain_id"])
        try:
            own = orjson.loads(self._guard.decode(request, chain_id))
            both = orjson.loads(self._guard.decode(request, chain_id, found))
        except HoldfastError:
            # What is denied by now whatever a policy says has no lines of its own either.
            return None
        display = both["display"][len(own["display"]) :]
        warnings = [each for each in both["warnings"] if each not in own["warnings"]]
        return {"display": display, "warnings": warnings} if display or warnings else None

    async def run(self) -> None:
        """Reads the folder now and after every change, until cancelled.

        Does nothing without one.
        """
        folder = self._folder
        while folder is not None:
            try:
                await self._follow(folder)
            except OSError as error:
                if not self._missing:
                    log.warning("no folder of descriptors", path=str(folder), error=error.strerror)
                self._missing, self._found = True, None
                await asyncio.sleep(LOOK_MS / 1000)

    async def _follow(self, folder: Path) -> None:
        """Until another folder is in its place. Raises OSError when there is none."""
        from watchfiles import awatch

        folder = await asyncio.to_thread(folder.resolve, strict=True)
        identity = _identity(folder)
        changes = awatch(
            folder,
            step=STEP_MS,
            debounce=DEBOUNCE_MS,
            rust_timeout=LOOK_MS,
            yield_on_timeout=True,
        )
        async with aclosing(changes):
            while _identity(folder) == identity:
                await self._read_while(folder, changes)

    async def _read_while(self, folder: Path, changes: AsyncGenerator[set[Any], None]) -> None:
        """Reads once the watch has begun, so that no change falls between the two.

        Returns after the next change.
        """
        identity = _identity(folder)
        coming = asyncio.ensure_future(anext(changes))
        try:
            await asyncio.sleep(0)
            await self._read(folder)
            changed = await coming
            while not changed and _identity(folder) == identity:
                changed = await anext(changes)
        finally:
            coming.cancel()
            with suppress(asyncio.CancelledError):
                await coming

    async def _read(self, folder: Path) -> None:
        found, faults = await asyncio.to_thread(read_folder, folder)
        self._found, self._missing = found, False
        for path, text in faults[:FAULTS_LOGGED_MAX]:
            log.warning("a descriptor is left out", path=path, reason=text)
        log.info("descriptors read", count=len(found), faults=len(faults))


def _identity(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino


def _decodable(view: Json) -> bytes | None:
    """The request as `decode` takes it.

    None for what no descriptor can be about, and for one whose contents are forgotten.
    """
    request = view.get("request")
    if not isinstance(request, dict):
        return None
    if view.get("kind") == "typed-data" and request.get("json"):
        return orjson.dumps({"typed_data": request["json"], "from": view["wallet"]})
    if view.get("kind") == "transaction" and request.get("to"):
        names = ("to", "data")
        transaction = {name: request[name] for name in names}
        transaction |= {"from": view["wallet"], "value": hex(int(request["value"]))}
        return orjson.dumps({"tx": transaction})
    return None
