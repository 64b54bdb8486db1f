"""`wallet_sendCalls` and what belongs to it (EIP-5792) over the socket.

One call is a payment, several are judged as their sum and refused.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.service.in_process import SHOP, STRANGER, VENDOR, Json, Line, put_policy, serving, until
from tests.support.anvil import Anvil

from holdfast.service.chain.endpoint import Endpoint, EndpointSettings
from holdfast.service.home.folder import Home


@pytest.fixture
async def node(anvil: Anvil) -> AsyncIterator[Endpoint]:
    endpoint = Endpoint(EndpointSettings(31337, anvil.url))
    yield endpoint
    await endpoint.close()


def batch(*payees: str, **members: Any) -> list[Json]:
    """One wei to each."""
    calls = [{"to": to, "value": "0x1"} for to in payees]
    return [
        {
            "version": "2.0.0",
            "chainId": "0x7a69",
            "atomicRequired": False,
            "calls": calls,
            **members,
        }
    ]


async def send(line: Line, *payees: str, **members: Any) -> Json:
    return await line.call("wallet_sendCalls", batch(*payees, **members))


async def status(line: Line, name: str) -> Any:
    return (await line.call("wallet_getCallsStatus", [name])).get("result")


async def test_a_batch_of_one_call_is_named_at_once_and_paid_once(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        name = (await send(line, VENDOR))["result"]["id"]
        (view,) = await guardian.until_open("authorising")
        assert name == f"0x{int(view['id'][1:]):064x}"
        assert view["method"] == "eth_sendTransaction"
        told = await status(line, name)
        assert told == {
            "version": "2.0.0",
            "id": name,
            "chainId": "0x7a69",
            "status": 100,
            "atomic": True,
        }
        # A second one is a second payment: the first was answered.
        other = (await send(line, VENDOR))["result"]["id"]
        assert other != name


async def test_a_batch_that_waits_for_a_person_is_joined_and_then_never_sent(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        name = (await send(line, SHOP))["result"]["id"]
        assert (await send(line, SHOP))["result"]["id"] == name
        (view,) = await guardian.until_open("waiting-approval")
        assert (await status(line, name))["status"] == 100
        deny = guardian.command("deny", request=view["id"], digest=view["digest"])
        await (await guardian.operator()).operate("command", **deny)
        told = await status(line, name)
        assert (told["status"], "receipts" in told) == (400, False)


async def test_the_name_an_application_gives_is_kept_and_given_once(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        name = "0x" + "ab" * 64
        assert (await send(line, VENDOR, id=name))["result"] == {"id": name}
        assert (await status(line, name))["status"] == 100
        for payee in (VENDOR, SHOP):
            error = (await send(line, payee, id=name))["error"]
            assert error["code"] == 5720, error
        assert len(await guardian.until_open("authorising")) == 1
        assert (await line.call("wallet_showCallsStatus", [name]))["result"] is None


async def test_a_batch_whose_sender_hangs_up_is_joined_by_its_retry(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        frame = {"jsonrpc": "2.0", "id": 1, "method": "wallet_sendCalls", "params": batch(VENDOR)}
        await line.send(json.dumps(frame).encode())
        line.close()
        (view,) = await guardian.until_open("authorising")
        about = guardian.inside.reader.about
        marked = b'"request.pending"'
        await until(lambda: any(marked in each for each in about(view["id"], 0, 99)))
        name = (await send(await guardian.agent(), VENDOR))["result"]["id"]
        assert int(name, 16) == int(view["id"][1:])
        assert len(guardian.core.guard.open_requests()) == 1


@pytest.mark.parametrize(
    ("members", "payees", "code", "detail"),
    [
        ({}, (VENDOR, VENDOR), 5740, "batch"),
        ({"atomicRequired": True}, (VENDOR, VENDOR), 5760, "malformed"),
        ({"capabilities": {"paymasterService": {"url": "x"}}}, (VENDOR,), 5700, "malformed"),
        ({"chainId": "0x1"}, (VENDOR,), 5710, "chain_mismatch"),
        ({"from": STRANGER}, (VENDOR,), 4100, "wallet_not_allowed"),
        ({"version": "9"}, (VENDOR,), -32602, "malformed"),
        ({"gas": "0x1"}, (VENDOR,), -32602, "malformed"),
        ({"calls": [{"to": VENDOR}] * 65}, (), 5740, "malformed"),
        ({"calls": []}, (), -32602, "malformed"),
        ({}, (STRANGER,), 4001, "no_grant"),
        ({}, (VENDOR, STRANGER), 4001, "no_grant"),
    ],
    ids=str,
)
async def test_what_is_refused_has_the_code_of_the_standard(
    home: Home, members: Json, payees: tuple[str, ...], code: int, detail: str
) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        error = (await send(line, *payees, **members))["error"]
        assert (error["code"], error["data"]["code"]) == (code, detail), error
        assert guardian.core.guard.open_requests() == []


async def test_the_sum_of_several_calls_is_told_and_recorded(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        error = (await send(line, VENDOR, SHOP, VENDOR))["error"]
        told = [(each["effect"], each["to"], each["amount"]) for each in error["data"]["effects"]]
        assert told == [("transfer", VENDOR, "2"), ("transfer", SHOP, "1")]
        assert "3 calls, in sum `approval`: send them one by one" in error["message"]
        await guardian.core.durable()
        (record,) = guardian.inside.reader.records(guardian.core.guard.size - 1, 1)
        event = json.loads(record)
        assert (event["kind"], event["data"]["code"]) == ("request.refused", "batch")


async def test_a_batch_can_be_checked_before(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        before = guardian.core.guard.state_digest()
        call = {"method": "wallet_sendCalls", "params": batch(VENDOR, SHOP)}
        told = (await line.call("holdfast_check", [call]))["result"]
        assert (told["verdict"], told["code"]) == ("deny", "batch")
        one = {"method": "wallet_sendCalls", "params": batch(VENDOR)}
        assert (await line.call("holdfast_check", [one]))["result"]["verdict"] == "instant"
        assert guardian.core.guard.state_digest() == before


async def test_names_of_others_are_unknown(home: Home) -> None:
    async with serving(home) as guardian:
        name = (await send(await guardian.agent(), VENDOR, id="0x01"))["result"]["id"]
        (view,) = await guardian.until_open("authorising")
        other = await guardian.agent("other")
        own = f"0x{int(view['id'][1:]):064x}"
        for method in ("wallet_getCallsStatus", "wallet_showCallsStatus"):
            for asked in (name, own, "0x" + "ff" * 32, "nothing"):
                assert (await other.call(method, [asked]))["error"]["code"] == 5730
            for wrong in ([], [1], ["a", "b"], [""], {"id": name}):
                assert (await other.call(method, wrong))["error"]["code"] == -32602


async def test_what_is_no_batch_has_no_status(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        submit = {"method": "personal_sign", "params": ["hello", await purse(line)]}
        told = (await line.call("holdfast_submit", [submit]))["result"]
        name = f"0x{int(told['requestId'][1:]):064x}"
        assert (await line.call("wallet_getCallsStatus", [name]))["error"]["code"] == 5730


async def purse(line: Line) -> str:
    return str((await line.call("eth_accounts"))["result"][0])


async def test_a_batch_without_an_id_is_recorded_and_never_carried_out(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        before = guardian.core.guard.size
        frame = {"jsonrpc": "2.0", "method": "wallet_sendCalls", "params": batch(VENDOR)}
        await line.send(json.dumps(frame).encode())
        await until(lambda: guardian.core.guard.size > before)
        assert guardian.core.guard.open_requests() == []


async def test_the_status_of_a_sent_batch_is_its_receipt(home: Home, node: Endpoint) -> None:
    async with serving(home, node=node) as guardian:
        line = await guardian.agent()
        wallet = await purse(line)
        await node.call("anvil_setBalance", [wallet, hex(10**18)])
        name = (await send(line, VENDOR))["result"]["id"]
        (view,) = await guardian.until_open("authorising")
        await guardian.carry_out(view["id"])
        assert (await status(line, name))["status"] == 100
        known = json.loads(guardian.core.guard.request(view["id"]) or b"")
        await node.call("eth_sendRawTransaction", [known["raw"]])
        # Afterwards it is mined, whoever was faster.
        await node.call("evm_mine", [])
        told = await status(line, name)
        assert (told["status"], told["atomic"]) == (200, True)
        (receipt,) = told["receipts"]
        assert sorted(receipt) == [
            "blockHash",
            "blockNumber",
            "gasUsed",
            "logs",
            "status",
            "transactionHash",
        ]
        assert (receipt["transactionHash"], receipt["status"]) == (known["hash"], "0x1")


async def test_the_status_of_a_sent_batch_is_not_guessed_without_a_node(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        name = (await send(line, VENDOR))["result"]["id"]
        (view,) = await guardian.until_open("authorising")
        await guardian.carry_out(view["id"])
        error = (await line.call("wallet_getCallsStatus", [name]))["error"]
        assert error["code"] == -32002


async def test_capabilities_are_told_of_the_agents_own_account_and_chain(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()

        async def told(*params: Any) -> Json:
            return await line.call("wallet_getCapabilities", params)

        wallet = await purse(line)
        assert (await told())["result"] == {"0x7a69": {}}
        assert (await told(wallet))["result"] == {"0x7a69": {}}
        assert (await told(wallet.lower(), ["0x1", "0x7A69"]))["result"] == {"0x7a69": {}}
        assert (await told(wallet, ["0x1"]))["result"] == {}
        assert (await told(STRANGER))["error"]["code"] == 4100
        assert (await told(wallet, [], 1))["error"]["code"] == -32602


async def test_an_agent_that_signs_its_requests_must_sign_a_batch_too(home: Home) -> None:
    """The plain method is no way around the signature."""
    text = home.policy_path.read_text()
    key = f'public_key = "0x{"11" * 32}"\n'
    put_policy(home, text.replace('id = "other"\n', f'id = "other"\n{key}'))
    async with serving(home) as guardian:
        error = (await send(await guardian.agent("other"), VENDOR))["error"]
        assert (error["code"], error["data"]["code"]) == (4001, "signature_required")
