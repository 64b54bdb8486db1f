"""What the pages still have that style forbids, and the list of how much of it.

The list only shrinks: `python -m tests.docs.tidy` writes what is left where that is less.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.docs.blocks import PAGES, ROOT

LIST = Path(__file__).with_name("tidy.toml")
COLUMNS = 120
# The changelog is history, and stays as it was released.
TIDY_PAGES = [
    page for page in [*PAGES, ROOT / "rust/fuzz/README.md"] if page.name != "CHANGELOG.md"
]

# By what to write instead.
WORDS = {
    "name who acts": re.compile(r"\b(?:nobody|somebody|whoever)\b", re.IGNORECASE),
    "valid": re.compile(r"\b(?:un)?sound\b", re.IGNORECASE),
    "fix": re.compile(r"\bmend(?:s|ed|ing)?\b", re.IGNORECASE),
}

_HEADER = """\
# Lines that are too long and words that are banned: how many a page may still have. Only ever less:
# `.venv/bin/python -m tests.docs.tidy` writes what is left.
"""


def prose(page: Path) -> Iterator[tuple[int, str]]:
    """(number, line) of everything but fenced blocks."""
    fenced = False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, line


def long_lines(page: Path) -> list[str]:
    """Where a line of prose is too long; a row of a table cannot be broken."""
    return [
        f"{page.relative_to(ROOT)}:{number}: {len(line)} characters, {COLUMNS} allowed"
        for number, line in prose(page)
        if len(line) > COLUMNS and not line.startswith("|")
    ]


def banned_words(page: Path) -> list[str]:
    """Where a banned word stands, and what to write instead. `code` is not looked at."""
    return [
        f"{page.relative_to(ROOT)}:{number}: `{match[0]}`; instead: {instead}"
        for number, line in prose(page)
        for instead, word in WORDS.items()
        for match in word.finditer(re.sub(r"`[^`]*`", "``", line))
    ]


CHECKS = {"long_lines": long_lines, "banned_words": banned_words}


def allowed() -> dict[str, dict[str, int]]:
    """How many each check may still find, by page."""
    found: dict[str, dict[str, int]] = tomllib.loads(LIST.read_text())
    return found


def shrink() -> str:
    """The list, with what was found where that is less."""
    before = allowed()
    parts = [_HEADER]
    for name, check in CHECKS.items():
        parts.append(f"\n[{name}]\n")
        for page in TIDY_PAGES:
            key = str(page.relative_to(ROOT))
            if left := min(before.get(name, {}).get(key, 0), len(check(page))):
                parts.append(f'"{key}" = {left}\n')
    return "".join(parts)


if __name__ == "__main__":
    LIST.write_text(shrink())
