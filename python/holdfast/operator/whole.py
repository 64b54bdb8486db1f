"""All of what a request would have signed, line by line and uncut. Pure.

Made from the very bytes that are signed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from holdfast.operator import format as fmt
from holdfast.operator.request import Json, Request

# Longer than anything a request can hold: nothing is cut here.
CHARS_MAX = 1 << 22
ROW_BYTES = 16
CONTENT = "  "


def whole(request: Request) -> list[str]:
    """Display-safe lines: what is signed, then what the contract's publisher says of it."""
    inner = request.raw.get("request")
    lines = list(_signed(inner if isinstance(inner, dict) else {}))
    claim = request.claim
    if claim:
        lines += ["", "The contract's publisher claims (not checked):"]
        lines += [f"{CONTENT}{_safe(row.get('label'))}: {_safe(row.get('value'))}" for row in claim]
    return lines


def _signed(inner: Json) -> Iterator[str]:
    if "message" in inner:
        yield from _message(str(inner["message"]))
    elif "json" in inner:
        yield from _document(str(inner["json"]))
    elif "data" in inner:
        to, value = inner.get("to"), inner.get("value")
        yield f"Transaction to {_safe(to) if to else 'a new contract'}, value {_safe(value)} wei"
        yield from _bytes("Call data", _hex(str(inner["data"])))
    else:
        yield "The guardian no longer has the signed content."


def _message(text: str) -> Iterator[str]:
    """The lines of a text; bytes that are no text as a table."""
    raw = _hex(text)
    if raw is None:
        yield _safe(text)
        return
    try:
        words = raw.decode("utf-8")
    except UnicodeDecodeError:
        yield from _bytes("Message", raw)
        return
    lines = words.split("\n")
    yield f"Message: {len(words):,} characters in {_count(len(lines), 'line')}"
    yield from (CONTENT + _safe(line) for line in lines)


def _document(text: str) -> Iterator[str]:
    """Every value of a document behind its place, and its types."""
    try:
        document = json.loads(text)
    except ValueError:
        yield f"Document: {_safe(text)}"
        return
    if not isinstance(document, dict):
        yield f"Document: {_safe(text)}"
        return
    values = [*_values("domain", document.get("domain"))]
    values += _values("message", document.get("message"))
    name = _safe(document.get("primaryType"))
    yield f"Document {name}: {_count(len(values), 'value')}"
    yield from (CONTENT + value for value in values)
    types = document.get("types")
    for kind, members in types.items() if isinstance(types, dict) else ():
        parts = [f"{_safe(m.get('type'))} {_safe(m.get('name'))}" for m in members]
        yield f"Type {_safe(kind)}: {', '.join(parts)}"


def _values(path: str, value: object) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from _values(f"{path}.{_safe(key)}", each)
    elif isinstance(value, list) and value:
        for index, each in enumerate(value):
            yield from _values(f"{path}[{index}]", each)
    elif isinstance(value, str):
        yield f"{path}: {_safe(value)}"
    else:
        yield f"{path}: {_safe(json.dumps(value))}"


def _bytes(name: str, raw: bytes | None) -> Iterator[str]:
    """A table of bytes with the text beside it."""
    if raw is None:
        yield f"{name}: not readable"
        return
    yield f"{name}: {_count(len(raw), 'byte')}"
    for start in range(0, len(raw), ROW_BYTES):
        row = raw[start : start + ROW_BYTES]
        words = "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in row)
        yield f"{CONTENT}{start:06x}  {row.hex():<{2 * ROW_BYTES}}  {words}"


def _hex(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        return None


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _safe(value: object) -> str:
    return fmt.safe(value, CHARS_MAX)
