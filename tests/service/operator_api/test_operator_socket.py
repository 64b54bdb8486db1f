"""The operator's socket shows what is on disk; to stop needs no key, to start again does."""

import asyncio
import json
import socket

from tests.service.in_process import SHOP, STRANGER, VENDOR, Line, serving

from holdfast.service.home.folder import Home


async def test_hello_says_who_this_is(home: Home) -> None:
    async with serving(home) as guardian:
        hello = await (await guardian.operator()).operate("hello")
        assert hello["home"] == str(home.path)
        assert hello["guardian"] == guardian.inside.identity.key.hex()
        assert [each["id"] for each in hello["operators"]] == ["operator"]
        assert hello["seq"] == guardian.core.durable_size - 1


async def test_status_counts_what_is_there(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        await line.pay(STRANGER)
        status = await (await guardian.operator()).operate("status")
        assert status["sealed"] is None
        assert status["policy"]["name"] == "service"
        assert status["policy"]["alarm"] is None
        assert {each["id"]: each["connections"] for each in status["agents"]} == {
            "agent": 1,
            "other": 0,
        }
        assert status["health"]["signer"]["ok"] is False


async def test_a_subscriber_sees_every_later_event_once_and_in_order(home: Home) -> None:
    async with serving(home) as guardian:
        operator = await guardian.operator()
        answer = await operator.operate("subscribe")
        line = await guardian.agent()
        for value in range(1, 101):
            await line.pay(STRANGER, value)
        seen = [(await operator.event("request.decided"))["seq"] for _ in range(100)]
        assert seen == list(range(answer["seq"] + 1, answer["seq"] + 101))


async def test_a_stream_goes_on_from_the_last_number_seen(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        for value in range(1, 1_201):
            await line.pay(STRANGER, value)
        operator = await guardian.operator()
        last = guardian.core.durable_size - 1
        answer = await operator.operate("subscribe", from_seq=10)
        assert answer["seq"] == last
        seqs = []
        while not seqs or seqs[-1] < last:
            push = operator.pushes.pop(0) if operator.pushes else await operator.json()
            if "event" in push:
                seqs.append(push["event"]["seq"])
        assert seqs == list(range(11, last + 1))


async def test_a_snapshot_shows_what_waits_and_what_ended_last(home: Home) -> None:
    async with serving(home, hold_ms=50) as guardian:
        line = await guardian.agent()
        denied = (await line.pay(STRANGER))["error"]["data"]["requestId"]
        waiting = (await line.pay(SHOP))["error"]["data"]["requestId"]
        snapshot = (await (await guardian.operator()).operate("subscribe", backlog=10))["snapshot"]
        assert {each["id"]: each["state"] for each in snapshot["requests"]} == {
            denied: "denied",
            waiting: "waiting-approval",
        }
        assert snapshot["status"]["waiting"] == 1


async def test_health_is_pushed_while_subscribed(home: Home) -> None:
    async with serving(home) as guardian:
        operator = await guardian.operator()
        await operator.operate("subscribe")
        push = await operator.json()
        assert push["health"]["seq"] == guardian.core.durable_size - 1
        assert push["health"]["connections"]["agent"] == 0
        await guardian.agent()
        while push["health"]["connections"]["agent"] != 1:
            push = await operator.json()


async def test_a_freeze_needs_no_key_and_is_on_disk_when_it_is_acknowledged(home: Home) -> None:
    async with serving(home) as guardian:
        operator = await guardian.operator()
        frozen = await operator.operate(
            "freeze", scope={"kind": "agent", "id": "agent"}, reason="odd", actor="me"
        )
        (record,) = guardian.inside.reader.records(frozen["freeze"], 1)
        assert b'"kind":"freeze.set"' in record
        assert (await (await guardian.agent()).pay(VENDOR))["error"]["code"] == 4001


async def test_a_thaw_needs_an_operators_key(home: Home) -> None:
    async with serving(home) as guardian:
        operator = await guardian.operator()
        scope = {"kind": "everything"}
        seq = (await operator.operate("freeze", scope=scope, reason="", actor="me"))["freeze"]
        good = guardian.command("thaw", freeze=seq)
        forged = {"payload": good["payload"], "signature": "0x" + "11" * 64}
        refused = await operator.operate_raw("command", forged)
        assert refused["error"]["code"] == "signature_invalid"
        assert len((await operator.operate("status"))["freezes"]) == 1
        assert (await operator.operate("command", **good))["applied"] is True
        assert (await operator.operate("status"))["freezes"] == []
        assert "error" in await operator.operate_raw("command", good)


async def test_a_request_is_shown_with_its_history_and_without_its_bytes(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        paying = asyncio.create_task(line.pay(VENDOR))
        (view,) = await guardian.until_open("authorising")
        await guardian.carry_out(view["id"])
        await paying
        operator = await guardian.operator()
        shown = await operator.operate("request", id=view["id"])
        kinds = [each["kind"] for each in shown["history"]]
        assert kinds[:1] + kinds[-2:] == ["request.decided", "request.signed", "request.sent"]
        assert "raw" not in shown
        assert (await operator.operate_raw("request", {"id": "r99999"}))["error"]["code"] == (
            "request_unknown"
        )


async def test_a_state_is_shown_with_the_event_that_led_to_it(home: Home) -> None:
    """Also while that event is still on its way to the disk."""
    async with serving(home, hold_ms=50) as guardian:
        line, operator = await guardian.agent(), await guardian.operator()
        for wei in range(1, 6):
            ident = (await line.pay(SHOP, wei))["error"]["data"]["requestId"]
            asked = asyncio.create_task(operator.operate("request", id=ident))
            await asyncio.sleep(0)
            guardian.inside.core.cancel(ident, "operator")
            shown = await asked
            kinds = {"cancelled": "request.cancelled", "waiting-approval": "request.decided"}
            assert shown["history"][-1]["kind"] == kinds[shown["state"]]


async def test_open_requests_say_what_they_wait_for(home: Home) -> None:
    async with serving(home, hold_ms=50) as guardian:
        line, operator = await guardian.agent(), await guardian.operator()
        denied = (await line.pay(STRANGER))["error"]["data"]["requestId"]
        asked = (await line.pay(SHOP))["error"]["data"]["requestId"]
        going = (await line.pay(VENDOR))["error"]["data"]["requestId"]
        guardian.inside.waiting.put(going, "fee", "the base fee is above the cap")
        listed = (await operator.operate("subscribe", backlog=10))["snapshot"]["requests"]
        views = {each["id"]: each for each in listed}
        assert "waits" not in views[denied]
        assert views[asked]["waits"]["for"] == "person"
        assert views[asked]["waits"]["until"] == views[asked]["expires_at"]
        assert views[going]["waits"] == {
            "for": "fee",
            "why": "the base fee is above the cap",
            "since": views[going]["since"],
            "until": views[going]["since"] + 600_000,
        }
        whole = await operator.operate("request", id=going)
        assert whole["waits"] == views[going]["waits"]
        await guardian.carry_out(going)
        assert (await operator.operate("request", id=going))["waits"] is None


async def test_fees_are_told_of_what_is_out_and_nonces_of_every_wallet(home: Home) -> None:
    async with serving(home, hold_ms=50) as guardian:
        line, operator = await guardian.agent(), await guardian.operator()
        assert (await operator.operate("nonces"))["nonces"] == []
        paid = (await line.pay(VENDOR))["error"]["data"]["requestId"]

        async def code(ident: object) -> str:
            return str((await operator.operate_raw("fees", {"id": ident}))["error"]["code"])

        assert await code("r99999") == "request_unknown"
        assert await code(paid) == "wrong_state"
        assert await code(7) == "malformed"
        await guardian.carry_out(paid)
        # No node is there to ask.
        assert await code(paid) == "chain_unavailable"
        (row,) = (await operator.operate("nonces"))["nonces"]
        assert (row["ledger"], row["endpoints"], row["gaps"]) == (1, [], [])
        assert [(each["id"], each["nonce"], each["state"]) for each in row["out"]] == [
            (paid, 0, "sent")
        ]


async def test_events_are_given_as_they_were_written(home: Home) -> None:
    async with serving(home) as guardian:
        events = (await (await guardian.operator()).operate("events", from_seq=0, count=2))[
            "events"
        ]
        assert [each["kind"] for each in events] == ["guardian.created", "policy.loaded"]


async def test_a_call_that_is_none_is_answered_with_words(home: Home) -> None:
    async with serving(home) as guardian:
        operator = await guardian.operator()
        await operator.send(b'nonsense\n{"id":1}\n[]\n{"id":5,"method":"x"}\n')
        answers = [await operator.json() for _ in range(4)]
        assert [each["error"]["code"] for each in answers] == ["malformed"] * 3 + ["unknown_method"]
        bad = await operator.operate_raw("freeze", {"scope": {"kind": "moon"}})
        assert bad["error"]["code"] != "sealed"
        assert (await operator.operate("hello"))["home"] == str(home.path)


async def test_a_subscriber_that_stops_reading_holds_up_nobody(home: Home) -> None:
    async with serving(home) as guardian:
        deaf = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(deaf, str(home.operator_socket))
        await loop.sock_sendall(deaf, b'{"id":1,"method":"subscribe","params":{}}\n')
        line = await guardian.agent()
        for value in range(1, 1_500):
            await line.pay(STRANGER, value)
        other = await guardian.operator()
        assert (await other.operate("hello"))["seq"] == guardian.core.durable_size - 1
        seqs = await read_events(deaf, guardian.core.durable_size - 1)
        assert seqs == list(range(seqs[0], guardian.core.durable_size))
        deaf.close()


async def read_events(reader: socket.socket, last: int) -> list[int]:
    """Reads again after all: everything is there, from the journal."""
    loop = asyncio.get_running_loop()
    rest, seqs = b"", [-1]
    async with asyncio.timeout(30):
        while seqs[-1] < last:
            *lines, rest = (rest + await loop.sock_recv(reader, 65536)).split(b"\n")
            found = [json.loads(each) for each in lines]
            seqs += [each["event"]["seq"] for each in found if "event" in each]
    return seqs[1:]


async def test_a_line_that_never_ends_is_dropped_with_words(home: Home) -> None:
    async with serving(home) as guardian:
        operator: Line = await guardian.operator()
        try:
            await operator.send(b"a" * 2_000_000)
        except (BrokenPipeError, ConnectionResetError):
            return
        assert (await operator.json())["error"]["code"] == "dropped"
