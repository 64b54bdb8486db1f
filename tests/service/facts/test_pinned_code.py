"""Contracts whose code the policy pins: seen on a real chain, through the guardian's sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from eth_utils.crypto import keccak
from tests.service.in_process import VENDOR, Guardian, Line, put_policy, serving
from tests.support.anvil import Anvil
from tests.support.proxy import NodeProxy, result
from tests.support.stub_contract import place_contract, runtime, word
from tests.support.token import transfer_data

from holdfast._core import checksum_address
from holdfast.service.chain.chain import Chain
from holdfast.service.chain.contract_code import (
    CLONE_HEAD,
    CLONE_TAIL,
    IMPLEMENTATION_SLOTS,
    read_code,
)
from holdfast.service.chain.endpoint import EndpointSettings
from holdfast.service.home.folder import Home
from holdfast.service.runtime.clock import Clock, elapsed_ms, wall_ms

Json = dict[str, Any]
MINUTE = 60_000
CHAIN = 31337
TOKEN, FIRST, SECOND, BEACON = (
    checksum_address(f"0xc0de{number:036x}") for number in (0x70C3, 1, 2, 3)
)
CODE = {number: runtime({"18160ddd": word(number)}) for number in range(4)}
SLOT = dict(zip(("1967", "beacon", "1822", "zos"), IMPLEMENTATION_SLOTS.values(), strict=True))


class Hands(Clock):
    """The machine's time, and what the test adds to it."""

    def __init__(self) -> None:
        self.added = 0
        super().__init__(lambda: wall_ms() + self.added, lambda: elapsed_ms() + self.added)


def hash_of(code: str) -> str:
    return "0x" + keccak(bytes.fromhex(code.removeprefix("0x"))).hex()


def table(chain: int = CHAIN, code: str = CODE[0], behind: str | None = None) -> str:
    """The token with its code pinned, and a rule that lets it go to the vendor."""
    implementation = "" if behind is None else f'implementation_hash = "{hash_of(behind)}"\n'
    return f"""
[[asset]]
id = "usd-{chain}"
chain = {chain}
address = "{TOKEN}"
decimals = 6
symbol = "USD"
price_usd = "1"
code_hash = "{hash_of(code)}"
{implementation}
[[rule]]
id = "tokens-{chain}"
effects = ["transfer"]
assets = ["usd-{chain}"]
to = ["{VENDOR}"]
tier = "instant"
"""


def pin(home: Home, text: str) -> None:
    put_policy(home, home.policy_path.read_text() + text)


def point(anvil: Anvil, slot: str, to: str) -> None:
    anvil.call("anvil_setStorageAt", TOKEN, slot, "0x" + to[2:].lower().rjust(64, "0"))


@asynccontextmanager
async def chain_at(url: str, chain_id: int = CHAIN) -> AsyncIterator[Chain]:
    chain = Chain(EndpointSettings(chain_id, url, timeout_ms=2000))
    try:
        yield chain
    finally:
        await chain.close()


@pytest.fixture
def token(anvil: Anvil) -> Anvil:
    """A chain that has the token."""
    place_contract(anvil, TOKEN, CODE[0])
    return anvil


PAY = {"to": TOKEN, "data": transfer_data(VENDOR, 5)}


async def verdict(line: Line) -> list[str]:
    """What the agent would be told of a payment now: the verdict and the codes of its reasons."""
    asked = {"method": "eth_sendTransaction", "params": [PAY]}
    told = (await line.call("holdfast_check", [asked]))["result"]
    return [told["verdict"], *(each["code"] for each in told["reasons"])]


async def becomes(line: Line, wants: str) -> list[str]:
    """The verdict once `wants` is the verdict or one of its reasons."""
    async with asyncio.timeout(30):
        while wants not in (told := await verdict(line)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return told


async def alarms(guardian: Guardian, count: int) -> list[Json]:
    """The alarms of the health report, once there are so many."""
    operator = await guardian.operator()
    async with asyncio.timeout(30):
        while True:
            found: list[Json] = (await operator.operate("status"))["health"]["code"]
            if len(found) == count:
                return found
            await asyncio.sleep(0.02)


async def test_pinned_code_passes_at_once_and_other_code_waits_for_a_person(
    home: Home, token: Anvil
) -> None:
    pin(home, table())
    hands = Hands()
    async with (
        chain_at(token.url) as chain,
        serving(home, node=chain, clock=hands, hold_ms=50) as guardian,
    ):
        line = await guardian.agent()
        assert await becomes(line, "instant") == ["instant", "granted"]
        paying = asyncio.create_task(line.call("eth_sendTransaction", [PAY]))
        (view,) = await guardian.until_open("authorising")
        assert view["facts"]["code"][TOKEN]["hash"] == hash_of(CODE[0])
        await paying
        guardian.sign(view["id"])
        assert await alarms(guardian, 0) == []

        token.call("anvil_setCode", TOKEN, CODE[1])
        hands.added += MINUTE
        assert await becomes(line, "approval") == ["approval", "code_changed", "granted"]
        again = {**PAY, "data": transfer_data(VENDOR, 6)}
        told = await line.call("eth_sendTransaction", [again])
        assert told["error"]["data"]["status"] == "pending"
        (waiting,) = await guardian.until_open("waiting-approval")
        assert [each["code"] for each in waiting["reasons"]] == ["code_changed", "granted"]
        (alarm,) = await alarms(guardian, 1)
        assert (alarm["address"], alarm["code"]) == (TOKEN, "code_changed")
        assert hash_of(CODE[1]) in alarm["text"]

        token.call("anvil_setCode", TOKEN, CODE[0])
        hands.added += MINUTE
        await becomes(line, "instant")
        assert await alarms(guardian, 0) == []


async def test_the_operator_is_told_the_same_as_the_agent(home: Home, token: Anvil) -> None:
    pin(home, table())
    async with chain_at(token.url) as chain, serving(home, node=chain) as guardian:
        await becomes(await guardian.agent(), "instant")
        operator = await guardian.operator()
        asked = {"agent": "agent", "method": "eth_sendTransaction", "params": [PAY]}
        told = await operator.operate_raw("decide", asked)
        assert told["result"]["verdict"] == "instant"


async def test_without_a_node_what_was_seen_counts_for_five_minutes(
    home: Home, token: Anvil, proxy: NodeProxy
) -> None:
    pin(home, table())
    hands = Hands()
    async with (
        chain_at(proxy.url) as chain,
        serving(home, node=chain, clock=hands) as guardian,
    ):
        line = await guardian.agent()
        await becomes(line, "instant")
        proxy.hook = lambda _call, _forward: None
        hands.added += 4 * MINUTE
        assert await verdict(line) == ["instant", "granted"]
        assert await alarms(guardian, 0) == []
        hands.added += MINUTE + 1_000
        assert await verdict(line) == ["approval", "code_unknown", "granted"]
        (alarm,) = await alarms(guardian, 1)
        assert alarm["code"] == "code_unknown"
        assert "could not be read for 5 minutes" in alarm["text"]
        proxy.hook = None
        hands.added += 10_000
        await becomes(line, "instant")
        assert await alarms(guardian, 0) == []


async def test_a_proxy_that_points_elsewhere_waits_for_a_person(home: Home, token: Anvil) -> None:
    place_contract(token, FIRST, CODE[1])
    place_contract(token, SECOND, CODE[2])
    point(token, SLOT["1967"], FIRST)
    pin(home, table(behind=CODE[1]))
    hands = Hands()
    async with chain_at(token.url) as chain, serving(home, node=chain, clock=hands) as guardian:
        line = await guardian.agent()
        await becomes(line, "instant")
        point(token, SLOT["1967"], SECOND)
        hands.added += MINUTE
        assert await becomes(line, "approval") == ["approval", "code_changed", "granted"]
        (alarm,) = await alarms(guardian, 1)
        assert "runs an implementation other" in alarm["text"]


async def test_a_proxy_pinned_without_its_implementation_says_so(home: Home, token: Anvil) -> None:
    place_contract(token, FIRST, CODE[1])
    point(token, SLOT["zos"], FIRST)
    pin(home, table())
    async with chain_at(token.url) as chain, serving(home, node=chain) as guardian:
        (alarm,) = await alarms(guardian, 1)
        assert "pins no implementation_hash" in alarm["text"]
        assert (await verdict(await guardian.agent()))[1] == "code_changed"


async def test_a_new_policy_is_looked_at_when_it_is_loaded(home: Home, token: Anvil) -> None:
    async with chain_at(token.url) as chain, serving(home, node=chain) as guardian:
        line = await guardian.agent()
        assert (await verdict(line))[0] == "deny"
        pin(home, table())
        await (await guardian.operator()).operate("reload")
        await becomes(line, "instant")


async def test_an_address_on_two_chains_is_two_contracts(home: Home, token: Anvil) -> None:
    """The other chain has the pinned code at the same address, and this one has not."""
    other = Anvil.start("--chain-id", "31338")
    try:
        place_contract(other, TOKEN, CODE[0])
        place_contract(token, TOKEN, CODE[1])
        far = """
[[chain]]
id = 31338
name = "far"
gas_max = 500_000
fee_per_gas_max = "100 gwei"
priority_fee_per_gas_max = "5 gwei"
[[agent]]
id = "far"
wallets = ["purse"]
chain = 31338
"""
        pin(home, far + table() + table(31338))
        async with (
            chain_at(token.url) as here,
            chain_at(other.url, 31338) as there,
            serving(home, nodes={CHAIN: here, 31338: there}) as guardian,
        ):
            assert "granted" in await becomes(await guardian.agent("far"), "instant")
            assert (await becomes(await guardian.agent(), "code_changed"))[0] == "approval"
        # Where the one chain has no node, what is known of the other says nothing.
        async with (
            chain_at(other.url, 31338) as there,
            serving(home, nodes={31338: there}) as guardian,
        ):
            await becomes(await guardian.agent("far"), "instant")
            assert (await verdict(await guardian.agent()))[1] == "code_unknown"
        # A node that serves another chain than it should is no witness.
        async with (
            chain_at(other.url) as wrong,
            serving(home, nodes={CHAIN: wrong, 31338: wrong}) as guardian,
        ):
            assert (await verdict(await guardian.agent()))[1] == "code_unknown"
    finally:
        other.stop()


async def test_a_node_that_lies_about_sizes_and_kinds_only_makes_code_unknown(
    home: Home, token: Anvil, proxy: NodeProxy
) -> None:
    pin(home, table())
    answers: list[Any] = [None, 5, "", "0x", "0xzz", {}, [], "0x" + "00" * (1 << 20) + "01"]
    asked = {"eth_getCode": 0, "eth_getStorageAt": 0, "eth_blockNumber": 0}

    def hook(call: Json, forward: Callable[[], bytes]) -> bytes | None:
        method = call["method"]
        if method not in asked:
            return forward()
        asked[method] += 1
        if asked[method] % 2:
            return forward()
        return result(call, answers[(asked[method] // 2) % len(answers)])

    proxy.hook = hook
    hands = Hands()
    async with chain_at(proxy.url) as chain, serving(home, node=chain, clock=hands) as guardian:
        line = await guardian.agent()
        for _ in range(40):
            hands.added += 6_000
            await asyncio.sleep(0)
            assert (await verdict(line))[0] in ("approval", "instant")
        proxy.hook = None
        hands.added += MINUTE
        await becomes(line, "instant")


@pytest.mark.parametrize("slot", SLOT)
async def test_every_convention_of_proxies_is_followed(token: Anvil, slot: str) -> None:
    place_contract(token, FIRST, CODE[1])
    place_contract(token, BEACON, runtime({"5c60da1b": bytes.fromhex(FIRST[2:].rjust(64, "0"))}))
    point(token, SLOT[slot], BEACON if slot == "beacon" else FIRST)
    async with chain_at(token.url) as chain:
        found = await read_code(chain, TOKEN)
    assert (found.hash, found.implementation) == (hash_of(CODE[0]), hash_of(CODE[1]))


async def test_clones_and_delegations_run_the_code_they_name(token: Anvil) -> None:
    place_contract(token, FIRST, CODE[1])
    clone = "0x" + (CLONE_HEAD + bytes.fromhex(FIRST[2:]) + CLONE_TAIL).hex()
    delegation = "0xef0100" + FIRST[2:].lower()
    async with chain_at(token.url) as chain:
        for code in (clone, delegation):
            place_contract(token, TOKEN, code)
            found = await read_code(chain, TOKEN)
            assert (found.hash, found.implementation) == (hash_of(code), hash_of(CODE[1]))


async def test_a_word_in_one_place_does_not_hide_another(token: Anvil) -> None:
    """What an implementation runs may write any slot of its proxy, also that of the old one."""
    for address, number in ((FIRST, 1), (SECOND, 2)):
        place_contract(token, address, CODE[number])
    async with chain_at(token.url) as chain:
        point(token, SLOT["zos"], FIRST)
        before = await read_code(chain, TOKEN)
        point(token, SLOT["zos"], SECOND)
        point(token, SLOT["1967"], FIRST)
        hidden = await read_code(chain, TOKEN)
        assert before.implementation == hash_of(CODE[1])
        both = hash_of(CODE[1])[2:] + hash_of(CODE[2])[2:]
        assert hidden.implementation == hash_of(both)
        point(token, SLOT["1967"], "0x" + "ff" * 12 + SECOND[2:])
        assert (await read_code(chain, TOKEN)).implementation == hash_of(CODE[2])
