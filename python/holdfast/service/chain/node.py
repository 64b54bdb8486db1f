"""A node, as those see it who only ask."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol


class Node(Protocol):
    """What reads need of a node: `endpoint.Endpoint`."""

    def call(self, method: str, params: list[Any]) -> Awaitable[Any]:
        """The result, or RpcError, or EndpointDown."""


FindNode = Callable[[int], Node | None]
