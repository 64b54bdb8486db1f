"""The agents of `examples/`, run as they are: each pays, waits for a person, stops when denied."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.e2e.clients import CAST, NODE_MODULES, REPO
from tests.e2e.conftest import World

pytestmark = pytest.mark.timeout(240)
EXAMPLES = REPO / "examples"
# Wei. No other test of this folder pays this amount: an identical payment would join it.
WEI = 17 * 10**12
ENDS_S = 60.0

Command = Callable[[Path], list[str]]


def _web3(folder: Path) -> list[str]:
    return [sys.executable, str(EXAMPLES / "pay.py")]


def _viem(folder: Path) -> list[str]:
    """In a folder that has viem, as the README says: Node looks for modules beside the file."""
    script = folder / "pay.mjs"
    shutil.copyfile(EXAMPLES / "pay.mjs", script)
    (folder / "node_modules").symlink_to(NODE_MODULES)
    return ["node", str(script)]


def _cast(folder: Path) -> list[str]:
    return [str(EXAMPLES / "pay.sh")]


# By the agent of the world whose socket each uses.
AGENTS: dict[str, Command] = {"web3-sync": _web3, "viem": _viem, "cast": _cast}
each_agent = pytest.mark.parametrize("agent", AGENTS)


@contextmanager
def running(
    world: World, agent: str, folder: Path, to: str, wei: int
) -> Iterator[subprocess.Popen[str]]:
    """The example at work; whatever happens, it has ended afterwards."""
    process = subprocess.Popen(
        [*AGENTS[agent](folder), world.guardian.agent_socket(agent), to, str(wei)],
        env={**os.environ, "PATH": f"{CAST.parent}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def pending_id(process: subprocess.Popen[str]) -> str:
    """The request that it was told is pending; fails when it ends without being told so."""
    assert process.stderr is not None
    for line in process.stderr:
        if told := re.search(r"request (r\d+) is pending", line):
            return told[1]
    raise AssertionError("it ended without a pending answer")


@each_agent
def test_an_example_prints_the_hash_of_a_mined_payment(
    world: World, agent: str, tmp_path: Path
) -> None:
    before = world.chain.balance(world.known)
    with running(world, agent, tmp_path, world.known, WEI) as process:
        out, err = process.communicate(timeout=ENDS_S)
    assert process.returncode == 0, err
    assert world.chain.receipt(out.strip())["status"] == "0x1"
    assert world.chain.balance(world.known) - before == WEI


@each_agent
def test_an_example_waits_for_a_person_and_pays_once(
    world: World, agent: str, tmp_path: Path
) -> None:
    before = world.chain.balance(world.shop)
    wei = WEI + list(AGENTS).index(agent)
    with running(world, agent, tmp_path, world.shop, wei) as process:
        request = pending_id(process)
        world.operator.answer("approve", request)
        out, err = process.communicate(timeout=ENDS_S)
    assert process.returncode == 0, err
    assert out.strip() == world.ended(request, "confirmed")["hash"]
    assert world.chain.balance(world.shop) - before == wei


@each_agent
def test_an_example_stops_when_it_is_denied(world: World, agent: str, tmp_path: Path) -> None:
    nonce = world.chain.nonce(world.wallet)
    with running(world, agent, tmp_path, world.stranger, WEI) as process:
        out, err = process.communicate(timeout=ENDS_S)
    assert process.returncode == 1, out
    assert "denied" in err
    assert world.chain.nonce(world.wallet) == nonce
