"""Slow, broken and greedy clients hurt nobody but themselves, and strangers are not let in."""

import asyncio
import os
import socket
import stat
from pathlib import Path

import pytest
from tests.service.in_process import Guardian, Line, make_home, put_policy, serving, until

from holdfast.service.home.folder import Home

CHAIN_ID = b'{"jsonrpc":"2.0","id":7,"method":"eth_chainId","params":[]}'
HALF = b'{"jsonrpc":"2.0","id":'


async def still_serves(guardian: Guardian, agent: str = "agent") -> bool:
    return "result" in await (await guardian.agent(agent)).call("eth_chainId")


async def test_half_a_frame_that_never_ends_is_dropped(home: Home) -> None:
    async with serving(home, half_frame_ms_max=200) as guardian:
        loris = await guardian.agent()
        await loris.send(HALF)
        assert await loris.line() == b""
        assert await still_serves(guardian)


async def test_a_frame_that_drips_in_is_dropped_too(home: Home) -> None:
    async with serving(home, half_frame_ms_max=200) as guardian:
        loris = await guardian.agent()
        dropped = asyncio.create_task(loris.line())
        while not dropped.done():
            try:
                await loris.send(b" " if loris.writer.is_closing() else HALF[:1] + b"[")
            except (BrokenPipeError, ConnectionResetError):
                break
            await asyncio.sleep(0.02)
        assert await dropped == b""


async def test_hundreds_of_slow_clients_leave_others_served(home: Home) -> None:
    async with serving(home) as guardian:
        for _ in range(90):
            await (await guardian.agent()).send(HALF)
        assert await still_serves(guardian)
        assert await still_serves(guardian, "other")


async def test_a_client_that_does_not_read_is_dropped(home: Home) -> None:
    limits = {"half_frame_ms_max": 300, "write_buffer_bytes_max": 10_000}
    async with serving(home, **limits) as guardian:
        deaf = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(deaf, str(guardian.home.agent_socket("agent")))
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            await asyncio.wait_for(send_for_ever(deaf), 30)
        deaf.close()
        assert await still_serves(guardian)


async def send_for_ever(deaf: socket.socket) -> None:
    while True:
        await asyncio.get_running_loop().sock_sendall(deaf, CHAIN_ID * 100)


async def test_an_agent_cannot_open_more_lines_than_its_policy_says(home: Home) -> None:
    async with serving(home) as guardian:
        lines = [await guardian.agent() for _ in range(96)]
        assert all([(await line.call("eth_chainId"))["result"] for line in lines])
        over = await guardian.agent()
        assert await over.line() == b""
        assert await still_serves(guardian, "other")
        lines[0].close()
        assert await until_admitted(guardian)


async def until_admitted(guardian: Guardian) -> bool:
    async with asyncio.timeout(20):
        while not await answered(guardian):
            pass
    return True


async def answered(guardian: Guardian) -> bool:
    line = await guardian.agent()
    try:
        await line.send(CHAIN_ID)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return bool(await line.line())


async def test_a_user_the_policy_does_not_name_is_refused(tmp_path: Path) -> None:
    home = make_home(tmp_path, uids=f"uids = [{os.geteuid() + 1}]")
    async with serving(home) as guardian:
        assert await (await guardian.agent()).line() == b""
        assert await still_serves(guardian, "other")


async def test_sockets_and_folders_are_private(home: Home) -> None:
    async with serving(home) as guardian:
        for path in (home.agent_socket("agent"), home.operator_socket):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        await still_serves(guardian)
    assert not home.operator_socket.exists()


async def test_doors_follow_the_policy(home: Home) -> None:
    async with serving(home) as guardian:
        other = await guardian.agent("other")
        assert "result" in await other.call("eth_chainId")
        operator = await guardian.operator()
        text = home.policy_path.read_text()
        start = text.index('[[agent]]\nid = "other"')
        end = text.index("[[asset]]")
        swapped = text[start:end].replace('"other"', '"newcomer"')
        put_policy(home, text[:start] + swapped + text[end:])
        await operator.operate("reload")
        assert await other.line() == b""
        assert await until_served(guardian, "newcomer")
        assert not home.agent_socket("other").exists()


async def until_served(guardian: Guardian, agent: str) -> bool:
    await until(guardian.home.agent_socket(agent).exists)
    return await still_serves(guardian, agent)


async def test_many_calls_at_once_are_all_answered_once(home: Home) -> None:
    async with serving(home, in_flight_max=8) as guardian:
        line: Line = await guardian.agent()
        frames = [CHAIN_ID.replace(b"7", b"%d" % n, 1) for n in range(1, 501)]
        await line.send(b"".join(frames))
        ids = sorted([(await line.json())["id"] for _ in frames])
        assert ids == list(range(1, 501))
