"""A clock that is wrong empties no limit and loosens no deadline.

It is said everywhere, and is put right by a chain or by the operator; through restarts too.
"""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from tests.service.alerts.conftest import Events
from tests.service.alerts.receivers import HttpReceiver
from tests.service.guardian.test_restart import daemon
from tests.service.in_process import (
    OPERATOR_PASSPHRASE,
    SHOP,
    VENDOR,
    WALLETS_PASSPHRASE,
    Guardian,
    make_home,
    serving,
)
from tests.support.anvil import Anvil
from tests.support.operator_cli import holdfast

from holdfast.cli.link import Link
from holdfast.service.alerts.routes import Route, Severity
from holdfast.service.chain.chain import Chains
from holdfast.service.chain.endpoint import EndpointSettings
from holdfast.service.home.folder import Home
from holdfast.service.journal.open import open_reader
from holdfast.service.journal.verify import verify
from holdfast.service.new_home import Init, init_home
from holdfast.service.runtime.clock import Clock, elapsed_ms, wall_ms

DAY = 86_400_000
HOUR = 3_600_000


def at(days: float = 0.0) -> Clock:
    """A clock whose wall is so many days away from this machine's."""
    return Clock(lambda: wall_ms() + round(days * DAY), elapsed_ms)


async def pay(guardian: Guardian, value: int) -> str:
    """A payment that is carried out and final, or the code of its denial."""
    line = await guardian.agent()
    sent = {"method": "eth_sendTransaction", "params": [{"to": VENDOR, "value": hex(value)}]}
    answer = (await line.call("holdfast_submit", [sent]))["result"]
    if answer["status"] != "pending":
        return str(answer["reasons"][0]["code"])
    await guardian.carry_out(answer["requestId"])
    outcome = {"outcome": "confirmed", "gas_used": 21_000, "fee_wei": "1", "proved": True}
    guardian.core.settle(answer["requestId"], json.dumps(outcome).encode())
    await guardian.core.durable()
    return "paid"


async def conditions(guardian: Guardian) -> list[str]:
    line = await guardian.operator()
    status = await line.operate("status")
    return [each["code"] for each in status["health"]["conditions"]]


def mine_at(anvil: Anvil, ms: int) -> None:
    anvil.call("evm_setNextBlockTimestamp", hex(ms // 1000))
    anvil.call("evm_mine")


async def look(guardian: Guardian, anvil: Anvil) -> Chains:
    """The guardian's chain is there, and is looked at once."""
    chains = Chains([EndpointSettings(31337, anvil.url)])
    guardian.inside.clock.take(chains)
    await guardian.inside.clock.look()
    return chains


async def make_ahead(home: Home) -> None:
    """The end of the journal is two days ahead.

    What an earlier version did with a clock that was wrong when it started.
    """
    async with serving(home, clock=at(2)) as guardian:
        guardian.core.clock.confirm([wall_ms() + 2 * DAY])
        await pay(guardian, 1)


async def test_a_clock_two_days_ahead_at_the_start_empties_no_limit(
    tmp_path: Path, anvil: Anvil
) -> None:
    home = make_home(tmp_path, count=1)
    async with serving(home) as guardian:
        assert await pay(guardian, 1) == "paid"
        assert await pay(guardian, 2) == "limit_exceeded"
    async with serving(home, clock=at(2)) as guardian:
        assert await pay(guardian, 3) == "limit_exceeded"
        assert await conditions(guardian) == ["clock_unconfirmed"]
        # The chain knows nothing of two days, so the limit stays as it is.
        chains = await look(guardian, anvil)
        assert await pay(guardian, 4) == "limit_exceeded"
        assert await conditions(guardian) == ["clock_unconfirmed"]
        await chains.stop()
    assert verify(home.path).ok


async def test_a_restart_after_two_days_goes_on_once_a_chain_confirms_it(
    tmp_path: Path, anvil: Anvil
) -> None:
    home = make_home(tmp_path, count=1)
    async with serving(home) as guardian:
        assert await pay(guardian, 1) == "paid"
    mine_at(anvil, wall_ms() + 2 * DAY - 12_000)
    async with serving(home, clock=at(2)) as guardian:
        assert await pay(guardian, 2) == "limit_exceeded"
        chains = await look(guardian, anvil)
        assert await conditions(guardian) == []
        assert await pay(guardian, 3) == "paid"
        assert await pay(guardian, 4) == "limit_exceeded"
        await chains.stop()
    # Stopped and started again, it goes on from there.
    async with serving(home, clock=at(2)) as guardian:
        assert await conditions(guardian) == []
        assert await pay(guardian, 5) == "limit_exceeded"
    assert verify(home.path).ok


def test_an_ordinary_start_after_two_days_is_confirmed_with_the_nodes_first_answer(
    tmp_path: Path, anvil: Anvil, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real daemon, with a home whose journal ends two days ago."""
    with monkeypatch.context() as then:
        now = time.time_ns
        then.setattr(time, "time_ns", lambda: now() - 2 * DAY * 1_000_000)
        secrets = bytearray(WALLETS_PASSPHRASE), bytearray(OPERATOR_PASSPHRASE)
        made = init_home(Home(tmp_path / "home"), Init(*secrets, kdf="light", rpc_url=anvil.url))
    with daemon(made.home) as served, Link(made.home.operator_socket) as link:
        begun = time.monotonic()
        while (found := link.object("clock"))["state"] != "confirmed":
            assert time.monotonic() - begun < 10, found
        assert abs(found["now_ms"] - wall_ms()) < 5_000
        assert abs(found["chains"][0]["block_ms"] - wall_ms()) < 60_000
        assert link.object("status")["health"]["conditions"] == []
        assert served.end() == 0
    assert verify(made.home.path).ok


async def test_a_chain_that_was_idle_confirms_only_up_to_its_newest_block(
    tmp_path: Path, anvil: Anvil
) -> None:
    home = make_home(tmp_path, count=1)
    async with serving(home) as guardian:
        assert await pay(guardian, 1) == "paid"
    begun = wall_ms()
    mine_at(anvil, begun + HOUR)
    async with serving(home, clock=at(2)) as guardian:
        chains = await look(guardian, anvil)
        assert begun + HOUR <= guardian.core.clock.now_ms() < begun + 2 * HOUR
        assert await conditions(guardian) == ["clock_unconfirmed"]
        assert await pay(guardian, 2) == "limit_exceeded"
        # Close enough to be no condition, and followed to the end with the next block.
        mine_at(anvil, begun + 2 * DAY - 90_000)
        await guardian.inside.clock.look()
        assert await conditions(guardian) == []
        assert guardian.core.clock.now_ms() < wall_ms() + 2 * DAY - 20_000
        mine_at(anvil, begun + 2 * DAY)
        await guardian.inside.clock.look()
        assert abs(guardian.core.clock.now_ms() - wall_ms() - 2 * DAY) < 1_000
        assert await pay(guardian, 3) == "paid"
        await chains.stop()


async def test_a_wall_clock_that_is_put_right_while_running_is_followed_with_the_chain(
    tmp_path: Path, anvil: Anvil
) -> None:
    days = [-1.0]
    wall = Clock(lambda: wall_ms() + round(days[0] * DAY), elapsed_ms)
    home = make_home(tmp_path)
    async with serving(home, clock=wall) as guardian:
        assert await conditions(guardian) == ["clock_ahead"]
        days[0] = 1.0
        await guardian.inside.clock.look()
        assert await conditions(guardian) == ["clock_unconfirmed"]
        mine_at(anvil, wall_ms() + DAY)
        chains = await look(guardian, anvil)
        assert abs(guardian.core.clock.now_ms() - wall_ms() - DAY) < 5_000
        assert await conditions(guardian) == []
        await chains.stop()


async def test_a_guardian_that_is_ahead_says_so_everywhere_until_the_operator_sets_its_clock(
    tmp_path: Path,
) -> None:
    home = make_home(tmp_path, count=2)
    await make_ahead(home)
    async with serving(home) as guardian:
        assert await conditions(guardian) == ["clock_ahead"]
        status = await holdfast(home, "status")
        assert status.code == 1
        assert "action clock_ahead: the guardian's time is " in status.out
        assert "`holdfast clock set`" in status.out
        said = await holdfast(home, "clock", "--json")
        assert json.loads(said.out)["state"] == "ahead"
        done = await holdfast(home, "clock", "set")
        assert done.code == 0, done.err
        assert abs(guardian.core.clock.now_ms() - wall_ms()) < 5_000
        assert (await holdfast(home, "status")).code == 0
        assert "the guardian's time is the system's clock" in (await holdfast(home, "clock")).out
        # What was posted two days ahead still counts, and what comes now too.
        assert await pay(guardian, 2) == "paid"
        assert await pay(guardian, 3) == "limit_exceeded"
    async with serving(home) as guardian:
        assert await conditions(guardian) == []
        assert await pay(guardian, 4) == "limit_exceeded"
    assert verify(home.path).ok


async def test_an_operator_confirms_a_jump_that_no_chain_can(tmp_path: Path) -> None:
    home = make_home(tmp_path, count=1)
    async with serving(home) as guardian:
        assert await pay(guardian, 1) == "paid"
    async with serving(home, clock=at(2)) as guardian:
        assert await conditions(guardian) == ["clock_unconfirmed"]
        line = await guardian.operator()
        signed = guardian.command("clock", to_ms=wall_ms() + 2 * DAY)
        await line.operate("command", **signed)
        assert await conditions(guardian) == []
        assert await pay(guardian, 2) == "paid"
        again = await line.operate_raw("command", signed)
        assert again["error"]["code"] == "expired"
    assert verify(home.path).ok


@pytest.mark.parametrize("days", [2, -2])
async def test_an_operator_decides_while_the_clocks_are_apart(tmp_path: Path, days: int) -> None:
    """Commands expire by the guardian's time, and the command line asks for it."""
    home = make_home(tmp_path)
    async with serving(home, clock=at(days)) as guardian:
        assert len(await conditions(guardian)) == 1
        line = await guardian.agent()
        sent = {"method": "eth_sendTransaction", "params": [{"to": SHOP, "value": "0x1"}]}
        request = (await line.call("holdfast_submit", [sent]))["result"]["requestId"]
        digest = json.loads(guardian.core.guard.request(request) or b"")["digest"]
        approved = await holdfast(home, "approve", request, "--digest", digest)
        assert approved.code == 0, approved.err
        assert request in guardian.core.guard.authorising()
        frozen = await holdfast(home, "freeze")
        assert frozen.code == 0, frozen.err


async def test_a_permit_that_is_long_by_the_system_clock_waits_for_a_person(tmp_path: Path) -> None:
    rule = '[[rule]]\nid = "permits"\neffects = ["transfer"]\nassets = ["usd"]\ntier = "instant"\n'
    asset = (
        '[[asset]]\nid = "usd"\nchain = 31337\naddress = '
        '"0x5FbDB2315678afecb367f032d93F642f64180aa3"\ndecimals = 6\nsymbol = "USD"\n'
        'price_usd = "1"\n'
    )
    home = make_home(tmp_path, more=asset + rule)
    await make_ahead(home)
    async with serving(home) as guardian:
        ends = guardian.core.clock.now_ms() // 1000 + 60
        assert await _reasons(guardian, ends) == ["long_lived", "granted"]
        done = await holdfast(home, "clock", "set")
        assert done.code == 0, done.err
        assert await _reasons(guardian, ends) == ["long_lived", "granted"]
        assert await _reasons(guardian, wall_ms() // 1000 + 600) == ["granted"]


async def _reasons(guardian: Guardian, ends: int) -> list[str]:
    """Why a permit that ends then is judged as it is."""
    line = await guardian.agent()
    wallet = guardian.core.guard.agent("agent")
    assert wallet is not None
    holder = json.loads(wallet)["wallets"][0]
    params = [holder, _permit(holder, ends)]
    checked = await line.call(
        "holdfast_check", [{"method": "eth_signTypedData_v4", "params": params}]
    )
    return [each["code"] for each in checked["result"]["reasons"]]


def _permit(holder: str, ends: int) -> dict[str, Any]:
    names = "from:address to:address value:uint256 validAfter:uint256 validBefore:uint256"
    fields = [each.split(":") for each in f"{names} nonce:bytes32".split()]
    domain = [("name", "string"), ("chainId", "uint256"), ("verifyingContract", "address")]
    return {
        "types": {
            "EIP712Domain": [{"name": name, "type": kind} for name, kind in domain],
            "TransferWithAuthorization": [{"name": name, "type": kind} for name, kind in fields],
        },
        "primaryType": "TransferWithAuthorization",
        "domain": {
            "name": "USD",
            "chainId": 31337,
            "verifyingContract": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
        },
        "message": {
            "from": holder,
            "to": VENDOR,
            "value": "5",
            "validAfter": "0",
            "validBefore": str(ends),
            "nonce": "0x" + "07" * 32,
        },
    }


async def test_no_condition_of_the_clock_is_silent_in_an_alert(tmp_path: Path) -> None:
    http, events = HttpReceiver(), Events(tmp_path)
    try:
        alerts = events.start(Route("web", http.url, min_severity=Severity.WARNING))
        home = make_home(tmp_path)
        days = [-2.0]
        wall = Clock(lambda: wall_ms() + round(days[0] * DAY), elapsed_ms)
        async with serving(home, clock=wall) as guardian:
            guardian.inside.health.conditions.listen(alerts.condition)
            days[0] = 2.0
            guardian.inside.clock.check()
            told = await asyncio.to_thread(http.arrivals.wait_for, 2)
        assert [each["title"] for each in told] == [
            "Holdfast: clock ahead",
            "Holdfast: clock unconfirmed",
        ]
        assert all("Next: " in each["body"] and "clock set" in each["body"] for each in told)
    finally:
        events.stop()
        http.stop()


async def test_a_restart_while_ahead_or_unconfirmed_keeps_what_it_knew(tmp_path: Path) -> None:
    home = make_home(tmp_path, count=2)
    await make_ahead(home)
    for _ in range(2):
        async with serving(home) as guardian:
            assert await conditions(guardian) == ["clock_ahead"]
            assert guardian.core.clock.now_ms() > wall_ms() + DAY
    for _ in range(2):
        async with serving(home, clock=at(5)) as guardian:
            assert await conditions(guardian) == ["clock_unconfirmed"]
            assert guardian.core.clock.now_ms() < wall_ms() + 3 * DAY
    reader = open_reader(home.journal_path)
    times = [json.loads(each)["at"] for each in reader.records(0, 1_000)]
    reader.close()
    assert times == sorted(times)
