"""Prices from feeds of a real chain and from real HTTP, through the guardian's sockets."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.service.in_process import VENDOR, Guardian, Line, put_policy, serving
from tests.support.anvil import Anvil
from tests.support.price_server import PriceServer
from tests.support.proxy import NodeProxy
from tests.support.stub_contract import place_contract, runtime, word

from holdfast._core import checksum_address
from holdfast.service.chain.chain import Chain
from holdfast.service.chain.endpoint import EndpointSettings
from holdfast.service.facts.prices.settings import PriceSettings
from holdfast.service.home.folder import Home
from holdfast.service.runtime.clock import Clock, elapsed_ms, wall_ms

Json = dict[str, Any]
MINUTE = 60_000
CHAIN = 31337
FEED = checksum_address(f"0xfeed{1:036x}")
FINNEY = 10**15
KNOWN = ["instant", "granted"]
UNKNOWN = ["approval", "price_unknown"]


class Hands(Clock):
    """The machine's time, and what the test adds to it."""

    def __init__(self) -> None:
        self.added = 0
        super().__init__(lambda: wall_ms() + self.added, lambda: elapsed_ms() + self.added)

    def seconds(self) -> int:
        return self.now_ms() // 1000


def from_url(server: PriceServer) -> PriceSettings:
    return PriceSettings("eth", url=server.url, value="/data/0/amount")


def feed_code(
    answer: int,
    updated: int,
    *,
    decimals: int = 8,
    round_id: int = 7,
    answered_in: int | None = None,
) -> str:
    """A feed that always says the same."""
    told = round_id if answered_in is None else answered_in
    words = (round_id, answer % 2**256, updated, updated, told)
    return runtime({"feaf968c": b"".join(word(each) for each in words), "313ce567": word(decimals)})


@asynccontextmanager
async def chain_at(url: str) -> AsyncIterator[Chain]:
    chain = Chain(EndpointSettings(CHAIN, url, timeout_ms=2000))
    try:
        yield chain
    finally:
        await chain.close()


@pytest.fixture
def house(home: Home) -> Home:
    """A home where a vendor gets up to 30 USD of the coin, whose price nobody pinned."""
    text = home.policy_path.read_text()
    text = text.replace('price_usd = "3000"', 'price_max_age = "10m"')
    text = text.replace(f'to = ["{VENDOR}"]', f'to = ["{VENDOR}"]\nusd_max = "30"')
    put_policy(home, text)
    return home


@pytest.fixture
def servers() -> Iterator[list[PriceServer]]:
    """Two sources."""
    both = [PriceServer(), PriceServer()]
    yield both
    for each in both:
        each.stop()


@pytest.fixture
def server(servers: list[PriceServer]) -> PriceServer:
    return servers[0]


async def verdict(line: Line, finney: int = 10) -> list[str]:
    """What the agent would be told of a payment of so many thousandths of the coin."""
    pay = {"to": VENDOR, "value": hex(finney * FINNEY)}
    asked = {"method": "eth_sendTransaction", "params": [pay]}
    told = (await line.call("holdfast_check", [asked]))["result"]
    return [told["verdict"], *(each["code"] for each in told["reasons"])]


async def becomes(line: Line, wants: list[str], finney: int = 10) -> None:
    """Returns once the verdict is `wants`; what it is instead is in the failure."""
    told: list[str] = []
    try:
        async with asyncio.timeout(20):
            while (told := (await verdict(line, finney))[: len(wants)]) != wants:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(told) from None


async def alarms(guardian: Guardian, codes: list[str]) -> list[Json]:
    """The alarms about prices, once they are these."""
    operator = await guardian.operator()
    found: list[Json] = []
    try:
        async with asyncio.timeout(20):
            while True:
                found = (await operator.operate("status"))["health"]["prices"]
                if [each["code"] for each in found] == codes:
                    return found
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(found) from None


async def looked(server: PriceServer, hands: Hands) -> None:
    """Returns when the source was asked again, a minute later."""
    before = len(server.asked)
    hands.added += MINUTE
    async with asyncio.timeout(20):
        while len(server.asked) == before:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def report(guardian: Guardian) -> Json:
    """What the operator is told of the coin."""
    (eth,) = await (await guardian.operator()).operate("prices")
    return dict(eth)


async def command(house: Home, name: str) -> str:
    """What the command prints, with a line of headings."""
    asked = ("-m", "holdfast", name, "--home", str(house.path))
    process = await asyncio.create_subprocess_exec(sys.executable, *asked, stdout=PIPE)
    out, _ = await process.communicate()
    return out.decode()


async def test_a_live_price_decides_and_is_on_record(house: Home, server: PriceServer) -> None:
    server.says('"3000.000000000000000000"')
    async with serving(house, prices=(from_url(server),), hold_ms=50) as guardian:
        line = await guardian.agent()
        await becomes(line, KNOWN)
        assert (await verdict(line, 11))[0] == "deny"
        paying = asyncio.create_task(line.pay(VENDOR, 10 * FINNEY))
        (view,) = await guardian.until_open("authorising")
        (quote,) = view["facts"]["prices"]["eth"]
        assert quote["usd"] == "3000"
        await paying
        guardian.sign(view["id"])
        told = await report(guardian)
        assert (told["price_usd"], told["pinned"]) == ("3000", False)
        (source,) = told["sources"]
        assert source["usd"] == "3000"
        shown = await command(house, "prices")
        assert shown.split("\n")[1].split()[:5] == [
            "eth",
            str(CHAIN),
            "3000",
            source["source"],
            "3000",
        ]
        assert "secret" not in str(told)
        assert "key-of-mine" not in str(told)
    # The same after a replay of what is on disk, and by the prices of the new start.
    async with serving(house, prices=(from_url(server),)) as guardian:
        view = await (await guardian.operator()).operate("request", id=view["id"])
        assert view["facts"]["prices"]["eth"] == [quote]


async def test_the_price_falls_out_of_date_when_its_source_is_gone(
    house: Home, server: PriceServer
) -> None:
    server.says("3000")
    hands = Hands()
    async with serving(house, prices=(from_url(server),), clock=hands) as guardian:
        line = await guardian.agent()
        await becomes(line, KNOWN)
        server.body = None
        hands.added += 9 * MINUTE
        assert await verdict(line) == KNOWN
        (alarm,) = await alarms(guardian, ["price_source_down"])
        assert "cannot be reached" in alarm["text"]
        assert "secret" not in alarm["text"]
        hands.added += MINUTE + 1_000
        await becomes(line, UNKNOWN)
        await alarms(guardian, ["price_source_down"])
        hands.added += 6 * MINUTE
        (alarm,) = await alarms(guardian, ["price_stale"])
        assert alarm["text"].startswith("eth has had no price for ")
        assert "ALARM     eth has had no price for" in await command(house, "status")
        assert "UNKNOWN" in await command(house, "prices")
        server.says("3000")
        hands.added += MINUTE
        await becomes(line, KNOWN)
        await alarms(guardian, [])


@pytest.mark.parametrize(
    "said",
    [
        *("0", "-3000", "NaN", "Infinity", "1e400", "1E99", "0.0", "1e-99", "null", "true", "[]"),
        *('"0"', '"-3000"', '"NaN"', '"inf"', '"1e400"', '"3,000"', '" 3000"', '"0x10"', '"+3000"'),
        *('""', '"03000"', '"3000."', '".5"', '"٣٠٠٠"', "1" * 81, '"0.0000000000000000015"'),
        *('3000, "amount": 3000', "340282366920938463464", "{"),
    ],
)
async def test_what_is_no_price_is_unknown(house: Home, server: PriceServer, said: str) -> None:
    server.says(said)
    async with serving(house, prices=(from_url(server),)) as guardian:
        line = await guardian.agent()
        await fault(guardian)
        assert (await verdict(line))[:2] == UNKNOWN


async def fault(guardian: Guardian) -> str:
    """Why the only source gives no price, once it was asked."""
    async with asyncio.timeout(20):
        while True:
            (source,) = (await report(guardian))["sources"]
            assert source["usd"] is None
            if source["fault"] != "not checked yet":
                return str(source["fault"])
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("said", "price"),
    [
        ("3000.12", "3000.12"),
        ('"3.00012e3"', "3000.12"),
        ("8.61e-06", "0.00000861"),
        ("0.1234567890123456789", "0.123456789012345679"),
        ("2.0000000000000000001", "2.000000000000000001"),
        ("9007199254740993", "9007199254740993"),
    ],
)
async def test_prices_are_read_exactly_and_rounded_up(
    house: Home, server: PriceServer, said: str, price: str
) -> None:
    server.says(said)
    async with serving(house, prices=(from_url(server),)) as guardian:
        async with asyncio.timeout(20):
            while (told := (await report(guardian))["price_usd"]) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert told == price


async def test_an_answer_out_of_bounds_is_no_price(house: Home, server: PriceServer) -> None:
    sound = b'{"data": [{"amount": 3000}]}'
    elsewhere = PriceServer(sound)
    try:
        for status, body, headers, words in [
            (302, sound, {"location": elsewhere.url}, "redirects"),
            (500, sound, {}, "status 500"),
            (200, sound + b" " * (64 << 10), {}, "more than"),
            (200, b"[" * (60 << 10), {}, "JSON"),
            (200, b"\xff\xfe", {}, "JSON"),
            (200, b'{"data": {"0": {"amount": [3000]}}}', {}, "no number"),
        ]:
            server.status, server.body, server.headers = status, body, headers
            async with serving(house, prices=(from_url(server),)) as guardian:
                assert words in await fault(guardian)
        assert elsewhere.asked == []
    finally:
        elsewhere.stop()


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("0.0.0.0", "224.0.0.1", "[::1]", "[fe80::1]", "[fc00::1]", "[::ffff:127.0.0.1]"),
        *("[64:ff9b::a00:1]", "[2002:a00:1::]"),
    ],
)
async def test_the_operators_own_network_is_not_asked(house: Home, host: str) -> None:
    source = PriceSettings("eth", url=f"https://{host}/price", value="/data")
    async with serving(house, prices=(source,)) as guardian:
        assert "not public" in await fault(guardian)


async def test_of_two_sources_the_dearer_counts_and_both_can_be_asked_for(
    house: Home, servers: list[PriceServer]
) -> None:
    text = house.policy_path.read_text()
    put_policy(
        house, text.replace('price_max_age = "10m"', 'price_max_age = "10m"\nprice_sources_min = 2')
    )
    one, other = servers
    one.says("3000")
    other.says("2000")
    hands = Hands()
    sources = (from_url(one), from_url(other))
    async with serving(house, prices=sources, clock=hands) as guardian:
        line = await guardian.agent()
        await becomes(line, KNOWN)
        assert (await verdict(line, 11))[0] == "deny"
        told = await report(guardian)
        assert (told["price_usd"], told["price_low_usd"]) == ("3000", "2000")
        # A lie of one source can only make it stricter.
        one.says("1")
        await looked(one, hands)
        await becomes(line, ["instant"], 15)
        assert (await verdict(line, 16))[0] == "deny"
        other.body = None
        hands.added += 11 * MINUTE
        await becomes(line, UNKNOWN)


async def test_a_price_that_jumps_counts_alone_when_it_is_said_twice(
    house: Home, server: PriceServer
) -> None:
    server.says("3000")
    hands = Hands()
    async with serving(house, prices=(from_url(server),), clock=hands) as guardian:
        line = await guardian.agent()
        await becomes(line, KNOWN)
        # Half is no jump, and counts at once.
        server.says("1500")
        await looked(server, hands)
        await becomes(line, KNOWN, 20)
        server.says("600")
        await looked(server, hands)
        await becomes(line, UNKNOWN)
        (alarm,) = await alarms(guardian, ["price_jump"])
        assert "from 1500 to 600 USD" in alarm["text"]
        # Another one is not the same said twice.
        server.says("60")
        await looked(server, hands)
        await alarms(guardian, ["price_jump"])
        await becomes(line, UNKNOWN)
        server.says("61")
        await looked(server, hands)
        await becomes(line, KNOWN, 400)
        await alarms(guardian, [])
        # What goes back to where it was is believed at once.
        server.says("3000")
        await looked(server, hands)
        await becomes(line, UNKNOWN)
        server.says("60")
        await looked(server, hands)
        await becomes(line, KNOWN, 400)


async def test_a_feed_of_the_chain_is_a_source(house: Home, anvil: Anvil) -> None:
    hands = Hands()
    source = PriceSettings("eth", chain=CHAIN, feed=FEED)
    place_contract(anvil, FEED, feed_code(3000 * 10**8, hands.seconds()))
    proxy = NodeProxy(anvil.url)
    try:
        async with (
            chain_at(proxy.url) as chain,
            serving(house, node=chain, prices=(source,), clock=hands) as guardian,
        ):
            line = await guardian.agent()
            await becomes(line, KNOWN)
            assert (await verdict(line, 11))[0] == "deny"
            # It is as old as the feed says, however often it is read.
            hands.added += 11 * MINUTE
            await becomes(line, UNKNOWN)
            (told,) = (await report(guardian))["sources"]
            assert told["age_ms"] >= 11 * MINUTE
            place_contract(anvil, FEED, feed_code(3000 * 10**8, hands.seconds()))
            hands.added += MINUTE
            await becomes(line, KNOWN)
            # Its node is gone.
            proxy.hook = lambda _call, _forward: None
            hands.added += 10 * MINUTE
            await becomes(line, UNKNOWN)
    finally:
        proxy.stop()


BAD_FEEDS = {
    "zero": {"answer": 0},
    "negative": {"answer": -1},
    "huge": {"answer": 2**255 - 1},
    "future": {"ahead": 120},
    "never": {"updated": 0},
    "round": {"round_id": 0},
    "answered": {"answered_in": 6},
    "decimals": {"decimals": 19},
    "wide": {"round_id": 2**80},
}


@pytest.mark.parametrize("fault_of", [*BAD_FEEDS, "empty", "short"])
async def test_a_feed_with_a_fault_is_no_price(house: Home, anvil: Anvil, fault_of: str) -> None:
    hands = Hands()
    told: dict[str, int] = {"answer": 3000 * 10**8, "updated": hands.seconds()}
    bad = dict(BAD_FEEDS.get(fault_of, {}))
    told["updated"] += bad.pop("ahead", 0)
    code = feed_code(**(told | bad))
    if fault_of == "short":
        code = runtime({"feaf968c": word(1) * 4, "313ce567": word(8)})
    if fault_of != "empty":
        place_contract(anvil, FEED, code)
    source = PriceSettings("eth", chain=CHAIN, feed=FEED)
    async with (
        chain_at(anvil.url) as chain,
        serving(house, node=chain, prices=(source,), clock=hands) as guardian,
    ):
        await fault(guardian)
        assert (await verdict(await guardian.agent()))[:2] == UNKNOWN


async def test_a_source_of_nothing_is_an_alarm_and_a_pinned_price_needs_none(
    home: Home, server: PriceServer
) -> None:
    server.says("1")
    unused = PriceSettings("eht", url=server.url, value="/data/0/amount")
    async with serving(home, prices=(unused, from_url(server))) as guardian:
        (alarm,) = await alarms(guardian, ["price_unused"])
        assert "`eht`" in alarm["text"]
        told = await report(guardian)
        assert (told["price_usd"], told["pinned"]) == ("3000", True)
        assert server.asked == []


async def test_a_new_policy_is_followed_at_once(home: Home, server: PriceServer) -> None:
    server.says("3000")
    async with serving(home, prices=(from_url(server),)) as guardian:
        line = await guardian.agent()
        assert await verdict(line) == KNOWN
        text = home.policy_path.read_text().replace('price_usd = "3000"\n', "")
        text = text.replace(f'to = ["{VENDOR}"]', f'to = ["{VENDOR}"]\nusd_max = "30"')
        put_policy(home, text)
        await (await guardian.operator()).operate("reload")
        await becomes(line, KNOWN)
        assert len(server.asked) >= 1


async def test_after_a_start_a_request_waits_for_the_first_price(
    house: Home, server: PriceServer
) -> None:
    """It was decided long ago and is decided again before anybody could look."""
    server.says("3000")
    async with serving(house, prices=(from_url(server),), hold_ms=50) as guardian:
        line = await guardian.agent()
        await becomes(line, KNOWN)
        await line.pay(VENDOR, 10 * FINNEY)
        (view,) = await guardian.until_open("authorising")
    server.says("3001")
    async with serving(house, prices=(from_url(server),)) as guardian:
        again = await guardian.inside.facts.of_request(view["id"], guardian.asked(view))
        assert [each["usd"] for each in json.loads(str(again))["prices"]["eth"]] == ["3001"]


async def test_a_source_that_goes_quiet_counts_no_longer_at_once(
    house: Home, anvil: Anvil, server: PriceServer
) -> None:
    """Two feeds that one node reads are one witness, however fresh they are."""
    text = house.policy_path.read_text()
    put_policy(
        house, text.replace('price_max_age = "10m"', 'price_max_age = "10m"\nprice_sources_min = 2')
    )
    other_feed = checksum_address(f"0xfeed{2:036x}")
    feeds = (FEED, other_feed)
    server.says("3000")
    hands = Hands()
    sources = [PriceSettings("eth", chain=CHAIN, feed=each, every_seconds=480) for each in feeds]

    def told() -> None:
        for each in feeds:
            place_contract(anvil, each, feed_code(3000 * 10**8, hands.seconds()))

    told()
    async with chain_at(anvil.url) as chain:
        serves = serving(house, node=chain, prices=(*sources, from_url(server)), clock=hands)
        async with serves as guardian:
            line = await guardian.agent()
            await becomes(line, KNOWN)
            server.body = None
            hands.added += 8 * MINUTE
            told()
            hands.added += 1_000

            async with asyncio.timeout(20):
                while any(  # noqa: ASYNC110
                    each["age_ms"] > MINUTE for each in (await report(guardian))["sources"][:2]
                ):
                    await asyncio.sleep(0.02)
            assert await verdict(line) == KNOWN
            hands.added += 2 * MINUTE
            assert (await verdict(line))[: len(UNKNOWN)] == UNKNOWN
