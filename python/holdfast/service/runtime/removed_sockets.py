"""Sockets whose files were removed or replaced while the guardian runs: no client finds it then.

Each is made again, and is a condition as long as that fails and for ten minutes afterwards: another
program of the guardian's user did it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from holdfast.service.runtime.conditions import Condition, Conditions
from holdfast.service.runtime.logs import get_logger
from holdfast.service.runtime.unix_socket import SocketError

log = get_logger()

CODE = "socket_removed"
SHOWN_SECONDS = 600.0
RETRY_SECONDS = 10.0
STEP = (
    "find out which program of this user did it: clients that connected meanwhile may have talked "
    "to that program"
)


@dataclass(slots=True)
class _Removed:
    at: float
    tried_at: float
    fault: str | None


class RemovedSockets:
    """What was found, by path. `source` tells its conditions apart from those of others."""

    def __init__(self, conditions: Conditions, source: str, time: Callable[[], float]) -> None:
        self._conditions = conditions
        self._source = f"removed:{source}"
        self._time = time
        self._found: dict[Path, _Removed] = {}

    async def look(
        self, path: Path, is_in_place: bool, make: Callable[[], Awaitable[None]]
    ) -> None:
        """Has the socket of `path` made again where it is not in its place.

        `make` is called at once and then every ten seconds.
        """
        now = self._time()
        known = self._found.get(path)
        if is_in_place:
            if known is not None and known.fault:
                self._found[path] = _Removed(now, now, None)
                self._tell()
            return
        if known is not None and known.fault and now - known.tried_at < RETRY_SECONDS:
            return
        fault = None
        try:
            await make()
        except (SocketError, OSError) as error:
            fault = str(error)
        if known is None or known.fault != fault:
            log.error("a socket was removed or replaced", path=str(path), fault=fault)
        self._found[path] = _Removed(now, now, fault)
        self._tell()

    def tick(self) -> None:
        """Forgets what was long ago."""
        before = len(self._found)
        until = self._time() - SHOWN_SECONDS
        self._found = {
            path: each for path, each in self._found.items() if each.fault or each.at > until
        }
        if len(self._found) != before:
            self._tell()

    def _tell(self) -> None:
        self._conditions.put(self._source, map(_condition, self._found, self._found.values()))


def _condition(path: Path, removed: _Removed) -> Condition:
    text = f"the socket `{path}` was removed or replaced under the running guardian"
    if removed.fault:
        text += f" and cannot be made again: {removed.fault}"
    else:
        text += "; it was made again"
    return Condition(CODE, "action", text, STEP, about=str(path))
