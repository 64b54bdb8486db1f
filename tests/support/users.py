"""Real users, for tests that run as root.

Processes under numeric user ids of their own, and an installation that every one of them can read.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import holdfast

# Free numbers; a user id needs no entry in /etc/passwd.
GUARDIAN, BUYER, SELLER, STRANGER = 47_001, 47_002, 47_003, 47_004
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
WAIT_S = 60.0
SCRIPT = """\
#!{python}
import sys
from holdfast.__main__ import main
if __name__ == "__main__":
    sys.exit(main())
"""


def as_user(uid: int, *command: str | Path, capability: str = "") -> list[str]:
    """The command line that runs `command` as `uid`.

    With no group and none of root's privileges but one `capability`, as setpriv(1) spells it.
    """
    ids = ["--reuid", str(uid), "--regid", str(uid), "--clear-groups"]
    ids.append(f"--inh-caps=-all{capability and ',+' + capability}")
    if capability:
        ids.append(f"--ambient-caps=+{capability}")
    return ["setpriv", *ids, *map(str, command)]


def _readable(path: Path) -> bool:
    return all(place.stat().st_mode & 0o005 == 0o005 for place in (path, *path.parents))


@dataclass
class Installation:
    """A virtual environment in a folder that others may enter.

    Owned by root, with the `holdfast` script as an installer writes it.
    """

    folder: Path
    started: list[subprocess.Popen[Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        base = Path(os.path.realpath(sys.executable))
        if not _readable(base):
            # The same version elsewhere: its extensions load there too.
            base = Path(f"/usr/bin/python3.{sys.version_info.minor}")
        if not base.exists():
            pytest.skip("no interpreter of this version that other users can read")
        version = f"python3.{sys.version_info.minor}"
        self.site = self.folder / "venv" / "lib" / version / "site-packages"
        self.site.mkdir(parents=True)
        bin_ = self.folder / "venv" / "bin"
        bin_.mkdir()
        self.python = bin_ / "python"
        self.python.symlink_to(base)
        (self.folder / "venv" / "pyvenv.cfg").write_text(f"home = {base.parent}\n")
        source = Path(holdfast.__file__).parents[1]
        libraries = sysconfig.get_path("purelib")
        (self.site / "holdfast.pth").write_text(f"{libraries}\n{source}\n")
        self.holdfast = bin_ / "holdfast"
        self.holdfast.write_text(SCRIPT.format(python=self.python))
        self.holdfast.chmod(0o755)

    def end_all(self) -> None:
        """Kills whatever was started and still runs."""
        for process in self.started:
            with suppress(ProcessLookupError):
                process.kill()
            process.wait()
        self.started.clear()

    def own_folder(self, name: str, uid: int, mode: int = 0o700) -> Path:
        """A folder of that user beside the installation."""
        made = self.folder / name
        made.mkdir()
        made.chmod(mode)
        os.chown(made, uid, uid)
        return made

    def run(
        self,
        uid: int,
        *command: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command as `uid` to its end."""
        return subprocess.run(
            as_user(uid, *command),
            cwd=cwd or "/",
            env=ENVIRONMENT | dict(env or {}),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )

    def start(
        self,
        uid: int,
        *command: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        log: Path | None = None,
        capability: str = "",
    ) -> subprocess.Popen[bytes]:
        """Starts a command as `uid`; it ends with the test at the latest."""
        with (log or Path(os.devnull)).open("ab") as out:
            process = subprocess.Popen(
                as_user(uid, *command, capability=capability),
                cwd=cwd or "/",
                env=ENVIRONMENT | dict(env or {}),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        self.started.append(process)
        return process

    def init(self, uid: int, home: Path, *options: str | Path) -> None:
        """`holdfast init` with throw-away passphrases, as `uid`."""
        words = ["--passphrase-command", "echo wallets-pass"]
        words += ["--operator-passphrase-command", "echo operator-pass", "--kdf", "light"]
        done = self.run(uid, self.holdfast, "init", "--home", home, *words, *options)
        assert done.returncode == 0, done.stderr

    def serve(self, uid: int, home: Path, log: Path, **more: Any) -> subprocess.Popen[bytes]:
        """`holdfast serve`, as `uid`, from when it is signing."""
        at = log.stat().st_size if log.exists() else 0
        command = [self.holdfast, "serve", "--home", home]
        process = self.start(
            uid, *command, "--passphrase-command", "echo wallets-pass", log=log, **more
        )
        wait_for_log(log, '"signing"', process, at)
        return process


def wait_for_log(log: Path, words: str, process: subprocess.Popen[bytes], at: int = 0) -> None:
    """Returns when the log says `words` behind byte `at`."""
    deadline = time.monotonic() + WAIT_S
    while words not in (said := log.read_text()[at:] if log.exists() else ""):
        assert process.poll() is None, said
        assert time.monotonic() < deadline, said
        time.sleep(0.02)


@contextmanager
def installation() -> Iterator[Installation]:
    """A new one under /tmp, removed afterwards with every process started from it."""
    if os.geteuid() != 0:
        pytest.skip("users of their own need root")
    # pytest's own folders are closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="hf-", dir="/tmp"))
    folder.chmod(0o755)
    made = Installation(folder)
    try:
        yield made
    finally:
        made.end_all()
        shutil.rmtree(folder, ignore_errors=True)


def children(pid: int) -> Sequence[int]:
    """The process ids of a process's children."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(entry.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(entry.parent.name))
    return found
