"""Load: N clients, each with one call under way, in one process that spends little itself.

    python -m tests.bench.load SOCKET --clients 64 --seconds 5 [--sign SEED --agent ID]

Every call is a token payment of another amount, so no two are identical. Prints one JSON object:
`{"calls", "seconds", "per_s", "p50_us", "p99_us", "max_us", "unexpected", "cpu_s"}`.
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

from tests.bench.policies import TOKEN, WALLET, transfer_data, vendor

from holdfast.agent.signed import RequestKey


def frames(token: str, wallet: str, to: str, first: int) -> Iterator[bytes]:
    """Endless `eth_sendTransaction` frames with amounts from `first` up."""
    start, end = transfer_data(to, 0)[:-16], 16
    head = (
        '{"jsonrpc":"2.0","id":1,"method":"eth_sendTransaction","params":[{"from":"'
        f'{wallet}","to":"{token}","gas":"0x186a0","data":"{start}'
    ).encode()
    number = first
    while True:
        yield b'%b%0*x"}]}\n' % (head, end, number)
        number += 1


TRANSFER = "TransferWithAuthorization"
FIELDS = (
    ("from", "address"),
    ("to", "address"),
    ("value", "uint256"),
    ("validAfter", "uint256"),
    ("validBefore", "uint256"),
    ("nonce", "bytes32"),
)
DOMAIN = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)


def payments(token: str, wallet: str, to: str, first: int) -> Iterator[bytes]:
    """Endless x402 payments: EIP-3009 authorisations of one cent, each with a nonce of its own."""
    types = {
        "EIP712Domain": [{"name": name, "type": kind} for name, kind in DOMAIN],
        TRANSFER: [{"name": name, "type": kind} for name, kind in FIELDS],
    }
    domain = {"name": "USD", "version": "2", "chainId": 31337, "verifyingContract": token}
    message = {"from": wallet, "to": to, "value": "10000", "validAfter": "0"}
    message |= {"validBefore": str(int(time.time()) + 600), "nonce": "0x" + "0" * 48 + "NONCE"}
    document = {"types": types, "primaryType": TRANSFER, "domain": domain, "message": message}
    call = {"jsonrpc": "2.0", "id": 1, "method": "eth_signTypedData_v4"}
    text = json.dumps({**call, "params": [wallet, document]}, separators=(",", ":"))
    start, end = text.encode().split(b"NONCE")
    number = first
    while True:
        yield b"%b%016x%b\n" % (start, number, end)
        number += 1


def signed_frames(plain: Iterator[bytes], key: RequestKey, agent: str, count: int) -> list[bytes]:
    """`count` frames wrapped and signed beforehand; they are good for half a minute."""
    out = []
    for _ in range(count):
        call = json.loads(next(plain))
        wrapped = key.wrap(agent, call["method"], call["params"])
        call = {"jsonrpc": "2.0", "id": 1, **wrapped}
        out.append(json.dumps(call, separators=(",", ":")).encode() + b"\n")
    return out


@dataclass
class Tally:
    """What came back; latencies in nanoseconds."""

    latencies: list[int]
    seconds: float
    unexpected: int
    cpu_s: float
    sample: str

    def summary(self) -> dict[str, float | int | str]:
        """The printed object."""
        ordered = sorted(self.latencies)

        def at(part: float) -> float:
            return round(ordered[min(len(ordered) - 1, int(len(ordered) * part))] / 1000, 1)

        return {
            "calls": len(ordered),
            "seconds": round(self.seconds, 3),
            "per_s": round(len(ordered) / self.seconds, 1),
            "p50_us": at(0.5),
            "p99_us": at(0.99),
            "max_us": round(ordered[-1] / 1000, 1),
            "unexpected": self.unexpected,
            "cpu_s": round(self.cpu_s, 2),
            "sample": self.sample,
        }


def verify(pairs: list[tuple[bytes, bytes]], wallet: str) -> int:
    """How many signatures are not the wallet's over what was asked, or came twice."""
    from eth_account import Account
    from eth_account.messages import encode_typed_data

    wrong, seen = 0, set()
    for frame, answer in pairs:
        message = encode_typed_data(full_message=json.loads(frame)["params"][1])
        signature = json.loads(answer)["result"]
        signer = Account.recover_message(message, signature=signature)
        wrong += signer.lower() != wallet.lower() or signature in seen
        seen.add(signature)
    return wrong


def drive(
    path: str,
    source: Iterator[bytes],
    clients: int,
    seconds: float,
    expect: bytes,
    pairs: list[tuple[bytes, bytes]] | None = None,
) -> Tally:
    """Closed loop: each client sends its next frame when the answer of the last one is whole.

    Each frame and its answer go into `pairs`.
    """
    poll = select.epoll()
    lines: dict[int, socket.socket] = {}
    for _ in range(clients):
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.settimeout(10)
        line.connect(path)
        lines[line.fileno()] = line
        poll.register(line.fileno(), select.EPOLLIN)
    latencies: list[int] = []
    unexpected, sample = 0, b""
    begun: dict[int, int] = {}
    partial: dict[int, bytes] = {}
    clock = time.perf_counter_ns
    cpu, start = time.process_time(), clock()
    stop = start + int(seconds * 1e9)
    asked: dict[int, bytes] = {}
    for number, line in lines.items():
        begun[number] = clock()
        asked[number] = next(source)
        line.send(asked[number])
    under_way = len(lines)
    while under_way:
        ready = poll.poll(10)
        if not ready:
            raise TimeoutError(f"{under_way} calls without an answer for 10 s")
        for number, _ in ready:
            line = lines[number]
            piece = line.recv(65536)
            if not piece:
                raise ConnectionResetError("the connection was closed under load")
            if number in partial:
                piece = partial.pop(number) + piece
            if not piece.endswith(b"\n"):
                partial[number] = piece
                continue
            now = clock()
            latencies.append(now - begun[number])
            if pairs is not None:
                pairs.append((asked[number], piece))
            if expect not in piece:
                unexpected, sample = unexpected + 1, piece
            if now < stop and (frame := next(source, None)) is not None:
                begun[number], asked[number] = now, frame
                line.send(frame)
            else:
                under_way -= 1
    spent = (clock() - start) / 1e9
    for line in lines.values():
        line.close()
    return Tally(latencies, spent, unexpected, time.process_time() - cpu, sample.decode()[:500])


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("socket")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--expect", default='"code":4001')
    parser.add_argument("--sign", help="hex seed of the agent's key")
    parser.add_argument("--signed-count", type=int, default=60_000)
    parser.add_argument("--agent", default="load")
    parser.add_argument("--pay", action="store_true", help="x402 payments instead of transfers")
    parser.add_argument("--verify", action="store_true", help="recover every signature's signer")
    parser.add_argument("--token", default=TOKEN)
    parser.add_argument("--wallet", default=WALLET)
    parser.add_argument("--to", default=vendor(0))
    given = parser.parse_args()
    kind = payments if given.pay else frames
    source = kind(given.token, given.wallet, given.to, time.time_ns() % 10**12)
    if given.sign:
        key = RequestKey(bytes.fromhex(given.sign))
        source = iter(signed_frames(source, key, given.agent, given.signed_count))
    pairs: list[tuple[bytes, bytes]] | None = [] if given.verify else None
    expect = given.expect.encode()
    tally = drive(given.socket, source, given.clients, given.seconds, expect, pairs)
    if pairs and not tally.unexpected:
        tally.unexpected = verify(pairs, given.wallet)
    print(json.dumps(tally.summary()))


if __name__ == "__main__":
    main()
