"""What the handlers need of a JSON-RPC call, whether it came as a frame or inside another call."""

import json
from typing import Any, Protocol

from holdfast._core import HoldfastError, canonical_json


class AnyCall(Protocol):
    """One call: `_core.Call`, or one taken out of another."""

    @property
    def id_json(self) -> bytes | None:
        """The id as JSON; None for a notification."""

    @property
    def method(self) -> str:
        """The method's name."""

    @property
    def params(self) -> bytes:
        """JSON of the parameters."""

    @property
    def error(self) -> tuple[int, str] | None:
        """Set when this is no request at all."""


class InnerCall:
    """A call taken out of another."""

    __slots__ = ("error", "id_json", "method", "params")

    def __init__(self, id_json: bytes | None, method: str, params: bytes) -> None:
        self.id_json = id_json
        self.method = method
        self.params = params
        self.error: tuple[int, str] | None = None


def one_object(call: AnyCall) -> dict[str, Any] | None:
    """The parameters of a call that takes one object, strictly read.

    No duplicate keys, no floats; integers of any size; None if not so.
    """
    try:
        # Not orjson: it makes doubles of integers beyond 64 bits, and typed data has them.
        params = json.loads(canonical_json(call.params, exact=True))
    except (HoldfastError, ValueError):
        return None
    if isinstance(params, list) and len(params) == 1 and isinstance(params[0], dict):
        return params[0]
    return params if isinstance(params, dict) else None


def inner_call(call: AnyCall) -> tuple[str, bytes] | None:
    """`(method, params)` of the call that is the one parameter of another, or None."""
    inner = one_object(call)
    if inner is None or not isinstance(inner.get("method"), str):
        return None
    return inner["method"], json.dumps(inner.get("params", [])).encode()
