"""pyproject.toml declares what is imported, and nothing else."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.docs.blocks import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
# Compiles the demo's token for a developer; its output is in the repository.
DEVELOPERS = ROOT / "python/holdfast/demo/compile_token.py"

# Compared with where it is installed; never needed.
OPTIONAL = {"ows"}
# Declared, and used without an import.
WITHOUT_IMPORT = {
    "import-linter",
    "maturin",
    "mypy",
    "pytest-asyncio",
    "pytest-textual-snapshot",
    "pytest-timeout",
    "pytest-xdist",
    "ruff",
    "tzdata",
}


def _names(requirements: Iterable[str]) -> set[str]:
    return {_plain(re.split(r"[<>=!~\[ ;]", one, maxsplit=1)[0]) for one in requirements}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


RUN = _names(PROJECT["project"]["dependencies"])
DEV = _names(PROJECT["dependency-groups"]["dev"])


def _imported(path: Path) -> set[str]:
    """Top-level names of other people's modules."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.partition(".")[0])
    return found - sys.stdlib_module_names - {"holdfast", "tests"} - OPTIONAL


def _distributions(paths: Iterable[Path]) -> dict[str, set[str]]:
    """The distributions that the files import, each with the files."""
    provided = packages_distributions()
    found: dict[str, set[str]] = {}
    for path in paths:
        for name in _imported(path):
            for distribution in provided.get(name, [f"{name} (not installed)"]):
                found.setdefault(_plain(distribution), set()).add(str(path.relative_to(ROOT)))
    return found


PROGRAM = _distributions(
    path for path in (ROOT / "python").rglob("*.py") if path.absolute() != DEVELOPERS
)
TESTS = _distributions(
    [DEVELOPERS, *(ROOT / "tests").rglob("*.py"), *(ROOT / "examples").rglob("*.py")]
)


def test_what_the_program_imports_is_declared() -> None:
    missing = {name: sorted(files) for name, files in PROGRAM.items() if name not in RUN}
    assert not missing, "add them to [project] dependencies"


def test_what_tests_import_is_declared() -> None:
    missing = {name: sorted(files) for name, files in TESTS.items() if name not in RUN | DEV}
    assert not missing, "add them to the group dev"


def test_what_is_declared_is_used() -> None:
    assert RUN - PROGRAM.keys() - WITHOUT_IMPORT == set(), "declared and never imported"
    assert DEV - TESTS.keys() - WITHOUT_IMPORT == set(), "declared for tests and never imported"
    assert WITHOUT_IMPORT <= RUN | DEV
    assert WITHOUT_IMPORT.isdisjoint(PROGRAM.keys() | TESTS.keys())
