"""Reading event records without parsing more of them than needed.

A record is canonical JSON (docs/architecture.md, 1), so its keys come in the order `at, data, kind,
seq, v` and the
last `,"kind":"` in it is the top-level one: what follows it are two integers.
"""

from typing import Any

import orjson

Record = dict[str, Any]

_KIND = b',"kind":"'

CLOCK_SET = b"clock.set"
POLICY_SCHEDULED = b"policy.scheduled"
REQUEST_AUTHORISED = b"request.authorised"
REQUEST_DECIDED = b"request.decided"
REQUEST_REFUSED = b"request.refused"


def kind_of(record: bytes) -> bytes:
    """The kind of a canonical record, such as `b"request.sent"`.

    Empty for bytes that are no record.
    """
    start = record.rfind(_KIND)
    if start < 0:
        return b""
    start += len(_KIND)
    end = record.find(b'"', start)
    return record[start:end] if end > 0 else b""


def parse(record: bytes) -> Record:
    """The whole record as a dict. Raises ValueError for bytes that are not a JSON object."""
    value = orjson.loads(record)
    if not isinstance(value, dict):
        raise ValueError("an event record is a JSON object")
    return value


def tier_of(decided: Record) -> str:
    """The tier of a `request.decided`: `instant`, `notify`, `delay`, `approval` or `deny`."""
    verdict = decided.get("verdict")
    return str(verdict.get("tier", "")) if isinstance(verdict, dict) else ""


def requests_of(record: Record) -> list[str]:
    """The request ids a record is about: its own, or those a freeze ended or held."""
    data = record.get("data", {})
    one = data.get("id")
    if isinstance(one, str):
        return [one]
    return [*data.get("ended", ()), *data.get("held", ())]
