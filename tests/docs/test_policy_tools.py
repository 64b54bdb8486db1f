"""The examples of the policy pages for cases, templates, imports and editors run as they are."""

import os
import subprocess
import sys
from pathlib import Path

from tests.docs.blocks import ROOT, blocks

PAGE = ROOT / "docs" / "policy.md"
TOPICS = sorted((ROOT / "docs" / "policy").glob("*.md"))
TESTING = ROOT / "docs" / "policy" / "testing.md"
SARDIS = ROOT / "tests" / "data" / "imports" / "sardis.json"


def _run(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """In a folder with the first policy, and its cases."""
    env = {"HOME": str(folder), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def _prepare(folder: Path) -> None:
    (policy,) = blocks(PAGE, language="toml", use="policy")
    (cases,) = blocks(TESTING, language="toml", use="cases")
    (folder / "policy.toml").write_text(policy.text)
    (folder / "policy.tests.toml").write_text(cases.text)
    (folder / "sardis.json").write_text(SARDIS.read_text())


def test_every_command_of_the_pages_does_what_it_says(tmp_path: Path) -> None:
    _prepare(tmp_path)
    commands = [*blocks(PAGE, *TOPICS, use="tools"), *blocks(*TOPICS, use="import")]
    assert len(commands) >= 6
    for block in commands:
        done = _run(tmp_path, block.text)
        assert done.returncode == 0, f"{block}:\n{done.stdout}{done.stderr}"
    assert "aws.amazon.com" in (tmp_path / "imported.toml").read_text()


def test_the_output_of_the_page_is_that_of_today(tmp_path: Path) -> None:
    _prepare(tmp_path)
    block = blocks(TESTING, use="tools")[0]
    shown = TESTING.read_text().split("```text\n", 1)[1].split("```", 1)[0]
    assert _run(tmp_path, block.text).stdout == shown
