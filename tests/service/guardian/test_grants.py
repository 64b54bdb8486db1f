"""A one-off grant is used once, whoever races for it and whatever is killed."""

from __future__ import annotations

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.service.guardian.test_restart import daemon
from tests.service.in_process import OPERATOR_PASSPHRASE, STRANGER, Line, frame, make_home, serving

from holdfast.operator import keys
from holdfast.service.home.folder import Home

CLIENTS = 64
HOUR_MS = 3_600_000


def terms(wallet: str, now_ms: int, most: int, *, once: bool) -> dict[str, Any]:
    return {
        "agent": "agent",
        "asset": "native",
        "chain_id": 31337,
        "most": str(most),
        "once": once,
        "to": STRANGER,
        "until_ms": now_ms + HOUR_MS,
        "wallet": wallet,
    }


def race(path: Path, values: list[int]) -> list[str]:
    """One client for each value, all at once; gives `pending` or the first reason of each."""
    start = threading.Barrier(len(values))

    def one(value: int) -> str:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.connect(str(path))
            answers = line.makefile("rb")
            send = {
                "method": "eth_sendTransaction",
                "params": [{"to": STRANGER, "value": hex(value)}, {"idempotencyKey": f"k{value}"}],
            }
            start.wait()
            line.sendall(frame("holdfast_submit", [send]))
            result = json.loads(answers.readline())["result"]
            codes = [each["code"] for each in result.get("reasons", [])]
            return codes[0] if codes else str(result["status"])

    with ThreadPoolExecutor(len(values)) as pool:
        return list(pool.map(one, values))


async def granted(line: Line) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await line.operate("grants"))["grants"]
    return rows


async def test_a_grant_for_one_payment_is_used_once_by_64_clients_at_once(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    async with serving(home) as guardian:
        operator = await guardian.operator()
        (agent,) = [
            each for each in (await operator.operate("status"))["agents"] if each["id"] == "agent"
        ]
        now_ms = guardian.core.clock.now_ms()
        asked = terms(agent["wallet"], now_ms, CLIENTS, once=True)
        await operator.operate("command", **guardian.command("grant", **asked))
        loop = guardian.core._loop
        values = list(range(1, CLIENTS + 1))
        path = home.agent_socket("agent")
        told = await loop.run_in_executor(None, race, path, values)
        assert told.count("pending") == 1, told
        assert told.count("no_grant") == CLIENTS - 1
        (row,) = await granted(operator)
        assert (row["state"], row["left"], row["agent"]) == ("used", "0", "agent")
        # What is never signed gives it back, once.
        (held,) = guardian.core.guard.authorising()
        view = await operator.operate("request", id=held)
        deny = guardian.command("deny", request=held, digest=view["digest"])
        await operator.operate("command", **deny)
        again = [value + CLIENTS for value in values]
        told = await loop.run_in_executor(None, race, path, again)
        # More than was granted is no payment of the grant.
        assert set(told) == {"no_grant"}
        told = await loop.run_in_executor(None, race, path, values[:8])
        assert told.count("pending") == 1, told


async def test_a_grant_up_to_a_sum_is_never_exceeded_and_fully_used(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    async with serving(home) as guardian:
        operator = await guardian.operator()
        status = await operator.operate("status")
        wallet = next(each["wallet"] for each in status["agents"] if each["id"] == "agent")
        now_ms = guardian.core.clock.now_ms()
        asked = terms(wallet, now_ms, 10_000, once=False)
        await operator.operate("command", **guardian.command("grant", **asked))
        values = [300 + number for number in range(CLIENTS)]
        path = home.agent_socket("agent")
        told = await guardian.core._loop.run_in_executor(None, race, path, values)
        (row,) = await granted(operator)
        paid = int(row["held"])
        assert paid <= 10_000
        assert 10_000 - paid == int(row["left"]) < 300
        assert told.count("pending") in range(10_000 // 363, 10_000 // 300 + 1)


def operate(home: Home, method: str, **params: Any) -> Any:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(str(home.operator_socket))
        line.sendall(json.dumps({"id": 1, "method": method, "params": params}).encode() + b"\n")
        answer = json.loads(line.makefile("rb").readline())
        assert "error" not in answer, answer
        return answer["result"]


def signed(home: Home, action: keys.Action, **members: Any) -> dict[str, str]:
    key = keys.load(home.operator_key_path, bytearray(OPERATOR_PASSPHRASE))
    guardian = operate(home, "hello")["guardian"]
    status = operate(home, "status")
    command = key.sign_command(
        action,
        guardian=guardian,
        now_ms=status["now_ms"],
        clock=status["clock_set"],
        **members,
    )
    return {"payload": command.payload, "signature": command.signature}


def test_a_grant_and_what_was_used_of_it_survive_kill_9(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    with daemon(home) as served:
        status = operate(home, "status")
        wallet = next(each["wallet"] for each in status["agents"] if each["id"] == "agent")
        asked = terms(wallet, status["now_ms"], 500, once=True)
        operate(home, "command", **signed(home, "grant", **asked))
        served.process.kill()
    with daemon(home) as served:
        (row,) = operate(home, "grants")["grants"]
        assert (row["state"], row["left"]) == ("open", "500")
        assert race(home.agent_socket("agent"), [400]) == ["pending"]
        served.process.kill()
    with daemon(home) as served:
        (row,) = operate(home, "grants")["grants"]
        assert (row["state"], row["held"]) == ("used", "400")
        assert race(home.agent_socket("agent"), [401, 402]) == ["no_grant", "no_grant"]
        operate(home, "command", **signed(home, "revoke", grant=row["grant"]))
        served.process.kill()
    with daemon(home) as served:
        (row,) = operate(home, "grants")["grants"]
        assert row["state"] == "revoked"
        assert race(home.agent_socket("agent"), [403]) == ["no_grant"]
        assert served.end() == 0


async def test_an_agent_over_a_limit_that_freezes_is_frozen_for_operators_to_see(
    tmp_path: Path,
) -> None:
    home = make_home(
        tmp_path,
        more='[[limit]]\nid = "trap"\nper = "agent"\nmeasure = "count"\nmax = 1\nwindow = "1h"\n'
        'on_exceed = "freeze"\n',
    )
    async with serving(home) as guardian:
        operator, agent = await guardian.operator(), await guardian.agent()
        assert (await agent.pay(STRANGER, 1))["error"]["data"]["status"] == "denied"
        status = await operator.operate("status")
        assert status["freezes"] == []
        vendor = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
        send = [{"method": "eth_sendTransaction", "params": [{"to": vendor, "value": "0x1"}]}]
        assert (await agent.call("holdfast_submit", send))["result"]["status"] == "pending"
        send = [{"method": "eth_sendTransaction", "params": [{"to": vendor, "value": "0x2"}]}]
        assert (await agent.call("holdfast_submit", send))["result"]["status"] == "denied"
        (freeze,) = (await operator.operate("status"))["freezes"]
        assert freeze["scope"] == {"kind": "agent", "id": "agent"}
        assert "limit `trap` would reach 2 of 1" in freeze["reason"]
