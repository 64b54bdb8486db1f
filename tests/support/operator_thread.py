"""The scripted operator socket in a thread of its own.

For tests whose event loop belongs to another library.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from tests.support.operator_server import Json, OperatorServer

Value = TypeVar("Value")
SCENES = Path(__file__).parent.parent / "console" / "data"


class ThreadedOperator:
    """Starts and stops the server, and runs anything on its loop."""

    def __init__(self, home: Path, scene: str) -> None:
        self.home = home
        self.server = OperatorServer(home, SCENES / f"{scene}.json")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.start()

    def do(self, work: Callable[[], Value]) -> Value:
        """Runs `work` on the server's loop and gives its result."""

        async def run() -> Value:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def begin(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        """Runs a coroutine on the server's loop beside everything else."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def start(self) -> None:
        asyncio.run_coroutine_threadsafe(self.server.start(), self._loop).result(10)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.server.stop(), self._loop).result(10)

    def close(self) -> None:
        """Ends server and thread."""
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def event(self, kind: str, data: Json, at: int | None = None) -> None:
        self.do(lambda: self.server.push_event(kind, data, at))

    def health(self, now_ms: int, **members: Any) -> None:
        self.do(lambda: self.server.push_health(now_ms, **members))

    def asked(self, method: str) -> list[Json]:
        """The params of every call of a method so far."""
        return self.do(lambda: [params for name, params in self.server.asked if name == method])
