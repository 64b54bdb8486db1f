"""Changes to the text of a policy that leave everything else as the operator wrote it.

Each is checked: the changed text must read as the old one with just that change. Where it does not,
as with tables written inline, there is no change to offer (None).
"""

from __future__ import annotations

import copy
import datetime as dt
import difflib
import json
import re
import tomllib
from collections.abc import Sequence
from typing import Any

from holdfast._core import key_places

Json = dict[str, Any]
_HEADER = re.compile(r"\s*\[")
_KEY = re.compile(r"""(\s*)(?P<key>[A-Za-z0-9_-]+)\s*=\s*(?P<value>"[^"]*"|[^\s#"]+)(?P<rest>.*)""")


def document(text: str) -> Json:
    """The tables of a policy that the core found valid."""
    return tomllib.loads(text.removeprefix("\ufeff"))


def removed(text: str, places: Sequence[tuple[str | int, ...]]) -> str | None:
    """Without these tables, such as `("rule", 3)` or `("list", 0, "entry", 2)`."""
    lines = text.splitlines(keepends=True)
    wanted = copy.deepcopy(document(text))
    # From the last to the first, so that the numbers of the others stay.
    for place in sorted(places, key=lambda each: [str(part).zfill(8) for part in each])[::-1]:
        found = _range(text, lines, place)
        if found is None:
            return None
        first, end = found
        if (
            end < len(lines)
            and not lines[end].strip()
            and (not first or not lines[first - 1].strip())
        ):
            end += 1
        lines[first:end] = [""] * (end - first)
        _drop(wanted, place)
    return _checked("".join(lines), wanted)


def with_key(text: str, place: tuple[str | int, ...], key: str, value: Any) -> str | None:
    """With another value of a key that a table has, or a new one at its end."""
    lines = text.splitlines(keepends=True)
    wanted = copy.deepcopy(document(text))
    table = _table(wanted, place)
    found = _range(text, lines, place)
    if found is None:
        return None
    if key in table:
        line = {each: at for each, at, _ in key_places(text)}.get(_pointer((*place, key)), 0)
        match = _KEY.fullmatch(lines[line - 1].rstrip("\r\n")) if line else None
        if match is None:
            return None
        old, rest = lines[line - 1], match["rest"]
        lines[line - 1] = f"{match[1]}{key} = {_toml(value)}{rest}{old[len(old.rstrip()) :]}"
    else:
        lines.insert(found[1], f"{key} = {_toml(value)}\n")
    table[key] = value
    return _checked("".join(lines), wanted)


def added(text: str, kind: str, table: Json) -> str | None:
    """With one more table at the end."""
    wanted = copy.deepcopy(document(text))
    wanted.setdefault(kind, []).append(table)
    written = "".join(f"{key} = {_toml(value)}\n" for key, value in table.items())
    ended = text if text.endswith("\n") or not text else text + "\n"
    return _checked(f"{ended}\n[[{kind}]]\n{written}", wanted)


def unified(old: str, new: str) -> str:
    """What `patch` reads, for a file `policy.toml`."""
    lines = difflib.unified_diff(
        old.splitlines(keepends=True),
        new.splitlines(keepends=True),
        "a/policy.toml",
        "b/policy.toml",
    )
    return "".join(
        each if each.endswith("\n") else f"{each}\n\\ No newline at end of file\n" for each in lines
    )


def _range(text: str, lines: list[str], place: tuple[str | int, ...]) -> tuple[int, int] | None:
    """The lines of a table, from its header or the comment above to the end of its last value."""
    pointer = _pointer(place)
    own = [line for each, line, _ in key_places(text) if each.startswith(f"{pointer}/")]
    if not own:
        return None
    first = min(own) - 1
    while first >= 0 and not _HEADER.match(lines[first]):
        first -= 1
    if first < 0:
        return None
    end = max(own)
    while end < len(lines) and not _HEADER.match(lines[end]):
        end += 1
    # Comments and blank lines before the next table are that one's.
    while end > max(own) and lines[end - 1].strip()[:1] in ("", "#"):
        end -= 1
    while first > 0 and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return first, end


def _pointer(place: tuple[str | int, ...]) -> str:
    return "".join(f"/{part}" for part in place)


def _table(wanted: Json, place: tuple[str | int, ...]) -> Any:
    found: Any = wanted
    for part in place:
        found = found[part]
    return found


def _drop(wanted: Json, place: tuple[str | int, ...]) -> None:
    rows = _table(wanted, place[:-1])
    del rows[place[-1]]
    if not rows:
        del _table(wanted, place[:-2])[place[-2]]


def _checked(text: str, wanted: Json) -> str | None:
    try:
        return text if document(text) == wanted else None
    except tomllib.TOMLDecodeError:
        return None


def _toml(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    # Strings, whole numbers, fractions and booleans are written alike.
    return json.dumps(value, ensure_ascii=False)
