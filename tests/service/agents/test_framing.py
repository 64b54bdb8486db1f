"""What CLIENTS.md measured of real clients' framing holds on the agents' socket, byte by byte."""

import asyncio
import json

import pytest
from tests.service.in_process import STRANGER, Line, frame, serving

from holdfast.service.home.folder import Home

CHAIN_ID = b'{"jsonrpc":"2.0","id":7,"method":"eth_chainId","params":[]}'
ANSWER = b'{"jsonrpc":"2.0","id":7,"result":"0x7a69"}\n'


async def test_a_call_needs_no_line_end(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        await line.send(CHAIN_ID)
        assert await line.line() == ANSWER


async def test_a_call_may_come_byte_by_byte(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        for byte in CHAIN_ID:
            await line.send(bytes([byte]))
            await asyncio.sleep(0)
        assert await line.line() == ANSWER


async def test_calls_may_come_in_one_piece(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        await line.send(CHAIN_ID + b"\r\n \t" + CHAIN_ID + CHAIN_ID + b"\n")
        assert [await line.line() for _ in range(3)] == [ANSWER] * 3


async def test_thousands_of_calls_in_one_piece_are_all_answered(home: Home) -> None:
    async with serving(home, in_flight_max=4) as guardian:
        line = await guardian.agent()
        sending = asyncio.create_task(line.send(CHAIN_ID * 5_000))
        assert [await line.line() for _ in range(5_000)] == [ANSWER] * 5_000
        await sending


@pytest.mark.parametrize("ident", [b"0", b'"a"', b'"1"', b"-3", b"9007199254740991"])
async def test_the_id_comes_back_with_its_type(home: Home, ident: bytes) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        await line.send(CHAIN_ID.replace(b"7", ident, 1))
        assert await line.line() == ANSWER.replace(b"7", ident, 1)


async def test_a_batch_gets_one_array_on_one_line(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        note = b'{"jsonrpc":"2.0","method":"eth_chainId"}'
        await line.send(b"[" + CHAIN_ID + b",\n" + note + b",5," + CHAIN_ID + b"]")
        answers = await line.json()
        assert [each["id"] for each in answers] == [7, None, 7]
        assert answers[1]["error"]["code"] == -32600


async def test_a_batch_with_a_payment_waits_for_its_verdict(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        send = frame("eth_sendTransaction", [{"to": STRANGER, "value": "0x1"}])
        await line.send(b"[" + send + b"," + CHAIN_ID + b"]")
        answers = {each["id"]: each for each in await line.json()}
        assert answers[1]["error"]["code"] == 4001
        assert answers[7]["result"] == "0x7a69"


async def test_notifications_get_no_answer(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        await line.send(
            b'{"jsonrpc":"2.0","method":"eth_chainId"}[{"jsonrpc":"2.0","method":"eth_accounts"}]'
        )
        await line.send(CHAIN_ID)
        assert await line.line() == ANSWER


async def test_a_batch_that_is_empty_or_too_long_is_one_error(home: Home) -> None:
    async with serving(home, batch_max=3) as guardian:
        line = await guardian.agent()
        await line.send(b"[]")
        assert (await line.json())["error"]["code"] == -32600
        await line.send(b"[" + b",".join([CHAIN_ID] * 4) + b"]")
        answer = await line.json()
        assert (answer["id"], answer["error"]["code"]) == (None, -32600)


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n", b"}", b"nonsense", b"\x00\xff"])
async def test_garbage_gets_null_and_the_line_is_closed(home: Home, garbage: bytes) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        await line.send(garbage)
        answer = await line.json()
        assert (answer["id"], answer["error"]["code"]) == (None, -32700)
        assert await line.line() == b""


@pytest.mark.parametrize("garbage", [b",", b"\x00", b"}", b"nonsense"])
async def test_garbage_behind_a_call_is_answered_too_and_the_line_is_closed(
    home: Home, garbage: bytes
) -> None:
    """Also when it comes in one piece with a call, which keeps its own answer."""
    async with serving(home) as guardian:
        line = await guardian.agent()
        await line.send(CHAIN_ID + garbage + CHAIN_ID)
        answers = [await line.json(), await line.json()]
        assert sorted(str(each["id"]) for each in answers) == ["7", "None"]
        assert next(each for each in answers if each["id"] is None)["error"]["code"] == -32700
        assert await line.line() == b""


BROKEN = [b'{"id":1,}', b"{'id':1}", b'{"id":1 2}', b"[1,]", b'{"id":"\xff"}', b"{]"]


@pytest.mark.parametrize("frame", BROKEN)
async def test_broken_json_gets_minus_32700_and_the_next_call_its_answer(
    home: Home, frame: bytes
) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        await line.send(frame + CHAIN_ID)
        answers = [await line.json(), await line.json()]
        (fault,) = [each for each in answers if each["id"] is None]
        assert fault["error"]["code"] == -32700
        assert {"jsonrpc": "2.0", "id": 7, "result": "0x7a69"} in answers


@pytest.mark.parametrize("frame", [b"{}", b'{"id":1}', b'{"id":{},"method":"eth_chainId"}'])
async def test_json_that_is_no_call_gets_minus_32600(home: Home, frame: bytes) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        await line.send(frame)
        assert (await line.json())["error"]["code"] == -32600
        await line.send(CHAIN_ID)
        assert await line.line() == ANSWER


async def test_a_frame_over_the_limit_is_refused_and_the_line_closed(home: Home) -> None:
    async with serving(home, frame_bytes_max=10_000) as guardian:
        line = await guardian.agent()
        await line.send(b'{"id":1,"method":"eth_chainId","params":["' + b"a" * 20_000)
        assert (await line.json())["error"]["code"] == -32600
        assert await line.line() == b""


async def test_no_brace_inside_a_string_reaches_a_client(home: Home) -> None:
    """viem counts braces, also those inside strings."""
    async with serving(home) as guardian:
        line = await guardian.agent()
        await line.send(frame("eth_chainId", [], "{{{"))
        answer = await line.line()
        assert answer.count(b"{") == answer.count(b"}") == 1
        assert json.loads(answer)["id"] == "{{{"


async def test_answers_may_overtake_a_call_that_waits(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        shop = {"to": "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc", "value": "0x1"}
        await line.send(frame("eth_sendTransaction", [shop]) + CHAIN_ID)
        assert await line.line() == ANSWER


async def test_one_clients_bytes_never_reach_another(home: Home) -> None:
    async with serving(home) as guardian:
        lines = [await guardian.agent() for _ in range(20)]

        async def talk(number: int, line: Line) -> None:
            for turn in range(50):
                ident = f'"{number}-{turn}"'.encode()
                await line.send(CHAIN_ID.replace(b"7", ident, 1))
                assert await line.line() == ANSWER.replace(b"7", ident, 1)

        await asyncio.gather(*(talk(number, line) for number, line in enumerate(lines)))
