"""Caps see all that one request does, and counts count payments.

What was never answered stops no other agent, and a file that limits nothing is said to.
"""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from string import Template
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from tests.service.in_process import SHOP, VENDOR, Guardian, Line, make_home, serving
from tests.support.anvil import Anvil
from tests.support.guardian import Guardian as OnChain
from tests.support.guardian import eventually
from tests.support.proxy import NodeProxy
from tests.support.stub_contract import place_contract, runtime, word

from holdfast.service.chain.chain import Chain
from holdfast.service.chain.endpoint import EndpointSettings
from holdfast.service.chain.l1_fee import ORACLE
from holdfast.service.home.folder import Home
from holdfast.service.new_home import Init, init_home

Json = dict[str, Any]

ETH = 10**18
DOLLARS_500 = ETH // 6
MANY = "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc"
DEMO_POLICY = Path(__file__).parents[2] / "python/holdfast/demo/policy.toml"

SPENDING = f"""
[[contract]]
id = "many"
chain = 31337
address = "{MANY}"
protocol = "disperse"

[[rule]]
id = "slowly"
effects = ["transfer"]
assets = ["eth"]
not_to = ["{VENDOR}", "{SHOP}"]
usd_max = "500"
tier = "delay"
delay = "5m"

[[limit]]
id = "burst"
per = "agent"
measure = "count"
max = 2000
window = "10m"
on_exceed = "deny"
"""

SHARED = """
[[limit]]
id = "house"
per = "{per}"
effects = ["transfer"]
measure = "amount"
assets = ["eth"]
max = "10"
window = "24h"
on_exceed = "deny"
"""


def payees(count: int) -> list[str]:
    return [f"0x{number:040x}" for number in range(1 << 40, (1 << 40) + count)]


def pay_all(to: list[str], wei: int) -> Json:
    """One call that pays each of them the same."""
    arguments = encode(["address[]", "uint256[]"], [to, [wei] * len(to)])
    data = keccak(text="disperseEther(address[],uint256[])")[:4] + arguments
    return {"to": MANY, "value": hex(wei * len(to)), "data": "0x" + data.hex()}


@asynccontextmanager
async def chain_of_many(anvil: Anvil) -> AsyncIterator[Chain]:
    """A chain that has the contract which pays many."""
    place_contract(anvil, MANY, "0x00")
    chain = Chain(EndpointSettings(31337, anvil.url, timeout_ms=5000))
    try:
        yield chain
    finally:
        await chain.close()


async def until_seen(agent: Line) -> None:
    """Until the guardian has looked at the contract's code."""
    call = {"method": "eth_sendTransaction", "params": [pay_all(payees(1), 1)]}
    async with asyncio.timeout(30):
        while True:
            told = (await agent.call("holdfast_check", [call]))["result"]
            if told["verdict"] == "delay":
                return
            await asyncio.sleep(0.05)


def check(*arguments: object) -> Json:
    """What `holdfast policy check --json` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "holdfast", "policy", "check", *map(str, arguments), "--json"],
        capture_output=True,
        check=True,
        timeout=60,
    )
    found: Json = json.loads(done.stdout)
    return found


def lints(path: Path) -> list[str]:
    return [each["code"] for each in check(path)["lint"]]


@pytest.fixture
def spending(tmp_path: Path) -> Home:
    return make_home(tmp_path, more=SPENDING)


async def test_a_thousand_times_500_dollars_in_one_call_are_denied_as_501_are(
    spending: Home, anvil: Anvil
) -> None:
    async with chain_of_many(anvil) as chain, serving(spending, node=chain) as guardian:
        agent = await guardian.agent()
        await until_seen(agent)

        async def submit(*to: str, wei: int) -> Json:
            call = {"method": "eth_sendTransaction", "params": [pay_all(list(to), wei)]}
            return dict((await agent.call("holdfast_submit", [call]))["result"])

        assert (await submit(*payees(1), wei=DOLLARS_500))["status"] == "pending"
        assert (await submit(*payees(1), wei=DOLLARS_500 * 501 // 500 + 1))["status"] == "denied"
        all_of_it = await submit(*payees(1000), wei=DOLLARS_500)
        assert all_of_it["status"] == "denied"
        reason = all_of_it["error"]["data"]["reasons"][0]
        assert (reason["code"], reason["rule"], reason["limit"]) == (
            "no_grant",
            "slowly",
            "500 USD",
        )
        assert reason["observed"].startswith("1000 effects come to 500000 USD: transfer")


async def test_calls_sent_as_one_batch_are_capped_as_their_sum(spending: Home) -> None:
    async with serving(spending) as guardian:
        agent = await guardian.agent()
        calls = [{"to": to, "value": hex(DOLLARS_500)} for to in payees(64)]
        batch = {"version": "2.0.0", "chainId": "0x7a69", "atomicRequired": False, "calls": calls}
        call = {"method": "wallet_sendCalls", "params": [batch]}
        told = (await agent.call("holdfast_check", [call]))["result"]
        assert told["verdict"] == "deny"
        assert told["reasons"][0]["code"] == "no_grant"
        assert "64 effects come to 32000 USD" in told["reasons"][0]["observed"]


async def test_a_count_counts_payments_and_not_the_call_they_came_in(
    spending: Home, anvil: Anvil
) -> None:
    async with chain_of_many(anvil) as chain, serving(spending, node=chain) as guardian:
        agent = await guardian.agent()
        await until_seen(agent)
        for to in (payees(2001), payees(1) * 2001):
            call = {"method": "eth_sendTransaction", "params": [pay_all(to, 1)]}
            told = (await agent.call("holdfast_check", [call]))["result"]
            assert told["reasons"][0]["code"] == "limit_exceeded"
            assert (told["reasons"][0]["observed"], told["reasons"][0]["limit"]) == ("2001", "2000")


@pytest.mark.parametrize("per", ["wallet", "global"])
async def test_what_nobody_answers_stops_no_other_agent(tmp_path: Path, per: str) -> None:
    async with serving(make_home(tmp_path, more=SHARED.format(per=per))) as guardian:
        one, other = await guardian.agent("agent"), await guardian.agent("other")
        submit = {"method": "eth_sendTransaction", "params": [{"to": SHOP, "value": hex(10 * ETH)}]}
        assert (await one.call("holdfast_submit", [submit]))["result"]["status"] == "pending"
        (waiting,) = await guardian.until_open("waiting-approval")
        small = {"method": "eth_sendTransaction", "params": [{"to": VENDOR, "value": hex(ETH)}]}
        assert (await other.call("holdfast_submit", [small]))["result"]["status"] == "pending"
        await guardian.until_open("authorising")
        assert _house(guardian)["reserved"] == str(ETH)
        # Approved now, it no longer fits, and the operator is told at once.
        operator = await guardian.operator()
        command = guardian.command("approve", request=waiting["id"], digest=waiting["digest"])
        answer = await operator.operate("command", **command)
        assert answer["state"] == "denied"
        shown = await operator.operate("request", id=waiting["id"])
        reason = shown["end_reasons"][0]
        assert (reason["code"], reason["observed"], reason["limit"]) == (
            "limit_exceeded",
            "11 eth",
            "10 eth",
        )
        assert _house(guardian)["reserved"] == str(ETH)


def _house(guardian: Guardian) -> Json:
    rows = json.loads(guardian.core.guard.limits(None, guardian.core.clock.now_ms()))
    return next(dict(each) for each in rows if each["limit"] == "house")


def test_a_policy_that_limits_nothing_is_said_to(spending: Home) -> None:
    assert lints(spending.policy_path) == ["no_fee_limit", "no_limit"] * 2


def test_a_rollup_without_a_cap_for_its_data_is_said_to(spending: Home, tmp_path: Path) -> None:
    on_base = spending.policy_path.read_text().replace("31337", "8453")
    (tmp_path / "base.toml").write_text(on_base)
    assert "no_l1_fee" in lints(tmp_path / "base.toml")
    capped = on_base.replace(ROLLUP, ROLLUP + 'l1_fee_max = "1 gwei"\n')
    (tmp_path / "base.toml").write_text(capped)
    assert "no_l1_fee" not in lints(tmp_path / "base.toml")


def test_the_policies_we_hand_out_limit_what_they_grant(tmp_path: Path) -> None:
    names = sorted(set(re.findall(r"\$(\w+)", DEMO_POLICY.read_text())))
    filled = zip(names, map(to_checksum_address, payees(len(names))), strict=True)
    demo = tmp_path / "demo.toml"
    demo.write_text(Template(DEMO_POLICY.read_text()).substitute(dict(filled) | {"symbol": "USD"}))
    assert lints(demo) == []
    created = init_home(
        Home(tmp_path / "home"), Init(bytearray(b"a"), bytearray(b"b"), kdf="light")
    )
    assert lints(created.home.policy_path) == []


ROLLUP = 'priority_fee_per_gas_max = "5 gwei"\n'


class OnRollup(OnChain):
    """A guardian whose chain also takes a fee for data: at most 0.001 ETH."""

    def policy(self) -> str:
        return super().policy().replace(ROLLUP, ROLLUP + 'l1_fee_max = "0.001 ether"\n')


@pytest.fixture
async def rollup(tmp_path: Path, anvil: Anvil, proxy: NodeProxy) -> AsyncIterator[OnRollup]:
    made = OnRollup.make(tmp_path / "home", anvil, url=proxy.url)
    await made.open()
    yield made
    await made.close()


def costs(anvil: Anvil, wei: int) -> None:
    """What the chain's oracle says of the data of any transaction."""
    place_contract(anvil, ORACLE, runtime({"49948e0e": word(wei)}))


async def test_nothing_is_signed_while_its_data_costs_more_than_the_cap(
    rollup: OnRollup, anvil: Anvil, proxy: NodeProxy
) -> None:
    costs(anvil, 10**15 + 1)
    request = rollup.pay()
    await eventually(lambda: sum(_is_to(call, ORACLE) for call in proxy.calls) >= 2)
    assert rollup.state(request) == "authorising"
    costs(anvil, 10**15)
    await rollup.until(request, "confirmed")


async def test_a_cost_of_data_that_cannot_be_is_no_answer(
    rollup: OnRollup, anvil: Anvil, proxy: NodeProxy
) -> None:
    costs(anvil, 1 << 200)
    request = rollup.pay()
    await eventually(lambda: sum(_is_to(call, ORACLE) for call in proxy.calls) >= 2)
    assert rollup.state(request) == "authorising"
    costs(anvil, 10**15)
    await rollup.until(request, "confirmed")


async def test_a_chain_that_does_not_say_what_data_costs_is_paid_from_the_cap(
    rollup: OnRollup, proxy: NodeProxy
) -> None:
    def with_data_fee(call: Json, forward: Any) -> bytes:
        answer = json.loads(forward())
        if call["method"] == "eth_getTransactionReceipt" and answer.get("result"):
            answer["result"]["l1Fee"] = hex(12_345)
        return json.dumps(answer).encode()

    proxy.hook = with_data_fee
    request = rollup.pay()
    fees = [each for each in rollup.view(request)["effects"] if each["effect"] == "fee"]
    assert int(fees[0]["amount"]) == 500_000 * 100 * 10**9 + 10**15
    view = await rollup.until(request, "confirmed")
    settled = rollup.events("request.settled", request)[0]
    receipt = rollup.anvil.wait_mined(view["hash"])
    paid = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
    assert int(settled["fee_wei"]) == paid + 12_345


def _is_to(call: Json, address: str) -> bool:
    to = call["params"][0].get("to", "") if call["method"] == "eth_call" else ""
    return str(to).lower() == address.lower()
