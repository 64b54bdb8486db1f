"""Calls to one node at the same time go to it in one post.

As a JSON-RPC batch, where it takes them. Where it does not, each goes alone, and the one who asks
sees no difference.

JSON-RPC 2.0, section 6: answers come in any order, by `id`; a node may refuse a batch with one
error object, or with an HTTP status.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from holdfast.service.chain.endpoint import (
    PATIENCE_SECONDS,
    EndpointDown,
    EndpointRefused,
    result_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from holdfast.service.chain.endpoint import Endpoint

# Providers take a hundred and more; a post that fails costs so many answers.
BATCH_CALLS_MAX = 32
# A node that did not take one is asked for each answer alone for so long.
ALONE_SECONDS = 600.0

Question = tuple[str, list[Any], "asyncio.Future[Any]"]


class RpcBatch:
    """Of one node. Its calls only read: a batch that broke is asked again, each call alone."""

    def __init__(self, endpoint: Endpoint, most: int = BATCH_CALLS_MAX) -> None:
        """At most `most` calls go in one post."""
        self._endpoint = endpoint
        self._most = most
        self._waiting: list[Question] = []
        self._posts: set[asyncio.Task[None]] = set()
        self._alone_until = 0.0

    @property
    def is_taken(self) -> bool:
        """Whether a batch is worth a try.

        Under a limit every call of it counts, so nothing would be gained.
        """
        limited = self._endpoint.settings.calls_per_second
        return not limited and time.monotonic() >= self._alone_until

    def refused(self) -> None:
        """The node takes no batches, or could not answer this one."""
        self._alone_until = time.monotonic() + ALONE_SECONDS

    async def call(
        self, method: str, params: list[Any], patience_s: float = PATIENCE_SECONDS
    ) -> Any:
        """As `Endpoint.call`."""
        if not self.is_taken:
            return await self._endpoint.call(method, params, patience_s)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._post)
        self._waiting.append((method, params, answer))
        return await answer

    def _post(self) -> None:
        """Everything that was asked in this turn of the loop."""
        waiting, self._waiting = self._waiting, []
        for first in range(0, len(waiting), self._most):
            task = asyncio.create_task(self._ask(waiting[first : first + self._most]))
            self._posts.add(task)
            task.add_done_callback(self._posts.discard)

    async def _ask(self, questions: list[Question]) -> None:
        if len(questions) > 1:
            try:
                answers = await self._batch(questions)
            except Exception as error:  # noqa: BLE001 - whatever it is, a caller waits for an answer
                if isinstance(error, EndpointDown) and error.not_sent:
                    for _, _, answer in questions:
                        _fail(answer, EndpointDown(error.text, not_sent=True))
                    return
                # One of them may be what it cannot answer: the others must not wait for that.
                self.refused()
            else:
                for (_, _, answer), told in zip(questions, answers, strict=True):
                    self._give(answer, told)
                return
        await asyncio.gather(*(self._ask_alone(each) for each in questions))

    async def _batch(self, questions: list[Question]) -> list[Any]:
        return await exchange(self._endpoint, [(method, params) for method, params, _ in questions])

    def _give(self, answer: asyncio.Future[Any], told: Any) -> None:
        if answer.done():
            return
        if told is None:
            _fail(answer, EndpointDown(f"{self._endpoint.name} left a call of a batch out"))
            return
        try:
            answer.set_result(result_of(self._endpoint.name, told))
        except Exception as error:  # noqa: BLE001 - it belongs to the caller
            _fail(answer, error)

    async def _ask_alone(self, question: Question) -> None:
        method, params, answer = question
        if answer.done():
            return
        try:
            found = await self._endpoint.call(method, params)
        except Exception as error:  # noqa: BLE001 - it belongs to the caller
            _fail(answer, error)
            return
        if not answer.done():
            answer.set_result(found)


async def exchange(
    endpoint: Endpoint,
    calls: Sequence[tuple[str, list[Any]]],
    still: Callable[[], bool] | None = None,
) -> list[Any]:
    """The answer objects to a batch in the order of its calls; None for one that was left out.

    `still` as in `Endpoint.call`. Raises EndpointDown unless the node answered with a batch of
    ours.
    """
    body = [
        {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        for number, (method, params) in enumerate(calls)
    ]
    found = await endpoint.exchange(body, still)
    if not isinstance(found, list):
        raise EndpointRefused(f"{endpoint.name} takes no batches")
    answers: list[Any] = [None] * len(calls)
    for each in found:
        number = each.get("id") if isinstance(each, dict) else None
        if type(number) is not int or number not in range(len(answers)) or answers[number]:
            raise EndpointDown(f"{endpoint.name} answered a batch with other ids")
        answers[number] = each
    return answers


def _fail(answer: asyncio.Future[Any], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
