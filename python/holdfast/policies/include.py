"""A policy that is kept in several files, put together into the one text that is signed.

`include = ["vendors.toml"]` in the head of the main file names files beside it or in folders below.
They hold tables only. The order of tables never matters and of several rules the strictest counts,
so that what an included file says can be made stricter elsewhere and never milder.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from holdfast.policies.errors import PolicyTextError

INCLUDES_MAX = 64
_LINE = re.compile(r"^include[ \t]*=[ \t]*\[[^\]]*\][^\n]*$", re.MULTILINE)


@dataclass(frozen=True)
class Composed:
    """The text of a policy, and which of its lines come from which file.

    `parts` are `(first line, file)` in order; the main file is "".
    """

    text: str
    parts: tuple[tuple[int, str], ...]

    @property
    def is_joined(self) -> bool:
        """Whether there is more than the main file."""
        return len(self.parts) > 1

    def place(self, line: int) -> tuple[str, int]:
        """The file that a line of the text comes from ("" for the main one), and its line there."""
        first, name = next(part for part in reversed(self.parts) if part[0] <= line)
        return name, line - first + 1


def compose(source: str, read: Callable[[str], str]) -> Composed:
    """Puts the files together. `read` gives the text of an included one.

    A text that is not TOML is left as it is: the core says what is wrong with it. Raises
    PolicyTextError, and what `read` raises.
    """
    # Most files include none, and Python reads a long one slowly.
    document = _parsed(source) if "include" in source else None
    if document is None or "include" not in document:
        return Composed(source, ((1, ""),))
    names = _names(document.pop("include"))
    text = _LINE.sub(lambda found: re.sub("^", "# ", found[0], flags=re.MULTILINE), source, count=1)
    if not text.endswith("\n"):
        text += "\n"
    parts = [(1, "")]
    for name in names:
        text += f"\n# from {name}\n"
        parts.append((text.count("\n") + 1, name))
        more = read(name)
        _add(document, more, name)
        text += more if more.endswith("\n") else more + "\n"
    # What is signed says what the files say, or nothing is.
    joined = _parsed(text)
    if joined is None:
        raise PolicyTextError("the files cannot be joined: write tables as [[rule]], one by one")
    if joined != document:
        raise PolicyTextError('write `include = ["file.toml"]` at the start of a line, once')
    return Composed(text, tuple(parts))


def _names(value: Any) -> list[str]:
    right = isinstance(value, list) and all(isinstance(each, str) for each in value)
    if not right or not 1 <= len(value) <= INCLUDES_MAX or len(set(value)) != len(value):
        raise PolicyTextError(
            f'`include` is a list of 1 to {INCLUDES_MAX} different files, such as ["vendors.toml"]'
        )
    for name in value:
        path = PurePosixPath(name)
        plain = re.fullmatch(r"[\w./-]+", name) and path.suffix == ".toml"
        if not plain or path.is_absolute() or ".." in path.parts:
            raise PolicyTextError(
                f"`{name[:64]}` cannot be included: name a .toml file beside this one or in a "
                "folder below"
            )
    return list(value)


def _add(document: dict[str, Any], more: str, name: str) -> None:
    try:
        tables = tomllib.loads(more)
    except tomllib.TOMLDecodeError as error:
        raise PolicyTextError(f"{name}: {error}") from None
    except RecursionError:
        raise PolicyTextError(f"{name}: it is nested too deep") from None
    for key, value in tables.items():
        rows = isinstance(value, list) and all(isinstance(row, dict) for row in value)
        if not value or not rows:
            raise PolicyTextError(
                f"{name}: `{key}` belongs in the main file: an included one holds tables only, "
                "such as [[rule]]"
            )
        document[key] = [*document.get(key, []), *value]


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return None
