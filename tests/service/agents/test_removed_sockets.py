"""A socket whose file is gone is made again and told of: no client finds a guardian without it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from tests.service.in_process import Guardian, serving, until

from holdfast.service.home.folder import Home


def paths(home: Home) -> dict[str, Path]:
    return {"agent": home.agent_socket("agent"), "operator": home.operator_socket}


def told(guardian: Guardian) -> list[tuple[str, str]]:
    """What conditions say of sockets, `(severity, text)`."""
    found = guardian.inside.health.conditions.report()
    return [(each["severity"], each["text"]) for each in found if each["code"] == "socket_removed"]


@pytest.mark.parametrize("whose", ["agent", "operator"])
async def test_a_socket_that_was_removed_is_made_again_and_told_of(home: Home, whose: str) -> None:
    path = paths(home)[whose]
    async with serving(home) as guardian:
        before = await guardian.agent()
        path.unlink()
        await until(path.exists)
        if whose == "agent":
            assert "result" in await (await guardian.agent()).call("eth_chainId")
        else:
            hello = await (await guardian.operator()).operate("hello")
            assert hello["home"] == str(home.path)
        await until(lambda: bool(told(guardian)))
        ((severity, text),) = told(guardian)
        assert severity == "action"
        assert str(path) in text
        assert "made again" in text
        assert "result" in await before.call("eth_chainId"), "who is connected stays"


async def test_a_socket_in_whose_place_another_program_listens_is_told_of_and_left(
    home: Home,
) -> None:
    path = home.agent_socket("agent")
    async with serving(home) as guardian:
        kept = path.with_suffix(".kept")
        path.rename(kept)
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(path))
            other.listen()
            await until(lambda: bool(told(guardian)))
            assert "another process listens on it" in told(guardian)[0][1]
            assert path.is_socket()
        kept.rename(path)
        await until(lambda: "made again" in told(guardian)[0][1])
        assert "result" in await (await guardian.agent()).call("eth_chainId")


async def test_sockets_that_stay_are_no_condition(home: Home) -> None:
    async with serving(home) as guardian:
        operator = await guardian.operator()
        await operator.operate("subscribe")
        looks = 0
        while looks < 3:
            looks += "health" in await operator.json()
        assert told(guardian) == []
