"""What happens on a full disk. Prints one JSON object.

In a mount namespace of its own: run by `test_load.py` under `unshare -m`.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.service.in_process import STRANGER, Guardian, Line, log_key, make_home

from holdfast.service.config import Config
from holdfast.service.home.folder import Home
from holdfast.service.journal.settings import JournalConfig
from holdfast.service.local import LocalServices
from holdfast.service.runtime.lock import HomeLock

MIB = 1 << 20
# More than a flood writes between two looks at the disk.
FLOOR = 24 * MIB
JOURNAL = JournalConfig(free_bytes_min=FLOOR, reserve_bytes=2 * MIB)


def fill(path: Path, left: int) -> None:
    """Writes a file that leaves about `left` bytes free."""
    found = os.statvfs(path.parent)
    size = max(0, found.f_bavail * found.f_frsize - left)
    with path.open("ab") as file:
        while size > 0:
            piece = min(size, MIB)
            try:
                file.write(b"\1" * piece)
                file.flush()
            except OSError:
                return
            size -= piece


async def freeze(operator: Line, agent: str) -> int | None:
    scope = {"kind": "agent", "id": agent}
    found = await operator.operate("freeze", scope=scope, reason="full", actor="test")
    seq: int | None = found["freeze"]
    return seq


async def flood(line: Line) -> str:
    """Denied calls until the answer is another."""
    for number in range(20_000):
        call = [{"to": STRANGER, "value": hex(number + 1), "data": "0x" + "ab" * 3_000}]
        error = (await line.call("eth_sendTransaction", call))["error"]
        if error["data"]["code"] != "no_grant":
            return str(error["data"]["code"])
    return "never"


async def run(folder: Path, home: Home) -> dict[str, Any]:
    """The whole story."""
    ballast = folder / "ballast"
    told: dict[str, Any] = {}
    with HomeLock(home.lock_path):
        inside = LocalServices(home, Config(journal=JOURNAL), lambda: log_key(home))
        await inside.open(lambda _: None)
        guardian = Guardian(inside)
        line, operator = await guardian.agent(), await guardian.operator()
        assert home.reserve_path.stat().st_size == JOURNAL.reserve_bytes
        fill(ballast, FLOOR + MIB // 4)
        told["flooded"] = await flood(line)
        health = (await operator.operate("status"))["health"]["disk"]
        told["health"] = "free some space" in health["low"]
        first = await freeze(operator, "other")
        told["frozen_at_the_floor"] = first is not None
        fill(ballast, 0)
        found = os.statvfs(folder)
        assert found.f_bavail * found.f_frsize < 64 * 1024
        seqs = [await freeze(operator, "other") for _ in range(60)]
        told["frozen_on_a_full_disk"] = None not in seqs
        thaw = guardian.command("thaw", freeze=first)
        told["thawed_on_a_full_disk"] = (await operator.operate("command", **thaw))["applied"]
        told["sealed"] = inside.core.sealed
        ballast.unlink()
        inside.disk.look()
        told["after_room"] = (await line.pay(STRANGER))["error"]["data"]["code"]
        told["reserve_held_again"] = home.reserve_path.stat().st_size == JOURNAL.reserve_bytes
        await guardian.close_lines()
        await inside.close_gate()
        await inside.say_stopped()
        await inside.close()
        fill(ballast, 0)
        again = LocalServices(home, Config(journal=JOURNAL), lambda: log_key(home))
        told["starts_on_a_full_disk"] = again.core.guard.size == inside.core.guard.size
        await again.close()
    return told


def main() -> None:
    """See the module."""
    folder = Path(sys.argv[1]) / "small"
    folder.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)], check=True, timeout=30
    )
    home = make_home(folder)
    print(json.dumps(asyncio.run(run(folder, home))))


if __name__ == "__main__":
    main()
