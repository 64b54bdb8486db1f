"""What `holdfast policy check` prints of each file in tests/data/broken.

`python -m tests.cli.broken_policies` writes it again: read the difference, and commit it with the
change.
"""

from __future__ import annotations

import os
import re
from contextlib import chdir
from pathlib import Path

from typer.testing import CliRunner

from holdfast.cli.policy import app

FOLDER = Path(__file__).resolve().parents[1] / "data" / "broken"
EXPECTED = FOLDER / "expected.txt"
# A list of all keys or protocols, which would change here with each that is added.
LONG = re.compile(r"(known keys: |write one of )(?:[^,\n]+, ){8,}[^,\n]+")
FILES = sorted(FOLDER.glob("*.toml"))


def checked(file: Path) -> tuple[int, str]:
    """The exit code, and what is printed on standard output, as seen from the file's folder.

    In this process: a process for each of hundreds of files would take minutes.
    """
    with chdir(file.parent):
        done = CliRunner(env=dict(os.environ)).invoke(app, ["check", file.name])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done.exit_code, LONG.sub(r"\1…", done.stdout)


def expected() -> dict[str, str]:
    """By the name of the file; every line of an error or a warning begins with it."""
    found: dict[str, str] = {}
    name = ""
    for line in EXPECTED.read_text().splitlines(keepends=True):
        if not line.startswith(" "):
            name = line.split(":", 1)[0]
        found[name] = found.get(name, "") + line
    return found


if __name__ == "__main__":
    EXPECTED.write_text("".join(checked(file)[1] for file in FILES))
