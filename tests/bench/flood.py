"""One agent floods with the worst input found while 64 honest clients pay.

    python -m tests.bench.flood SOCKET --wallet ADDRESS --seconds 10

Sends without waiting for answers over several connections and prints `{"sent", "answered"}`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.policies import TOKEN, bench_policy, vendor
from tests.bench.rows import Row, percentile
from tests.bench.wire import REPO, load, load_command

from holdfast.demo.chain import Chain
from holdfast.demo.guardian import DemoGuardian
from holdfast.service.journal.settings import JournalConfig

CONNECTIONS = 8
FLOODER = "other-1"
RATE = "requests_per_minute = 100000000\n"
DAY_S = 24 * 60 * 60
FIRST_S = 65
STEADY_S = 60
PERMIT2 = "0x000000000022D473030F116dDEE9F6B43aC78BA3"
DETAILS = (("token", "address"), ("amount", "uint160"), ("expiration", "uint48"))


def fields(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    """Members of an EIP-712 type."""
    return [{"name": name, "type": kind} for name, kind in pairs]


def array(wallet: str) -> dict[str, Any]:
    """Typed data with as many values as its size allows: the dearest a byte can be."""
    types = {"EIP712Domain": fields(("chainId", "uint256")), "T": fields(("a", "uint256[]"))}
    document = {"types": types, "primaryType": "T", "domain": {"chainId": 31337}}
    return call("eth_signTypedData_v4", [wallet, {**document, "message": {"a": [*range(15_000)]}}])


def permits(wallet: str) -> dict[str, Any]:
    """A Permit2 batch of a thousand."""
    types = {
        "EIP712Domain": fields(
            ("name", "string"), ("chainId", "uint256"), ("verifyingContract", "address")
        ),
        "PermitBatch": fields(
            ("details", "PermitDetails[]"), ("spender", "address"), ("sigDeadline", "uint256")
        ),
        "PermitDetails": fields(*DETAILS, ("nonce", "uint48")),
    }
    detail = {"token": TOKEN, "amount": "1", "expiration": "1", "nonce": "1"}
    message = {"details": [detail] * 950, "spender": vendor(0), "sigDeadline": "1"}
    domain = {"name": "Permit2", "chainId": 31337, "verifyingContract": PERMIT2}
    document = {"types": types, "primaryType": "PermitBatch", "domain": domain, "message": message}
    return call("eth_signTypedData_v4", [wallet, document])


def data(wallet: str) -> dict[str, Any]:
    """The most call data there can be."""
    transaction = {"from": wallet, "to": TOKEN, "data": "0x" + "ab" * 131_072}
    return call("eth_sendTransaction", [transaction])


def call(method: str, params: list[Any]) -> dict[str, Any]:
    """A JSON-RPC call."""
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def flood(path: str, wallet: str, seconds: float) -> dict[str, int]:
    """Sends as fast as the guardian reads, and reads whatever it answers."""
    calls = [
        json.dumps(make(wallet), separators=(",", ":")).encode() for make in (array, permits, data)
    ]
    poll = select.poll()
    lines: dict[int, tuple[socket.socket, Iterator[bytes], bytearray]] = {}
    for _ in range(CONNECTIONS):
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.connect(path)
        line.setblocking(False)
        lines[line.fileno()] = (line, itertools.cycle(calls), bytearray())
        poll.register(line.fileno(), select.POLLIN | select.POLLOUT)
    stop = time.monotonic() + seconds
    sent = answered = 0
    while time.monotonic() < stop:
        for number, ready in poll.poll(100):
            line, source, rest = lines[number]
            if ready & select.POLLIN:
                answered += line.recv(1 << 20).count(b"\n")
            if ready & select.POLLOUT:
                if not rest:
                    rest += next(source)
                    sent += 1
                try:
                    del rest[: line.send(rest)]
                except BlockingIOError:
                    time.sleep(0.001)
    return {"sent": sent, "answered": answered}


@contextmanager
def guardian() -> Iterator[DemoGuardian]:
    """A daemon whose policy lets `load` pay and gives the flooder the default rate."""
    with (
        tempfile.TemporaryDirectory(prefix="hf-") as folder,
        Chain() as chain,
        DemoGuardian(Path(folder) / "home", chain) as demo,
    ):
        text = bench_policy(wallet=demo.wallets[0])
        head, block = text.split(f'id = "{FLOODER}"\n', 1)
        demo.policy(head + f'id = "{FLOODER}"\n' + block.replace(RATE, "", 1))
        demo.config("")
        demo.start()
        with demo.connect(key=False) as operator:
            # The sockets open first; the keys take their time.
            while not operator.call("status")["health"]["signer"]["ok"]:
                time.sleep(0.05)
        yield demo


@contextmanager
def flooding(demo: DemoGuardian, seconds: float) -> Iterator[None]:
    """The flood as a process of its own."""
    command = [sys.executable, "-m", "tests.bench.flood", demo.agent_socket(FLOODER)]
    command += ["--wallet", demo.wallets[0], "--seconds", str(seconds)]
    running = subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, text=True)
    try:
        yield
    finally:
        running.terminate()
        running.communicate()


def freezes(demo: DemoGuardian, seconds: float) -> list[float]:
    """Milliseconds from asking for a freeze to its acknowledgement, under pay and flood."""
    more = ("--pay", "--expect", '"result"', "--seconds", str(seconds))
    command = load_command(demo.agent_socket("load"), demo.wallets[0], *more)
    running = subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, text=True)
    taken = []
    with demo.connect(key=False) as operator:
        time.sleep(1.0)  # the load reaches its level
        while running.poll() is None:
            begun = time.perf_counter()
            operator.freeze("agent", "other-2", "bench")
            taken.append((time.perf_counter() - begun) * 1000)
            time.sleep(0.02)
    running.communicate()
    return taken[:-5]


def rows(seconds: float = 5.0) -> list[Row]:
    """What honest clients keep, how long a freeze takes, and what a day of it costs."""
    pay = ("--pay", "--expect", '"result"', "--seconds", str(seconds))
    with guardian() as demo:
        path, wallet = demo.agent_socket("load"), demo.wallets[0]
        load(path, wallet, "--pay", "--expect", '"result"', "--seconds", "1")
        alone = load(path, wallet, *pay)
        with flooding(demo, 600):
            time.sleep(1.0)
            beside = load(path, wallet, *pay)
            taken = freezes(demo, 2 * seconds)
    with guardian() as demo, flooding(demo, 600):
        journal = demo.home.journal_path
        # What an agent saved up while it was quiet is used up in its first minute.
        time.sleep(FIRST_S)
        before = _size(journal)
        begun = time.monotonic()
        time.sleep(STEADY_S)
        a_day = (_size(journal) - before) / (time.monotonic() - begun) * DAY_S
    gib = 1 << 30
    share = beside["per_s"] / alone["per_s"]
    note = f"{beside['per_s']:,.0f} of {alone['per_s']:,.0f} payments/s"
    return [
        Row("64 paying clients beside a flood keep", share * 100, "%", 80.0, False, note),
        Row(
            "freeze acknowledged under both, p99",
            percentile(taken, 0.99),
            "ms",
            50.0,
            note=f"{len(taken)} freezes",
        ),
        Row("journal of a day of flood", a_day / gib, "GiB", JournalConfig().bytes_max / gib),
    ]


def _size(journal: Path) -> int:
    files = (journal, journal.with_name(f"{journal.name}-wal"))
    return sum(each.stat().st_size for each in files if each.exists())


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("socket")
    parser.add_argument("--wallet", required=True)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    print(json.dumps(flood(given.socket, given.wallet, given.seconds)))


if __name__ == "__main__":
    main()
