"""With a `public_key`, what answers about requests needs the agent's signature.

A process that can only open the socket learns nothing and takes nothing.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from tests.service.in_process import SHOP, VENDOR, Guardian, Json, Line, make_home, serving

from holdfast.agent.signed import RequestKey
from holdfast.service.agents.rpc import OF_REQUESTS
from holdfast.service.home.folder import Home

KEY = RequestKey(b"\x07" * 32)
MESSAGE = "0x" + b"a message".hex()


@pytest.fixture
def signed_home(tmp_path: Path) -> Home:
    return make_home(tmp_path, uids=f'public_key = "{KEY.public_key}"')


async def ask(line: Line, method: str, params: object, key: RequestKey = KEY) -> Json:
    wrapped = key.wrap("agent", method, params)
    return dict((await line.call(wrapped["method"], wrapped["params"]))["result"])


async def paid(guardian: Guardian, line: Line) -> Json:
    """The view of a payment that was signed and sent."""
    paying = asyncio.create_task(ask(line, "eth_sendTransaction", [{"to": VENDOR, "value": "0x1"}]))
    (view,) = await guardian.until_open("authorising")
    await guardian.carry_out(view["id"])
    assert (await paying)["status"] == "ok"
    return dict(json.loads(guardian.core.guard.request(view["id"]) or b""))


async def test_a_status_without_a_signature_gives_nothing(signed_home: Home) -> None:
    async with serving(signed_home) as guardian:
        line = await guardian.agent()
        view = await paid(guardian, line)
        size = guardian.core.guard.size
        plain = await line.call("holdfast_status", [{"requestId": view["id"]}])
        assert plain["result"]["code"] == "signature_required"
        assert view["hash"] not in json.dumps(plain)
        forged = await ask(
            line, "holdfast_status", [{"requestId": view["id"]}], RequestKey(b"\x08" * 32)
        )
        assert forged["code"] == "signature_invalid"
        assert guardian.core.guard.size == size
        told = await ask(line, "holdfast_status", [{"requestId": view["id"]}])
        assert told["result"]["result"] == view["hash"]


@pytest.mark.parametrize("method", sorted(OF_REQUESTS))
async def test_every_question_about_requests_needs_the_signature(
    signed_home: Home, method: str
) -> None:
    async with serving(signed_home) as guardian:
        line = await guardian.agent()
        answer = await line.call(method, ["0x" + "00" * 32])
        code = answer["error"]["data"] if "error" in answer else answer["result"]
        assert code["code"] == "signature_required"
        assert "signature_required" not in json.dumps(await ask(line, method, ["0x" + "00" * 32]))


async def test_an_envelope_of_a_question_is_good_once_and_for_its_own_method(
    signed_home: Home,
) -> None:
    async with serving(signed_home, hold_ms=50) as guardian:
        line = await guardian.agent()
        waits = await ask(line, "eth_sendTransaction", [{"to": SHOP, "value": "0x1"}])
        question = [{"requestId": waits["requestId"]}]
        wrapped = KEY.wrap("agent", "holdfast_status", question)
        first = (await line.call(wrapped["method"], wrapped["params"]))["result"]
        assert first["result"]["status"] == "pending"
        again = (await line.call(wrapped["method"], wrapped["params"]))["result"]
        assert again["code"] == "replayed"
        other = KEY.wrap("other", "holdfast_status", question)
        stolen = (await line.call(other["method"], other["params"]))["result"]
        assert stolen["code"] == "agent_mismatch"
        late = KEY.wrap("agent", "holdfast_status", question, now_ms=lambda: 1)
        assert (await line.call(late["method"], late["params"]))["result"]["code"] == "expired"


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("personal_sign", [MESSAGE, VENDOR]),
        ("holdfast_submit", [{"method": "personal_sign", "params": [MESSAGE, VENDOR]}]),
        ("eth_sendTransaction", [{"to": VENDOR, "value": "0x1", "chainId": "0x1"}]),
        ("wallet_sendCalls", [{"version": "2.0.0", "chainId": "0x7a69", "calls": []}]),
        ("eth_sendTransaction", ["nonsense"]),
    ],
)
async def test_what_asks_for_a_signature_is_told_only_that_it_needs_one(
    signed_home: Home, method: str, params: list[object]
) -> None:
    """Not which wallet, chain or rule it would have met, and no request is joined."""
    async with serving(signed_home) as guardian:
        answer = await (await guardian.agent()).call(method, params)
        text = json.dumps(answer)
        assert "signature_required" in text
        for code in ("wallet_not_allowed", "chain_mismatch", "no_grant", "malformed"):
            assert code not in text


async def test_an_agent_without_a_key_needs_no_envelope(signed_home: Home) -> None:
    async with serving(signed_home, hold_ms=50) as guardian:
        line = await guardian.agent("other")
        waits = (await line.pay(SHOP))["error"]["data"]
        told = await line.call("holdfast_status", [{"requestId": waits["requestId"]}])
        assert told["result"]["status"] == "pending"
