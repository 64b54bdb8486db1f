"""Room on the disk for what must be written: the reserve is given up for it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable

from holdfast.service.journal.reserve import Reserve
from holdfast.service.journal.sqlite.errors import is_full


class Room:
    """Shared by the writer and the mover.

    So what the mover moves never takes the room that a commit waits for.
    """

    def __init__(self, reserve: Reserve | None) -> None:
        self._reserve = reserve
        self._moving = threading.Lock()

    def write(self, statement: Callable[[], object]) -> None:
        """Writes.

        When there is no room SQLite undoes the statement; it is run again in the room of the
        reserve. Raises sqlite3.Error.
        """
        try:
            statement()
        except sqlite3.Error as error:
            if self._reserve is None or not is_full(error):
                raise
            with self._moving:
                # Tried again also when there was nothing left to give up: room may have come since.
                self._reserve.give_up()
                statement()

    def move(self, statement: Callable[[], object]) -> None:
        """Moves nothing while the reserve is given up: its room is for what is not yet durable.

        Raises sqlite3.Error, but not for a lack of room: what is durable stays in the write-ahead
        log, and is moved when there is some.
        """
        with self._moving:
            if self._reserve is not None and not self._reserve.held:
                return
            try:
                statement()
            except sqlite3.Error as error:
                if self._reserve is None or not is_full(error):
                    raise
