"""Pages and docstrings are tidy: short lines, plain words, a summary on the first line."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from tests.docs.blocks import ROOT
from tests.docs.tidy import CHECKS, TIDY_PAGES, allowed

SOURCES = sorted(
    path
    for top in ("python", "tests", "examples")
    for path in (ROOT / top).rglob("*.py*")
    if path.suffix in {".py", ".pyi"}
)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("page", TIDY_PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_gets_no_untidier(page: Path, check: str) -> None:
    found = CHECKS[check](page)
    still = allowed()[check].get(str(page.relative_to(ROOT)), 0)
    assert len(found) <= still, f"{still} allowed, {len(found)} found:\n" + "\n".join(found)


def test_the_list_names_only_pages_that_are_there() -> None:
    pages = {str(page.relative_to(ROOT)) for page in TIDY_PAGES}
    for check, counts in allowed().items():
        assert set(counts) <= pages, check


def test_a_module_begins_with_a_summary_of_one_line() -> None:
    """ruff knows this rule (D205) only for every docstring at once."""
    wrong = []
    for path in SOURCES:
        lines = (ast.get_docstring(ast.parse(path.read_text())) or "").splitlines()
        if lines and not (lines[0].endswith((".", "?", ":")) and not "".join(lines[1:2]).strip()):
            wrong.append(f"{path.relative_to(ROOT)}: {lines[0]}")
    assert not wrong, "a summary ends with a period on the first line:\n" + "\n".join(wrong)
