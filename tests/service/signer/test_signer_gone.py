"""A signer that died is told everywhere; the daemon ends with it where the operator wants that."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.service.guardian.test_restart import daemon, wait_for
from tests.service.in_process import make_home

from holdfast.service.home.folder import Home

STATUS = (sys.executable, "-m", "holdfast", "status")


def signer_of(pid: int) -> int:
    """The process id of a daemon's signer."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            if b"holdfast.service.signer.process" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    raise AssertionError("there is no signer")


def status(home: Home, *more: str) -> subprocess.CompletedProcess[str]:
    command = [*STATUS, "--home", str(home.path), *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_signer_that_died_is_told_in_status_with_what_to_do(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    with daemon(home) as served:
        wait_for(served, '"event": "signing"')
        assert status(home).returncode == 0
        os.kill(signer_of(served.process.pid), signal.SIGKILL)
        wait_for(served, "the signer is gone")
        told = status(home)
        assert told.returncode == 1
        assert "ALARM     critical signer_gone: the signer process ended" in told.stdout
        assert "next: restart the guardian" in told.stdout
        (condition,) = json.loads(status(home, "--json").stdout)["health"]["conditions"]
        assert condition["code"] == "signer_gone"
        assert condition["severity"] == "critical"
        assert served.process.poll() is None


def test_the_daemon_ends_with_its_signer_where_that_is_configured(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    home.config_path.write_text("version = 1\nend_with_signer = true\n")
    with daemon(home) as served:
        wait_for(served, '"event": "signing"')
        os.kill(signer_of(served.process.pid), signal.SIGKILL)
        assert served.process.wait(60) == 1
        assert "the signer process ended" in served.words()
    with daemon(home) as served:
        wait_for(served, '"event": "signing"')
        assert status(home).returncode == 0
