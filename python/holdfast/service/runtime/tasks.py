"""Keeps the daemon's background tasks.

Ends the daemon when one of them ends in a way that was not foreseen.

A guardian with a dead part could miss a deadline or an alert unseen. Ending is
safe: the next start replays what is on disk.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Supervisor:
    """Background tasks by name."""

    def __init__(self, on_crash: Callable[[str, BaseException], None]) -> None:
        """`on_crash(name, error)` is called when a task ends with an exception."""
        self._on_crash = on_crash
        self._tasks: dict[str, asyncio.Task[Any]] = {}

    def start(self, name: str, work: Coroutine[Any, Any, Any]) -> None:
        """Runs `work` until it ends or `stop` is called."""
        task = asyncio.create_task(work, name=name)
        self._tasks[name] = task
        task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Cancels what still runs and waits for it."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self._on_crash(task.get_name(), error)
