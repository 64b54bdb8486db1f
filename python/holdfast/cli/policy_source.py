"""The text of a policy file that the user named, with the files it includes."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.cli.options import text_of
from holdfast.cli.output import Failure

if TYPE_CHECKING:
    from holdfast.policies.include import Composed


def policy_text(path: Path) -> str:
    """What is checked, signed and in force: one text. Raises Failure."""
    return composed(path).text


def place_of(path: Path, line: int) -> tuple[Path, int]:
    """The file and line that a line of that text comes from."""
    name, line = composed(path).place(line)
    return (path.parent / name if name else path), line


@lru_cache(maxsize=8)
def composed(path: Path) -> Composed:
    """The text with the place of each line, read once. Raises Failure."""
    from holdfast.policies.errors import PolicyTextError
    from holdfast.policies.include import compose

    try:
        return compose(text_of(path), lambda name: text_of(path.parent / name))
    except PolicyTextError as error:
        raise Failure(f"{path}: {error}", code="bad_policy") from None
