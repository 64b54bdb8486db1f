"""An agent with a key must sign what asks for a signature, and is answered with an object."""

import asyncio
import json
import time
from pathlib import Path

import pytest
from tests.service.in_process import SHOP, STRANGER, VENDOR, Json, Line, make_home, serving

from holdfast.agent.signed import RequestKey
from holdfast.service.home.folder import Home

KEY = RequestKey(b"\x07" * 32)


@pytest.fixture
def signed_home(tmp_path: Path) -> Home:
    return make_home(tmp_path, uids=f'public_key = "{KEY.public_key}"')


async def ask(line: Line, method: str, params: object, key: RequestKey = KEY) -> Json:
    wrapped = key.wrap("agent", method, params)
    answer = await line.call(wrapped["method"], wrapped["params"])
    assert "error" not in answer
    return dict(answer["result"])


async def test_a_payment_without_a_signature_is_denied(signed_home: Home) -> None:
    async with serving(signed_home) as guardian:
        error = (await (await guardian.agent()).pay(VENDOR))["error"]
        assert error["code"] == 4001
        assert error["data"]["reasons"][0]["code"] == "signature_required"


async def test_a_signed_payment_gives_its_hash(signed_home: Home) -> None:
    async with serving(signed_home) as guardian:
        line = await guardian.agent()
        payment = [{"to": VENDOR, "value": "0x1"}]
        paying = asyncio.create_task(ask(line, "eth_sendTransaction", payment))
        (view,) = await guardian.until_open("authorising")
        await guardian.carry_out(view["id"])
        told = await paying
        assert told["status"] == "ok"
        known = json.loads(guardian.core.guard.request(view["id"]) or b"")
        assert told["result"] == known["hash"]


async def test_a_signed_refusal_is_an_object_with_the_error_inside(signed_home: Home) -> None:
    async with serving(signed_home, hold_ms=50) as guardian:
        line = await guardian.agent()
        told = await ask(line, "eth_sendTransaction", [{"to": STRANGER, "value": "0x1"}])
        assert (told["status"], told["error"]["code"]) == ("denied", 4001)
        told = await ask(line, "eth_sendTransaction", [{"to": SHOP, "value": "0x1"}])
        assert (told["status"], told["error"]["data"]["status"]) == ("pending", "pending")


async def test_a_wrapping_is_good_once_and_only_with_the_right_key(signed_home: Home) -> None:
    async with serving(signed_home) as guardian:
        line = await guardian.agent()
        payment = [{"to": STRANGER, "value": "0x1"}]
        wrapped = KEY.wrap("agent", "eth_sendTransaction", payment)
        first = (await line.call(wrapped["method"], wrapped["params"]))["result"]
        again = (await line.call(wrapped["method"], wrapped["params"]))["result"]
        forged = await ask(line, "eth_sendTransaction", payment, RequestKey(b"\x08" * 32))
        old = KEY.wrap(
            "agent", "eth_sendTransaction", payment, now_ms=lambda: time.time_ns() // 10**6 - 10**6
        )
        late = (await line.call(old["method"], old["params"]))["result"]
        told = [each["error"]["data"] for each in (first, again, forged, late)]
        codes = [each.get("code") or each["reasons"][0]["code"] for each in told]
        assert codes == ["no_grant", "replayed", "signature_invalid", "expired"]


async def test_reads_inside_a_wrapping_are_served(signed_home: Home) -> None:
    async with serving(signed_home) as guardian:
        line = await guardian.agent()
        assert await ask(line, "eth_chainId", []) == {"status": "ok", "result": "0x7a69"}
        assert (await ask(line, "eth_mine", []))["error"]["code"] == -32601
