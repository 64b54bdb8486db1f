"""A limit under 64 clients at once is never exceeded, and fully used."""

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.service.in_process import VENDOR, frame, make_home, serving

CLIENTS = 64
CALLS = 20
MOST = 500


class Caller:
    """One blocking client with a connection of its own."""

    def __init__(self, path: Path, start: threading.Barrier) -> None:
        self._path = path
        self._start = start

    def run(self, number: int) -> list[str]:
        """`CALLS` payments, each of another amount; gives `pending` or the reason for each."""
        told = []
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.connect(str(self._path))
            answers = line.makefile("rb")
            self._start.wait()
            for turn in range(CALLS):
                payment = {"to": VENDOR, "value": hex(1 + number * CALLS + turn)}
                send = {"method": "eth_sendTransaction", "params": [payment]}
                line.sendall(frame("holdfast_submit", [send], turn))
                answer = json.loads(answers.readline())
                assert answer["id"] == turn
                result = answer["result"]
                codes = [each["code"] for each in result.get("reasons", [])]
                told.append(codes[0] if codes else result["status"])
        return told


async def test_a_limit_is_never_exceeded_and_fully_used(tmp_path: Path) -> None:
    home = make_home(tmp_path, count=MOST)
    async with serving(home) as guardian:
        caller = Caller(home.agent_socket("agent"), threading.Barrier(CLIENTS))
        loop = guardian.core._loop
        with ThreadPoolExecutor(CLIENTS) as pool:
            runs = [loop.run_in_executor(pool, caller.run, number) for number in range(CLIENTS)]
            told = [each for run in runs for each in await run]
        assert told.count("pending") == MOST
        assert told.count("limit_exceeded") == CLIENTS * CALLS - MOST
        assert len(guardian.core.guard.authorising()) == MOST
