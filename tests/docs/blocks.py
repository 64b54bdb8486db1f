"""The fenced blocks of the documentation. The word after the language says how a test uses one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "examples/*.md", "rust/fuzz/*.md")
    for page in ROOT.glob(pattern)
)

_FENCE = re.compile(r"^```(\w+) (\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """`language` and `use` of its first line, and where it is."""

    page: Path
    line: int
    language: str
    use: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(*pages: Path, language: str | None = None, use: str | None = None) -> list[Block]:
    """Marked blocks in the order of the page."""
    found = []
    for page in pages or PAGES:
        text = page.read_text()
        for match in _FENCE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(Block(page, line, match[1], match[2], match[3]))
    return [b for b in found if language in (None, b.language) and use in (None, b.use)]
