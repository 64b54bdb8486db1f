"""Pages and docstrings are tidy: plain words, a summary on the first line."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.docs.blocks import PAGES, ROOT

SOURCES = sorted(
    path
    for top in ("python", "tests", "examples")
    for path in (ROOT / top).rglob("*.py*")
    if path.suffix in {".py", ".pyi"}
)
# By what to write instead.
BANNED = {
    "name who acts": re.compile(r"\b(?:nobody|somebody|whoever)\b", re.IGNORECASE),
    "valid": re.compile(r"\b(?:un)?sound\b", re.IGNORECASE),
    "fix": re.compile(r"\bmend(?:s|ed|ing)?\b", re.IGNORECASE),
}


# What the program itself says has two more.
BANNED_ON_SCREEN = BANNED | {
    "delivered, or reported": re.compile(r"\btold\b", re.IGNORECASE),
    "the guardian keeps running": re.compile(r"\bguardian goes on\b", re.IGNORECASE),
}


def _prose(page: Path) -> Iterator[tuple[int, str]]:
    """(number, line) of everything but fenced blocks and `code`."""
    fenced = False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, re.sub(r"`[^`]*`", "``", line)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_use_plain_words(page: Path) -> None:
    found = [
        f"{page.name}:{number}: `{match[0]}`; instead: {instead}"
        for number, line in _prose(page)
        for instead, word in BANNED.items()
        for match in word.finditer(line)
    ]
    assert not found, "\n".join(found)


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of every string that is not documentation: what people read."""
    tree = ast.parse(path.read_text())
    alone = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}
    for each in ast.walk(tree):
        said = each.value if isinstance(each, ast.Constant) and id(each) not in alone else None
        if isinstance(said, str):
            yield each.lineno, said


def test_what_the_program_says_is_in_plain_words() -> None:
    """Errors, messages, help, screens, alerts and starter files."""
    found = [
        f"{path.relative_to(ROOT)}:{number}: `{match[0]}`; instead: {instead}"
        for path in (ROOT / "python").rglob("*.py")
        for number, text in _texts(path)
        for instead, word in BANNED_ON_SCREEN.items()
        for match in word.finditer(text)
    ]
    assert not found, "\n".join(found)


# A string of Rust (also over several lines), or what is no string: comments and characters.
RUST = re.compile(r"""//[^\n]*|'(?:[^'\\]|\\.)'|"((?:[^"\\]|\\.)*)\"""", re.DOTALL)


def test_what_the_core_says_is_in_plain_words() -> None:
    """Warnings, display lines, refusals and errors of a policy."""
    found = [
        f"{path.relative_to(ROOT)}: `{match[0]}` in `{text[1]}`; instead: {instead}"
        for top in ("rust/core/src", "rust/binding/src")
        for path in sorted((ROOT / top).rglob("*.rs"))
        for text in RUST.finditer(path.read_text())
        for instead, word in BANNED_ON_SCREEN.items()
        for match in word.finditer(text[1] or "")
    ]
    assert not found, "\n".join(found)


def test_a_command_explains_itself_in_plain_words() -> None:
    """The docstring of a command is its help."""
    found = []
    for path in (ROOT / "python/holdfast/cli").glob("*.py"):
        for each in ast.walk(ast.parse(path.read_text())):
            if isinstance(each, ast.FunctionDef) and each.decorator_list:
                words = ast.get_docstring(each) or ""
                found += [
                    f"{path.name}: {each.name}: `{match[0]}`; instead: {instead}"
                    for instead, word in BANNED_ON_SCREEN.items()
                    for match in word.finditer(words)
                ]
    assert not found, "\n".join(found)


def test_a_module_begins_with_a_summary_of_one_line() -> None:
    """The stubs too, of which ruff asks less."""
    wrong = []
    for path in SOURCES:
        lines = (ast.get_docstring(ast.parse(path.read_text())) or "").splitlines()
        if lines and not (lines[0].endswith((".", "?", ":")) and not "".join(lines[1:2]).strip()):
            wrong.append(f"{path.relative_to(ROOT)}: {lines[0]}")
    assert not wrong, "a summary ends with a period on the first line:\n" + "\n".join(wrong)


def test_no_page_has_marks_of_a_merge() -> None:
    marks = re.compile(r"^(<{7}|={7}|>{7})|>{7} ", re.MULTILINE)
    wrong = [str(each.relative_to(ROOT)) for each in PAGES if marks.search(each.read_text())]
    assert not wrong
