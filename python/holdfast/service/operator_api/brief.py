"""Large events in few bytes, for the operator's stream.

The journal has the whole record, and the method `request` shows the whole request.
"""

from __future__ import annotations

from typing import Any

import orjson

from holdfast._core import display_safe

# A record up to this size is pushed as it is.
WHOLE_BYTES_MAX = 32 * 1024
TEXT_CHARS_KEPT = 1_024
ROWS_KEPT = 24
# Names of what a decision has many of.
_LISTS = ("display", "effects", "reasons", "warnings")

Json = dict[str, Any]


def pushed(record: bytes) -> bytes:
    """The record, or the beginning of a large one with `partial` set."""
    if len(record) <= WHOLE_BYTES_MAX:
        return record
    event: Json = orjson.loads(record)
    data: Json = event["data"]
    if event["kind"] == "request.decided":
        data["left_out"] = {name: max(0, len(data[name]) - ROWS_KEPT) for name in _LISTS}
        data["left_out"]["request"] = sum(map(_cut, data["request"].values()))
        data["usd"] = _usd(data.get("spends"))
        data["partial"] = True
    return orjson.dumps({**event, "data": _short(data), "partial": True})


def _usd(spends: Json | None) -> str | None:
    """Micro-USD of everything but the fee, None when any of it is unknown.

    Of all items, since a sum of those that are kept would say too little.
    """
    items = spends["items"] if spends else []
    prices = [item["usd"] for item in items if item["kind"] != "fee"]
    if not spends or None in prices:
        return None
    return str(sum(map(int, prices)))


def _cut(value: object) -> int:
    """How many bytes of a part of the request are cut: of hex two digits are one."""
    if not isinstance(value, str):
        return 0
    rest = value[TEXT_CHARS_KEPT:]
    return len(rest) // 2 if value.startswith("0x") else len(rest.encode())


def _short(value: Any, *, words: bool = True) -> Any:
    """The first rows of lists and the beginning of texts.

    A cut in `words` has a mark with its number; of the request itself `left_out` counts it.
    """
    if isinstance(value, str):
        if len(value) <= TEXT_CHARS_KEPT:
            return value
        return display_safe(value, TEXT_CHARS_KEPT) if words else value[:TEXT_CHARS_KEPT]
    if isinstance(value, list):
        return [_short(each, words=words) for each in value[:ROWS_KEPT]]
    if isinstance(value, dict):
        return {key: _short(each, words=key != "request" and words) for key, each in value.items()}
    return value
