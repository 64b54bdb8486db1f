"""The pages hold: examples parse, links and anchors lead somewhere, prose has short lines."""

import re
import tomllib
from pathlib import Path

import pytest
from tests.docs.blocks import PAGES, ROOT, Block, blocks
from tests.docs.picture import PICTURE, drawn

from holdfast import __version__, _core
from holdfast.service.alerts.routes import parse_routes
from holdfast.service.config import parse_config

LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")
ANCHORED = re.compile(r"\]\(([^)#\s]*)#([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINE_MAX = 120


@pytest.mark.parametrize("block", blocks(language="toml", use="policy"), ids=str)
def test_every_policy_example_is_valid(block: Block) -> None:
    _core.check_policy(block.text)


@pytest.mark.parametrize("block", blocks(language="toml", use="config"), ids=str)
def test_every_config_example_is_accepted(block: Block, tmp_path: Path) -> None:
    (tmp_path / "mail.url").touch(mode=0o600)
    (tmp_path / "mail.url").write_text("mailtos://user:secret@mail.example")
    config = parse_config(block.text, str(block))
    assert len(parse_routes(config.alert, tmp_path)) == len(config.alert)


def test_the_picture_shows_the_console_of_today() -> None:
    assert PICTURE.read_text() == drawn(), "run `python -m tests.docs.picture`"
    assert "](docs/console.svg)" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, _ in LINK.findall(page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def anchors(page: Path) -> set[str]:
    """The fragments that GitHub gives the headings of a page."""
    titles = HEADING.findall(FENCED.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_anchor_is_a_heading(page: Path) -> None:
    for target, fragment in ANCHORED.findall(page.read_text()):
        if "://" not in target:
            other = page.parent / target if target else page
            assert fragment in anchors(other), f"{page.name} links to {target}#{fragment}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lines_of_prose_are_short(page: Path) -> None:
    """Tables may be wider, and code is as it must be run."""
    lines = FENCED.sub("", page.read_text()).splitlines()
    assert [x for x in lines if len(x) > LINE_MAX and not x.startswith("|")] == []


def test_the_architecture_names_every_module_of_the_core() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    section = page.split("\n## 2. ")[1].split("\n## ")[0]
    library = (ROOT / "rust" / "core" / "src" / "lib.rs").read_text()
    modules = re.findall(r"^pub mod (\w+);", library, re.MULTILINE)
    assert [module for module in modules if f"`{module}`" not in section] == []


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    crates = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]
    assert {project["version"], crates["version"], _core.__version__} == {__version__}


def test_examples_are_found() -> None:
    """Guards the guards: a fence written in another way would be skipped without a word."""
    assert len(blocks(language="toml", use="policy")) >= 1
    assert len(blocks(language="toml", use="config")) >= 1
    for name in ("quick-start.md", "operations.md", "protocol.md"):
        assert blocks(ROOT / "docs" / name, use="run"), name
    for page in PAGES:
        fences = re.findall(r"^```(\w+ \w+)$", page.read_text(), re.MULTILINE)
        assert len(fences) == len(blocks(page)), page.name
