"""The operator client alone, on a real socket: deadlines, refusals, loss and return."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.support.operator_server import OperatorServer
from tests.support.operator_thread import SCENES

from holdfast.operator.client import NotConnectedError, OperatorClient, OperatorError

BACKOFF_S = (0.01, 0.05)


@asynccontextmanager
async def connected(home: Path) -> AsyncIterator[tuple[OperatorServer, OperatorClient]]:
    server = OperatorServer(home, SCENES / "busy.json")
    await server.start()
    client = OperatorClient(server.path, backoff_s=BACKOFF_S)
    running = asyncio.create_task(client.run())
    try:
        await asyncio.wait_for(client.wait_ready(), 10)
        yield server, client
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await server.stop()


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.005)


async def test_pushes_come_in_order_after_history_and_snapshot(home: Path) -> None:
    async with connected(home) as (server, client):
        server.push_event("guardian.started", {"version": "x"})
        got = []
        while not any("event" in push for push in got):
            got += client.drain()
            await asyncio.sleep(0.005)
    kinds = [next(iter(push)) for push in got]
    past = len([kind for kind in kinds if kind == "past"])
    assert kinds == ["past"] * past + ["snapshot", "event"]
    assert past == len(server.events) - 1


async def test_a_refusal_has_its_code_and_words(home: Path) -> None:
    async with connected(home) as (server, client):
        server.refuse["command"] = ("frozen", "the scope is frozen")
        with pytest.raises(OperatorError, match="the scope is frozen") as caught:
            await client.command("{}", "0x00")
        assert caught.value.code == "frozen"


async def test_a_call_that_is_not_answered_ends_at_its_deadline(home: Path) -> None:
    async with connected(home) as (server, client):
        server.silent.add("limits")
        with pytest.raises(TimeoutError):
            await client.call("limits", timeout_s=0.05)
        assert await client.request("r25")


async def test_calls_under_way_end_when_the_connection_is_lost(home: Path) -> None:
    async with connected(home) as (server, client):
        server.silent.add("freeze")
        call = asyncio.create_task(client.freeze({"kind": "everything"}, "why", "who"))
        await until(lambda: any(method == "freeze" for method, _ in server.asked))
        await server.stop()
        with pytest.raises(NotConnectedError):
            await call
        with pytest.raises(NotConnectedError):
            await client.limits()


async def test_the_client_comes_back_and_asks_only_for_what_it_missed(home: Path) -> None:
    async with connected(home) as (server, client):
        seq = client.seq
        await server.stop()
        await until(lambda: not client.connected)
        missed = server.push_event("guardian.started", {"version": "x"})
        client.drain()
        await server.start()
        await until(lambda: client.connected and client.seq == missed["seq"])
        await until(lambda: any("event" in push for push in client._inbox))
        subscribed = [params for method, params in server.asked if method == "subscribe"]
        assert subscribed[-1]["from_seq"] == seq
        events = [push["event"]["seq"] for push in client.drain() if "event" in push]
        assert events == [missed["seq"]]


async def test_nobody_there_is_said_in_words(home: Path) -> None:
    client = OperatorClient(home / "run" / "operator.sock", backoff_s=BACKOFF_S)
    running = asyncio.create_task(client.run())
    await until(lambda: client.attempts > 2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert client.error == "no guardian is running here"


async def test_garbage_on_the_socket_is_a_lost_connection_not_a_crash(home: Path) -> None:
    async with connected(home) as (server, client):
        for writer in list(server.subscribers):
            writer.write(b"this is not JSON\n")
        await until(lambda: "not JSON" in client.error)
        await asyncio.wait_for(client.wait_ready(), 10)
