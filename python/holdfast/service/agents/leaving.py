"""Answers on their way.

An outcome counts as delivered when a living connection took the line it is in, which for a call of
a batch is the line of the whole batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from holdfast.service.agents.reply import Out, Reply

# (request id, whether it was received)
Known = Callable[[str, bool], None]


class Leaving:
    """The answers that leave for one request at once."""

    def __init__(self, request_id: str, replies: Sequence[Reply], known: Known) -> None:
        self.request_id = request_id
        self._replies = list(replies)
        self._left = len(self._replies)
        self._taken = False
        self._known = known

    @property
    def is_known(self) -> bool:
        """Whether each of them left or is lost."""
        return self._left == 0

    def begin(self) -> None:
        """Waits for all of them; `known` is called once, at once where none is in a batch."""
        if not self._replies:
            self._known(self.request_id, False)
        for reply in tuple(self._replies):
            reply.when_left(self._one)

    def is_for(self, out: Out) -> bool:
        """Whether one of them still waits for this connection."""
        return not self.is_known and any(each.connection is out for each in self._replies)

    def _one(self, taken: bool) -> None:
        self._left -= 1
        self._taken = self._taken or taken
        if self._left == 0:
            self._known(self.request_id, self._taken)
