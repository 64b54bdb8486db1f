"""Before a call is signed the node simulates it: what goes beyond the decision is never signed."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from eth_abi import encode
from tests.support.anvil import Anvil
from tests.support.guardian import VENDOR, Guardian
from tests.support.inputs import Inputs
from tests.support.proxy import NodeProxy, error, result
from tests.support.seen import see_everything
from tests.support.stub_contract import (
    AMOUNT,
    CALLER,
    TO,
    VALUE,
    place_contract,
    plus,
    telling,
    whom,
)
from tests.support.token import deploy_token, token_balance, transfer_data

from holdfast.service.alerts.routes import Severity
from holdfast.service.alerts.text import describe
from holdfast.service.chain.chain import Chain
from holdfast.service.chain.endpoint import EndpointDown, EndpointSettings
from holdfast.service.chain.simulation import LOGS_MAX

BANK = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
TOKEN = "0x5FbDB2315678afecb367f032d93F642f64180aa3"  # what BANK deploys first
WRAPPER = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
EVE = "0x6666666666666666666666666666666666666666"
MOVED = "Transfer(address,address,uint256)"
ALLOWED = "Approval(address,address,uint256)"
MORE = f"""
[[asset]]
id = "usd"
chain = 31337
address = "{TOKEN}"
decimals = 6
symbol = "USD"
price_usd = "1"
[[contract]]
id = "wrapper"
chain = 31337
address = "{WRAPPER}"
protocol = "weth"
[[rule]]
id = "tokens"
effects = ["transfer", "allowance", "convert"]
tier = "instant"
"""
PAYS = (MOVED, [CALLER, TO], AMOUNT)


@pytest.fixture
async def guardian(tmp_path: Path, anvil: Anvil, proxy: NodeProxy) -> AsyncIterator[Guardian]:
    made = Guardian.make(tmp_path / "home", anvil, url=proxy.url)
    made.more = MORE
    await made.open()
    yield made
    await made.close()


def call(guardian: Guardian, data: str, method: str = "eth_sendTransaction", **more: Any) -> str:
    request = {"from": guardian.wallets[0], "to": TOKEN, "data": data} | more
    return guardian.submit(method, [request])


def simulated(proxy: NodeProxy) -> list[dict[str, Any]]:
    return [each for each in proxy.calls if each["method"] == "eth_simulateV1"]


async def refused(guardian: Guardian, request: str) -> str:
    """The words of the end of a request that would have done more than was decided."""
    await guardian.until(request, "failed")
    (ended,) = guardian.events("request.failed", request)
    assert ended["code"] == "would_differ"
    assert guardian.events("request.authorised") == []
    alert = describe({"kind": "request.failed", "data": ended}, Severity.CRITICAL, lambda _: None)
    assert "would do more than was decided" in alert.title
    return str(ended["text"])


async def test_an_honest_payment_and_allowance_go_through(
    guardian: Guardian, anvil: Anvil, proxy: NodeProxy
) -> None:
    assert deploy_token(anvil, BANK) == TOKEN
    sent = anvil.call(
        "eth_sendTransaction",
        {"from": BANK, "to": TOKEN, "data": transfer_data(guardian.wallets[0], 10**8)},
    )
    anvil.wait_mined(sent)
    await guardian.until(call(guardian, transfer_data(VENDOR, 50_000_000)), "confirmed")
    assert token_balance(anvil, TOKEN, VENDOR) == 50_000_000
    approve = "0x095ea7b3" + encode(["address", "uint256"], [VENDOR, 7]).hex()
    await guardian.until(call(guardian, approve), "confirmed")
    first = simulated(proxy)[0]["params"][0]
    assert first["traceTransfers"] is True
    (asked,) = first["blockStateCalls"][0]["calls"]
    assert asked["from"].lower() == guardian.wallets[0].lower()
    assert asked["input"] == transfer_data(VENDOR, 50_000_000)
    assert len(simulated(proxy)) == 2


async def test_the_coin_is_wrapped(guardian: Guardian, anvil: Anvil) -> None:
    place_contract(anvil, WRAPPER, telling(("Deposit(address,uint256)", [CALLER], VALUE)))
    see_everything(guardian.core.guard, 31337, guardian.clock.now_ms())
    request = call(guardian, "0xd0e30db0", to=WRAPPER, value=hex(10**18))
    await guardian.until(request, "confirmed")


async def test_a_wrapper_that_gives_nothing_is_found(guardian: Guardian, anvil: Anvil) -> None:
    place_contract(anvil, WRAPPER, telling())
    see_everything(guardian.core.guard, 31337, guardian.clock.now_ms())
    words = await refused(guardian, call(guardian, "0xd0e30db0", to=WRAPPER, value=hex(10**18)))
    assert words.endswith("it brings nothing to the wallet for what it takes")


async def test_a_token_that_keeps_a_part_goes_through(guardian: Guardian, anvil: Anvil) -> None:
    part = (MOVED, [CALLER, whom(EVE)], plus(b"\x60\x00", 5))
    place_contract(anvil, TOKEN, telling((MOVED, [CALLER, TO], plus(AMOUNT, -5)), part))
    await guardian.until(call(guardian, transfer_data(VENDOR, 50_000_000)), "confirmed")


async def test_a_token_that_takes_more_is_never_signed(guardian: Guardian, anvil: Anvil) -> None:
    place_contract(anvil, TOKEN, telling(PAYS, (MOVED, [CALLER, whom(EVE)], AMOUNT)))
    words = await refused(guardian, call(guardian, transfer_data(VENDOR, 50_000_000)))
    assert words.endswith("it takes 100 USD from the wallet, and 50 USD was decided")


async def test_a_token_that_lets_somebody_in_is_never_signed(
    guardian: Guardian, anvil: Anvil
) -> None:
    rights = (ALLOWED, [CALLER, whom(EVE)], plus(b"\x60\x00", -1))
    place_contract(anvil, TOKEN, telling(PAYS, rights))
    words = await refused(guardian, call(guardian, transfer_data(VENDOR, 50_000_000)))
    assert words.endswith(f"it lets {EVE} take everything of USD, which was not decided")


async def test_what_is_only_signed_is_simulated_as_well(guardian: Guardian, anvil: Anvil) -> None:
    place_contract(anvil, TOKEN, telling(PAYS, PAYS))
    request = call(guardian, transfer_data(VENDOR, 50_000_000), "eth_signTransaction")
    await refused(guardian, request)


async def test_what_is_left_of_an_allowance_is_no_new_one(guardian: Guardian, anvil: Anvil) -> None:
    # It says true to everything, so one unit was allowed before.
    left = (ALLOWED, [CALLER, whom(EVE)], plus(b"\x60\x00", 1))
    place_contract(anvil, TOKEN, telling(PAYS, left))
    await guardian.until(call(guardian, transfer_data(VENDOR, 50_000_000)), "confirmed")


async def test_a_payment_without_data_is_not_simulated(
    guardian: Guardian, proxy: NodeProxy
) -> None:
    await guardian.until(guardian.pay(), "confirmed")
    assert simulated(proxy) == []


async def test_what_fails_in_the_simulation_is_not_signed(
    guardian: Guardian, anvil: Anvil, proxy: NodeProxy
) -> None:
    proxy.hook = lambda call, forward: (
        result(call, hex(60_000)) if call["method"] == "eth_estimateGas" else forward()
    )
    place_contract(anvil, TOKEN, "0x60006000fd")
    request = call(guardian, transfer_data(VENDOR, 5))
    await guardian.until(request, "failed")
    (ended,) = guardian.events("request.failed", request)
    assert ended["code"] == "would_fail"


async def test_a_lying_node_can_only_refuse(
    guardian: Guardian, anvil: Anvil, proxy: NodeProxy
) -> None:
    place_contract(anvil, TOKEN, telling(PAYS))

    def lie(call: dict[str, Any], forward: Any) -> bytes:
        if call["method"] != "eth_simulateV1":
            return bytes(forward())
        answer = json.loads(forward())
        answer["result"][0]["calls"][0]["logs"] *= 2
        return json.dumps(answer).encode()

    proxy.hook = lie
    await refused(guardian, call(guardian, transfer_data(VENDOR, 5)))


async def test_a_node_that_cannot_simulate_is_asked_once(
    guardian: Guardian, anvil: Anvil, proxy: NodeProxy
) -> None:
    place_contract(anvil, TOKEN, telling(PAYS, PAYS))
    proxy.hook = without_simulation
    for amount in (5, 6):
        await guardian.until(call(guardian, transfer_data(VENDOR, amount)), "confirmed")
    assert len(simulated(proxy)) == 1
    (health,) = guardian.chains.health()
    assert health["ok"]
    assert health["text"].endswith(", cannot simulate")


async def test_a_required_simulation_is_never_left_out(
    guardian: Guardian, anvil: Anvil, proxy: NodeProxy
) -> None:
    guardian.settings = EndpointSettings(31337, proxy.url, poll_ms=20, simulate="required")
    await guardian.halt()
    await guardian.open()
    place_contract(anvil, TOKEN, telling(PAYS))
    await guardian.until(call(guardian, transfer_data(VENDOR, 5)), "confirmed")
    proxy.hook = without_simulation
    request = call(guardian, transfer_data(VENDOR, 6))
    await guardian.until(request, "failed")
    (ended,) = guardian.events("request.failed", request)
    assert ended["code"] == "not_simulated"
    assert "cannot simulate it" in ended["text"]
    assert guardian.events("request.authorised", request) == []


async def test_it_can_be_switched_off(guardian: Guardian, anvil: Anvil, proxy: NodeProxy) -> None:
    guardian.settings = EndpointSettings(31337, proxy.url, poll_ms=20, simulate="off")
    await guardian.halt()
    await guardian.open()
    place_contract(anvil, TOKEN, telling(PAYS, PAYS))
    await guardian.until(call(guardian, transfer_data(VENDOR, 5)), "confirmed")
    assert simulated(proxy) == []


ASKED = Inputs(wallet=BANK, to=TOKEN, data="0x12345678", gas_max=100_000)
OPAQUE = {"address": TOKEN, "topics": ["0x" + "00" * 12 + BANK[2:].lower()], "data": "0x"}


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        [{"calls": []}],
        [{"calls": [{"status": "0x1"}]}],
        [{"calls": [{"status": "yes", "logs": []}]}],
        [{"calls": [{"status": "0x1", "logs": {}}]}],
        [{"calls": [{"status": "0x1", "logs": [{"address": TOKEN}]}]}],
        [{"calls": [{"status": "0x1", "logs": [7]}]}],
        [{"calls": [{"status": "0x1", "logs": []}]}] * 2,
    ],
)
async def test_an_answer_that_is_none_counts_as_none(proxy: NodeProxy, answer: Any) -> None:
    proxy.hook = lambda call, forward: (
        result(call, answer) if call["method"] == "eth_simulateV1" else forward()
    )
    chain = Chain(EndpointSettings(31337, proxy.url))
    assert await chain.simulation.of(ASKED) is None
    assert not chain.simulation.unable
    await chain.close()
    strict = Chain(EndpointSettings(31337, proxy.url, simulate="required"))
    with pytest.raises(EndpointDown, match="could not simulate"):
        await strict.simulation.of(ASKED)
    await strict.close()


async def test_more_than_can_be_compared_is_refused(proxy: NodeProxy) -> None:
    from holdfast.service.chain.broadcast import WouldFail

    logs = [OPAQUE] * (LOGS_MAX + 1)
    proxy.hook = lambda call, forward: (
        result(call, [{"calls": [{"status": "0x1", "logs": logs}]}])
        if call["method"] == "eth_simulateV1"
        else forward()
    )
    chain = Chain(EndpointSettings(31337, proxy.url))
    with pytest.raises(WouldFail, match="more happens to the wallet") as refusal:
        await chain.simulation.of(ASKED)
    assert refusal.value.code == "would_differ"
    logs.pop()
    assert await chain.simulation.of(ASKED) is not None
    await chain.close()


async def test_events_that_are_none_end_the_payment_as_malformed(proxy: NodeProxy) -> None:
    from holdfast.service.chain.broadcast import WouldFail

    log = {"address": "0x12", "topics": ["0x" + ASKED.wallet[2:].rjust(64, "0")], "data": "0x"}
    proxy.hook = lambda call, forward: (
        result(call, [{"calls": [{"status": "0x1", "logs": [log]}]}])
        if call["method"] == "eth_simulateV1"
        else forward()
    )
    chain = Chain(EndpointSettings(31337, proxy.url))
    with pytest.raises(WouldFail, match="`address` is not hex") as refusal:
        await chain.simulation.of(ASKED)
    assert refusal.value.code == "malformed"
    await chain.close()


def without_simulation(call: dict[str, Any], forward: Any) -> bytes:
    if call["method"] == "eth_simulateV1":
        return error(call, -32601, "the method eth_simulateV1 does not exist/is not available")
    return bytes(forward())
