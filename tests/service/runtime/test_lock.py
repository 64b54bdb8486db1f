"""One daemon per home."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.service.runtime.lock import HomeInUse, HomeLock

HOLD = """
import sys
from pathlib import Path
from holdfast.service.runtime.lock import HomeLock
lock = HomeLock(Path(sys.argv[1]))
print("locked", flush=True)
sys.stdin.read()
"""


def test_a_second_owner_is_refused_with_the_first_ones_number(tmp_path: Path) -> None:
    with HomeLock(tmp_path / "lock"), pytest.raises(HomeInUse) as refused:
        HomeLock(tmp_path / "lock")
    assert f"process {os.getpid()}" in str(refused.value)
    assert "stop it first, or use another --home" in str(refused.value)


def test_a_killed_owner_leaves_the_home_free(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"locked\n"
        with pytest.raises(HomeInUse):
            HomeLock(tmp_path / "lock")
        owner.kill()
    HomeLock(tmp_path / "lock").release()


def test_a_link_in_the_locks_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("")
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        HomeLock(tmp_path / "lock")
