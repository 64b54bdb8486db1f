"""What an agent is told: verdicts, pending, and one outcome for the same request."""

import asyncio
import json
from typing import Any

import pytest
from tests.service.in_process import SHOP, STRANGER, VENDOR, Guardian, frame, serving, until

from holdfast.service.home.folder import Home


async def test_a_denied_payment_is_4001_with_the_reason_and_is_on_disk(home: Home) -> None:
    async with serving(home) as guardian:
        answer = await (await guardian.agent()).pay(STRANGER)
        error = answer["error"]
        assert error["code"] == 4001
        assert error["data"]["status"] == "denied"
        assert [each["code"] for each in error["data"]["reasons"]] == ["no_grant"]
        seq = int(error["data"]["requestId"][1:])
        assert b'"verdict":{"tier":"deny"}' in guardian.inside.reader.records(seq, 1)[0]


async def test_an_allowed_payment_is_answered_with_its_hash(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        paying = asyncio.create_task(line.pay(VENDOR))
        (view,) = await guardian.until_open("authorising")
        await guardian.carry_out(view["id"])
        known = json.loads(guardian.core.guard.request(view["id"]) or b"")
        assert (await paying)["result"] == known["hash"]


async def test_a_slow_outcome_is_pending_and_asking_again_joins_it(home: Home) -> None:
    async with serving(home, hold_ms=50) as guardian:
        line = await guardian.agent()
        first = (await line.pay(SHOP))["error"]
        assert first["code"] == -32003
        assert first["data"]["status"] == "pending"
        assert first["data"]["retryAfter"] > 0
        again = (await line.pay(SHOP))["error"]
        assert again["data"]["requestId"] == first["data"]["requestId"]
        assert len(await guardian.until_open("waiting-approval")) == 1


async def test_an_approved_request_gives_its_one_hash_to_every_retry(home: Home) -> None:
    async with serving(home, hold_ms=50) as guardian:
        line = await guardian.agent()
        request_id = (await line.pay(SHOP))["error"]["data"]["requestId"]
        (view,) = await guardian.until_open("waiting-approval")
        operator = await guardian.operator()
        approve = guardian.command("approve", request=request_id, digest=view["digest"])
        assert (await operator.operate("command", **approve))["applied"] is True
        await guardian.carry_out(request_id)
        answers = [await line.pay(SHOP) for _ in range(3)]
        assert len({each["result"] for each in answers}) == 1
        other = await guardian.agent("other")
        assert "error" in await other.pay(SHOP)


async def test_an_instant_payment_that_takes_long_is_joined_by_its_retry(home: Home) -> None:
    async with serving(home, hold_ms=50) as guardian:
        line = await guardian.agent()
        first = (await line.pay(VENDOR))["error"]
        assert (first["code"], first["data"]["status"]) == (-32003, "pending")
        retry = asyncio.create_task(line.pay(VENDOR))
        (view,) = await guardian.until_open("authorising")
        assert view["id"] == first["data"]["requestId"]
        await guardian.carry_out(view["id"])
        assert "result" in await retry


async def test_a_caller_that_hangs_up_is_joined_by_its_retry(home: Home) -> None:
    """No answer reached it, so the same payment again must not be a second one."""
    async with serving(home) as guardian:
        line = await guardian.agent()
        await line.send(frame("eth_sendTransaction", [{"to": VENDOR, "value": "0x1"}]))
        (view,) = await guardian.until_open("authorising")
        line.close()
        await until_marked(guardian, view["id"])
        retry = asyncio.create_task((await guardian.agent()).pay(VENDOR))
        await guardian.carry_out(view["id"])
        assert "result" in await retry
        assert guardian.core.guard.authorising() == []


async def test_after_a_restart_a_payment_that_was_answered_is_paid_again(home: Home) -> None:
    """A recurring payment a moment after a restart is another payment."""
    async with serving(home) as guardian:
        line = await guardian.agent()
        paying = asyncio.create_task(line.pay(VENDOR))
        (view,) = await guardian.until_open("authorising")
        await guardian.carry_out(view["id"])
        first = (await paying)["result"]
    async with serving(home) as guardian:
        line = await guardian.agent()
        paying = asyncio.create_task(line.pay(VENDOR))
        (view,) = await guardian.until_open("authorising")
        await guardian.carry_out(view["id"])
        assert (await paying)["result"] != first


async def test_after_a_restart_a_payment_whose_answer_was_cut_off_is_not_paid_again(
    home: Home,
) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        await line.send(frame("eth_sendTransaction", [{"to": VENDOR, "value": "0x1"}]))
        (view,) = await guardian.until_open("authorising")
        line.close()
        await until_marked(guardian, view["id"])
        await guardian.carry_out(view["id"])
        known = json.loads(guardian.core.guard.request(view["id"]) or b"")
    async with serving(home) as guardian:
        assert (await (await guardian.agent()).pay(VENDOR))["result"] == known["hash"]


async def test_a_batch_that_was_cut_before_its_answer_is_joined_by_its_retry(home: Home) -> None:
    """Its first call has an outcome, which nobody was told: the line is that of the whole batch."""
    async with serving(home) as guardian:
        line = await guardian.agent()
        now = frame("eth_sendTransaction", [{"to": VENDOR, "value": "0x1"}], 1)
        later = frame("eth_sendTransaction", [{"to": SHOP, "value": "0x1"}], 2)
        await line.send(b"[" + now + b"," + later + b"]")
        (view,) = await guardian.until_open("authorising")
        await guardian.carry_out(view["id"])
        line.close()
        await until_marked(guardian, view["id"])
        known = json.loads(guardian.core.guard.request(view["id"]) or b"")
        assert (await (await guardian.agent()).pay(VENDOR))["result"] == known["hash"]


async def test_a_batch_that_was_answered_is_delivered(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        calls = [frame("eth_sendTransaction", [{"to": VENDOR, "value": "0x1"}], 1)]
        calls += [frame("eth_chainId", [], 2)]
        await line.send(b"[" + b",".join(calls) + b"]")
        (view,) = await guardian.until_open("authorising")
        await guardian.carry_out(view["id"])
        assert len(await line.json()) == 2
        await until(lambda: json.loads(guardian.core.guard.request(view["id"]) or b"")["delivered"])


async def test_pending_says_what_it_waits_for_and_until_when(home: Home) -> None:
    async with serving(home, hold_ms=50) as guardian:
        line = await guardian.agent()
        person = (await line.pay(SHOP))["error"]
        (view,) = await guardian.until_open("waiting-approval")
        assert person["data"]["waitsFor"] == "person"
        assert person["data"]["until"] == view["expires_at"]
        assert "waits for approval" in person["message"]
        chain = (await line.pay(VENDOR))["error"]
        assert chain["data"]["waitsFor"] == "chain"
        (view,) = await guardian.until_open("authorising")
        assert chain["data"]["until"] == view["since"] + 600_000
        told = (await line.call("holdfast_status", [{"requestId": view["id"]}]))["result"]
        assert (told["status"], told["waitsFor"]) == ("pending", "chain")


async def until_marked(guardian: Guardian, request_id: str) -> None:
    """Waits until the journal says that identical calls join this request."""
    about = guardian.inside.reader.about
    await until(lambda: any(b'"request.pending"' in each for each in about(request_id, 0, 99)))


async def test_a_person_who_says_no_ends_the_call_with_4001(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        paying = asyncio.create_task(line.pay(SHOP))
        (view,) = await guardian.until_open("waiting-approval")
        deny = guardian.command("deny", request=view["id"], digest=view["digest"])
        await (await guardian.operator()).operate("command", **deny)
        error = (await paying)["error"]
        assert (error["code"], error["data"]["status"]) == (4001, "denied")
        assert error["data"]["requestId"] == view["id"]


async def test_a_freeze_ends_a_call_that_waits(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        paying = asyncio.create_task(line.pay(SHOP))
        await guardian.until_open("waiting-approval")
        operator = await guardian.operator()
        await operator.operate("freeze", scope={"kind": "everything"}, reason="", actor="test")
        error = (await paying)["error"]
        assert (error["code"], error["data"]["status"]) == (4001, "frozen")


async def test_a_send_without_an_id_is_recorded_and_never_carried_out(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        before = guardian.core.guard.size
        call = {
            "jsonrpc": "2.0",
            "method": "eth_sendTransaction",
            "params": [{"to": VENDOR, "value": "0x1"}],
        }
        await line.send(json.dumps(call).encode())
        assert (await line.call("eth_chainId"))["result"] == "0x7a69"
        await guardian.core.durable()
        (record,) = guardian.inside.reader.records(before, 10)
        assert b'"kind":"request.refused"' in record
        assert guardian.core.guard.authorising() == []


async def test_a_message_is_signed_after_its_approval(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        wallet = (await line.call("eth_accounts"))["result"][0]
        signing = asyncio.create_task(line.call("personal_sign", ["0x68656c6c6f", wallet]))
        (view,) = await guardian.until_open("waiting-approval")
        approve = guardian.command("approve", request=view["id"], digest=view["digest"])
        await (await guardian.operator()).operate("command", **approve)
        guardian.sign(view["id"])
        signature = (await signing)["result"]
        assert len(signature) == 2 + 130


async def test_a_signature_nobody_took_is_not_given_out_after_a_freeze(home: Home) -> None:
    async with serving(home, hold_ms=50) as guardian:
        line, operator = await guardian.agent(), await guardian.operator()
        wallet = (await line.call("eth_accounts"))["result"][0]
        ask = ("personal_sign", ["0x68656c6c6f", wallet])
        request_id = (await line.call(*ask))["error"]["data"]["requestId"]
        (view,) = await guardian.until_open("waiting-approval")
        approve = guardian.command("approve", request=request_id, digest=view["digest"])
        await operator.operate("command", **approve)
        guardian.sign(request_id)
        await guardian.core.durable()
        scope = {"kind": "wallet", "id": wallet}
        freeze = (await operator.operate("freeze", scope=scope, reason="", actor="me"))["freeze"]
        told = [(await line.call(*ask))["error"]["data"]["status"] for _ in range(2)]
        assert told == ["frozen", "frozen"]
        await operator.operate("command", **guardian.command("thaw", freeze=freeze))
        assert "result" in await line.call(*ask)


async def test_a_signed_transaction_is_given_with_its_fields(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        asking = asyncio.create_task(
            line.call("eth_signTransaction", [{"to": VENDOR, "value": "0x7"}])
        )
        (view,) = await guardian.until_open("authorising")
        guardian.sign(view["id"])
        result = (await asking)["result"]
        assert result["raw"].startswith("0x02")
        assert result["tx"]["value"] == "0x7"
        assert result["tx"]["to"].lower() == VENDOR.lower()
        assert result["tx"]["chainId"] == "0x7a69"
        assert result["tx"]["hash"].startswith("0x")


async def test_local_methods_answer_without_a_node(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        accounts = (await line.call("eth_accounts"))["result"]
        assert (await line.call("eth_requestAccounts"))["result"] == accounts
        assert len(accounts) == 1
        assert (await line.call("net_version"))["result"] == "31337"
        assert (await line.call("web3_clientVersion"))["result"].startswith("holdfast/")
        assert (await line.call("wallet_getCapabilities"))["result"] == {"0x7a69": {}}


async def test_foreign_signed_bytes_are_refused(home: Home) -> None:
    async with serving(home) as guardian:
        error = (await (await guardian.agent()).call("eth_sendRawTransaction", ["0x00"]))["error"]
        assert error["code"] == 4001
        assert error["data"]["code"] == "method_not_allowed"


@pytest.mark.parametrize("method", ["eth_mine", "anvil_setBalance", "debug_traceCall", "wallet_x"])
async def test_everything_else_is_not_served(home: Home, method: str) -> None:
    async with serving(home) as guardian:
        answer = await (await guardian.agent()).call(method)
        assert answer["error"]["code"] == -32601


@pytest.mark.parametrize(
    "params",
    [
        [{"to": "0x12", "value": "0x1"}],
        [{"to": VENDOR, "value": 1.5}],
        [{"to": VENDOR, "x": 1}],
        [],
    ],
)
async def test_what_is_not_a_request_is_minus_32602_with_its_code(home: Home, params: list) -> None:  # type: ignore[type-arg]
    async with serving(home) as guardian:
        error = (await (await guardian.agent()).call("eth_sendTransaction", params))["error"]
        assert error["code"] == -32602
        assert error["data"]["code"] == "malformed"


TYPES = [("0x0", "tx_type"), ("0x1", "tx_type"), ("0x3", "blob"), ("0x4", "authorization")]
TYPES += [("0x5", "tx_type"), (0, "tx_type"), (-1, "tx_type")]  # type: ignore[list-item]


@pytest.mark.parametrize("method", ["eth_sendTransaction", "eth_signTransaction"])
async def test_another_type_than_2_is_never_signed_as_that(home: Home, method: str) -> None:
    async with serving(home, hold_ms=50) as guardian:
        line = await guardian.agent()
        for asked, detail in TYPES:
            request = {"to": VENDOR, "value": "0x1", "type": asked}
            error = (await line.call(method, [request]))["error"]
            assert (error["code"], error["data"]["detail"]) == (-32602, detail), asked
            assert error["data"]["path"] == "/0/type"
            assert error["message"]
        for more in ({}, {"type": "0x2"}, {"type": 2}, {"gasPrice": hex(3 * 10**9)}):
            request = {"to": VENDOR, "value": hex(len(more) + 7), **more}
            error = (await line.call(method, [request]))["error"]
            assert error["data"]["status"] == "pending", more


async def test_methods_of_our_own_never_answer_with_an_error(home: Home) -> None:
    """An error answer to a custom method ends web3.py's async listener."""
    async with serving(home, hold_ms=50) as guardian:
        line = await guardian.agent()
        send = {"method": "eth_sendTransaction", "params": [{"to": STRANGER, "value": "0x1"}]}
        calls = [
            ("holdfast_check", [send], "ok"),
            ("holdfast_submit", [send], "denied"),
            ("holdfast_status", [{"requestId": "r999999"}], "unknown"),
            ("holdfast_request", [{"payload": "{", "signature": "0x"}], "error"),
            ("holdfast_check", [], "error"),
            ("holdfast_submit", [{"method": "eth_call", "params": []}], "error"),
            ("holdfast_status", [], "error"),
            ("holdfast_nothing", [], "error"),
        ]
        for method, params, status in calls:
            answer = await line.call(method, params)
            assert "error" not in answer, (method, answer)
            assert answer["result"]["status"] == status, (method, answer)


async def test_a_check_leaves_nothing_behind(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        before = guardian.core.guard.state_digest()
        send = {"method": "eth_sendTransaction", "params": [{"to": VENDOR, "value": "0x1"}]}
        result = (await line.call("holdfast_check", [send]))["result"]
        assert result["verdict"] == "instant"
        assert guardian.core.guard.state_digest() == before


async def test_submit_answers_at_once_and_status_tells_the_outcome(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        send = {"method": "eth_sendTransaction", "params": [{"to": VENDOR, "value": "0x1"}]}
        told = (await line.call("holdfast_submit", [send]))["result"]
        assert told["status"] == "pending"
        ask = [{"requestId": told["requestId"]}]
        assert (await line.call("holdfast_status", ask))["result"]["status"] == "pending"
        other = await guardian.agent("other")
        assert (await other.call("holdfast_status", ask))["result"]["status"] == "unknown"
        await guardian.carry_out(told["requestId"])
        found = (await line.call("holdfast_status", ask))["result"]
        assert found["status"] == "ok"
        assert found["result"].startswith("0x")


def view_of(guardian: Guardian, request_id: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(guardian.core.guard.request(request_id) or b"null")
    return found


@pytest.mark.parametrize("mined", ["payment", "cancellation"])
async def test_no_hash_is_told_while_a_payment_is_taken_back(home: Home, mined: str) -> None:
    """Nobody knows what it will be; the newest hash is that of what pays nobody."""
    async with serving(home, hold_ms=50) as guardian:
        line = await guardian.agent()
        request_id = (await line.pay(VENDOR))["error"]["data"]["requestId"]
        await guardian.carry_out(request_id)
        payment = view_of(guardian, request_id)["hash"]
        ask = [{"requestId": request_id}]

        async def told() -> list[tuple[str, str]]:
            found = (await line.call("holdfast_status", ask))["result"]
            data = (await line.pay(VENDOR))["error"]["data"]
            assert data["requestId"] == request_id
            assert "result" not in found
            return [(each["status"], each.get("waitsFor", "")) for each in (found, data)]

        await guardian.order_again("cancel", request_id, 30)
        assert [status for status, _ in await told()] == ["pending"] * 2
        await guardian.sign_again(request_id)
        cancellation = view_of(guardian, request_id)["hash"]
        assert await told() == [("pending", "chain")] * 2
        guardian.core.sent(request_id, "accepted", "")
        await guardian.core.durable()
        assert await told() == [("pending", "chain")] * 2
        which = {"payment": payment, "cancellation": cancellation}[mined]
        end = {"outcome": "confirmed", "proved": True, "hash": which, "fee_wei": "1"}
        guardian.core.settle(request_id, json.dumps(end).encode())
        found = (await line.call("holdfast_status", ask))["result"]
        again = await line.pay(VENDOR)
        if mined == "payment":
            assert (found["status"], found["result"], again["result"]) == ("ok", payment, payment)
        else:
            assert (found["status"], again["error"]["data"]["status"]) == ("cancelled",) * 2


async def test_a_replacement_is_answered_with_its_own_hash(home: Home) -> None:
    """Not with that of the bytes before, whose sending may end at any time."""
    async with serving(home) as guardian:

        async def pay(gwei: int, **more: str) -> dict[str, Any]:
            call = {"to": VENDOR, "value": "0x1", "maxFeePerGas": hex(gwei * 10**9)}
            call |= {"maxPriorityFeePerGas": hex(gwei * 10**9 // 2), **more}
            return await (await guardian.agent()).call("eth_sendTransaction", [call])

        first = asyncio.create_task(pay(2))
        (view,) = await guardian.until_open("authorising")
        request_id = view["id"]
        guardian.sign(request_id)
        await guardian.core.durable()
        old = view_of(guardian, request_id)["hash"]
        second = asyncio.create_task(pay(4, nonce="0x0"))
        await until(lambda: bool(guardian.core.guard.to_sign_again()))
        guardian.core.sent(request_id, "accepted", "")
        await guardian.core.durable()
        assert (await first)["result"] == old
        await guardian.sign_again(request_id)
        new = view_of(guardian, request_id)["hash"]
        assert new != old
        assert not second.done(), "no node has its bytes yet"
        guardian.core.sent(request_id, "accepted", "")
        await guardian.core.durable()
        assert (await second)["result"] == new


async def test_a_submit_that_names_the_nonce_of_a_payment_that_is_out_replaces_it(
    home: Home,
) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()

        async def submit(gwei: int, value: int = 1, nonce: str | None = "0x0") -> dict[str, Any]:
            call = {"to": VENDOR, "value": hex(value), "maxFeePerGas": hex(gwei * 10**9)}
            call |= {"maxPriorityFeePerGas": hex(gwei * 10**9 // 2)}
            call |= {} if nonce is None else {"nonce": nonce}
            ask = [{"method": "eth_sendTransaction", "params": [call]}]
            found: dict[str, Any] = (await line.call("holdfast_submit", ask))["result"]
            return found

        async def status() -> tuple[str, str | None]:
            ask = [{"requestId": request_id}]
            found = (await line.call("holdfast_status", ask))["result"]
            return found["status"], found.get("result")

        request_id = (await submit(2, nonce=None))["requestId"]
        await guardian.carry_out(request_id)
        first = view_of(guardian, request_id)["hash"]
        same = await submit(2)
        assert (same["requestId"], same["result"]) == (request_id, first)
        assert guardian.core.guard.to_sign_again() == [], "it pays no more than it did"
        higher = await submit(4)
        assert (higher["status"], higher["requestId"]) == ("pending", request_id)
        assert await status() == ("pending", None), "the hash it has is about to be another"
        assert (await submit(4))["status"] == "pending", "the same again is the same"
        await guardian.sign_again(request_id)
        guardian.core.sent(request_id, "accepted", "")
        second = view_of(guardian, request_id)["hash"]
        assert second != first
        assert await status() == ("ok", second)
        assert (await submit(4))["result"] == second
        for gwei, value, code in [(101, 1, "fee_over_cap"), (8, 2, "nonce_used")]:
            refused = await submit(gwei, value)
            assert refused["status"] == "denied"
            assert code in json.dumps(refused["error"])
        assert await status() == ("ok", second), "the payment goes on as it is"
        assert guardian.core.guard.open_requests() == [request_id]
