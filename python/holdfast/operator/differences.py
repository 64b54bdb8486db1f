"""The difference between two policies or configurations, for a person who is to sign the new one.

Pure; every line is safe to show.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from holdfast._core import HoldfastError, policy_changes
from holdfast.operator import format as fmt
from holdfast.operator.request import Json

CHARS_MAX = 400
LOOSER, STRICTER = "LOOSER", "as strict or stricter"
# Longer texts are compared by their changes alone: a comparison line by line would take minutes.
DIFF_LINES_MAX = 20_000
SECRETS = frozenset({"token"})
_URL = re.compile(r"[a-z][a-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a policy: where, what in words, and whether it can make a verdict looser."""

    path: str
    text: str
    looser: bool

    @property
    def words(self) -> str:
        """`LOOSER: rule.small.amount_max: from 5 to 10`."""
        return f"{LOOSER if self.looser else STRICTER}: {self.path}: {self.text}"


def changes(old: str | None, new: str) -> list[Change]:
    """Every change from one policy to another, the looser ones first.

    Without an old one, or with one that this program cannot read, everything is new.
    """
    whole = [Change("policy", "there is none to compare with: read all of it", looser=True)]
    if old is None:
        return whole
    try:
        found = json.loads(policy_changes(old, new))
    except HoldfastError:
        return whole
    read = [
        Change(fmt.safe(each["path"], 200), fmt.safe(each["text"], CHARS_MAX), bool(each["looser"]))
        for each in found
    ]
    return sorted(read, key=lambda each: not each.looser)


def text_diff(old: str | None, new: str) -> Iterator[str]:
    """A unified diff, line by line; says so where it would be too long."""
    before, after = (old or "").splitlines(), new.splitlines()
    if len(before) + len(after) > DIFF_LINES_MAX:
        yield f"({len(before)} and {len(after)} lines: too long for a line-by-line difference)"
        return
    for each in difflib.unified_diff(before, after, "in force", "new", lineterm=""):
        yield fmt.safe(each, CHARS_MAX)


def config_lines(parts: Json) -> list[str]:
    """The signed parts of a configuration, one value a line, without the secrets that URLs hold."""
    lines = []
    for name in sorted(parts):
        value = parts[name]
        tables = value if isinstance(value, list) else [value]
        for number, table in enumerate(tables, 1):
            if not isinstance(table, dict):
                lines.append(f"{name} = {_shown(table)}")
                continue
            lines += [
                f"{name}[{number}].{key} = {_shown(table[key], secret=key in SECRETS)}"
                for key in sorted(table)
            ]
    return lines


def _shown(value: object, *, secret: bool = False) -> str:
    if secret:
        return f"… ({_mark(str(value))})"
    if isinstance(value, list):
        return "[" + ", ".join(_shown(each) for each in value) + "]"
    if isinstance(value, str) and _URL.match(value):
        return masked(value)
    return fmt.safe(json.dumps(value, ensure_ascii=True), CHARS_MAX)


def masked(url: str) -> str:
    """`https://host:port/… (a1b2c3d4)`.

    Where it goes, and a mark of the whole that changes with every character of it.
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    rest = "/…" if parts.path.strip("/") or parts.query or parts.fragment or "@" in url else ""
    return fmt.safe(f"{parts.scheme}://{host}{rest} ({_mark(url)})", CHARS_MAX)


def _mark(secret: str) -> str:
    """Changes with every character of it."""
    return hashlib.sha256(secret.encode()).hexdigest()[:8]
