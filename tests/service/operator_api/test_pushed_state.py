"""What is pushed for an event is the state that the event led to, as the core has it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.service.in_process import (
    SHOP,
    STRANGER,
    VENDOR,
    Guardian,
    Json,
    Line,
    make_home,
    serving,
)

from holdfast._core import EVENT_KINDS, SEVERITIES, AuthoriseFacts, Guard, event_severity
from holdfast.service.home.folder import Home
from holdfast.service.runtime.clock import Clock, wall_ms

SOON = "0x976EA74026E726554dB657fA54763abd0C3a0aa9"
DELAYED = f"""
[[rule]]
id = "soon"
effects = ["transfer"]
assets = ["eth"]
to = ["{SOON}"]
tier = "delay"
delay = "5m"
"""
MINUTE_MS = 60_000
# Not of this test: what no request comes of, what a signed call joins, and what a start does.
ELSEWHERE = {"request.refused", "request.attached", "request.reopened"}
NO_ROWS = ("guardian.", "policy.", "config.", "nonce.", "clock.", "answers.", "request.refused")


class Time:
    """The guardian's clock, set forward by hand."""

    def __init__(self) -> None:
        self.passed = 0
        self.clock = Clock(lambda: wall_ms() + self.passed, lambda: wall_ms() + self.passed)


class Follower:
    """A subscriber that keeps what it is told, and rules of nothing."""

    def __init__(self, line: Line, last: int) -> None:
        self.line = line
        self.pushes: list[Json] = []
        self.known: dict[str, Json] = {}
        self._last = last

    @classmethod
    async def of(cls, guardian: Guardian, **params: Any) -> "Follower":
        line = await guardian.operator()
        answer = await line.operate("subscribe", **params)
        return cls(line, params.get("from_seq", answer["seq"]))

    async def read(self, guardian: Guardian, *, states: bool = False) -> None:
        """All events that are on disk, and with `states` the line that follows old ones."""
        await guardian.core.durable()
        end = guardian.core.durable_size - 1
        while self._last < end or states:
            push = self.line.pushes.pop(0) if self.line.pushes else await self.line.json()
            if "event" in push:
                self._last = push["event"]["seq"]
            states = states and not ("event" not in push and "requests" in push)
            self.pushes.append(push)
            for row in push.get("requests", []):
                self.known[row["id"]] = row

    @property
    def kinds(self) -> set[str]:
        return {push["event"]["kind"] for push in self.pushes if "event" in push}


def members(row: Json, view: Json) -> Json:
    """What the view has in the members of the row."""
    view = {"released": "guardian", **view}
    return {"as_of": row["as_of"]} | {name: view[name] for name in row if name != "as_of"}


async def agrees(follower: Follower, guardian: Guardian) -> None:
    """The last that was pushed of each request is what `request` shows."""
    await follower.read(guardian)
    asking = await guardian.operator()
    for name in {*guardian.core.guard.open_requests(), *follower.known}:
        view = await asking.operate("request", id=name)
        assert follower.known[name] == members(follower.known[name], view), name


async def asked(line: Line, to: str, value: int) -> str:
    """A payment that its agent has to ask for again; gives its id."""
    return str((await line.pay(to, value))["error"]["data"]["requestId"])


@asynccontextmanager
async def followed(folder: Path) -> AsyncIterator[tuple[Guardian, Follower, Time]]:
    time = Time()
    home = make_home(folder, more=DELAYED)
    async with serving(home, hold_ms=20, clock=time.clock) as guardian:
        yield guardian, await Follower.of(guardian), time


async def command(guardian: Guardian, action: Any, name: str) -> None:
    """An operator answers."""
    view = json.loads(guardian.core.guard.request(name) or b"null")
    signed = guardian.command(action, request=name, digest=view["digest"])
    await (await guardian.operator()).operate("command", **signed)


def settle(guardian: Guardian, name: str, outcome: str, **more: Any) -> None:
    end = {"outcome": outcome, "proved": True, **more}
    if outcome != "dropped":
        end |= {"fee_wei": "21000", "gas_used": 21_000, "block_number": 7}
    guardian.core.settle(name, json.dumps(end).encode())


async def lives(guardian: Guardian, follower: Follower, time: Time) -> None:
    """Requests through every state there is."""
    agent, other = await guardian.agent(), await guardian.agent("other")

    async def step() -> None:
        await agrees(follower, guardian)

    # At once, and every end on the chain.
    for value, outcome in enumerate(("confirmed", "reverted", "dropped"), 1):
        name = await asked(agent, VENDOR, value)
        await step()
        await guardian.carry_out(name)
        await step()
        settle(guardian, name, outcome)
        await step()
    failed = await asked(agent, VENDOR, 4)
    guardian.core.fail(failed, "would_fail", "it reverts")
    await agent.pay(STRANGER, 5)
    await step()
    # By people and by time.
    denied, expired, held = [await asked(agent, SHOP, value) for value in (6, 7, 8)]
    cancelled, delayed = await asked(agent, SHOP, 9), await asked(agent, SOON, 10)
    await step()
    await command(guardian, "deny", denied)
    guardian.core.cancel(cancelled, "agent")
    await command(guardian, "approve", held)
    await step()
    time.passed += 6 * MINUTE_MS
    guardian.core.tick()
    await step()
    assert follower.known[delayed]["state"] == "authorising"
    time.passed += 6 * MINUTE_MS
    guardian.core.tick()
    await step()
    assert follower.known[expired]["state"] == "expired"
    guardian.sign(held)
    await step()
    guardian.core.hold(held, "no node took it")
    await step()
    await command(guardian, "approve", held)
    await step()
    guardian.core.sent(held, "accepted", "")
    await step()
    # Other bytes for the same nonce.
    await guardian.replace("bump", held, 30)
    await step()
    await guardian.replace("cancel", held, 40)
    await step()
    assert follower.known[held]["cancelling"] is True
    settle(guardian, held, "cancelled", hash=follower.known[held]["hash"])
    await step()
    # A freeze of one agent ends, holds and covers; the other agent's request goes on.
    words = ["0x68690a", json.loads(guardian.core.guard.request(held) or b"")["wallet"]]
    message = await agent.call("personal_sign", words)
    waiting = await asked(agent, SHOP, 11)
    signed, sent = [await asked(agent, VENDOR, value) for value in (12, 13)]
    others = await asked(other, SHOP, 14)
    await command(guardian, "approve", message["error"]["data"]["requestId"])
    guardian.sign(message["error"]["data"]["requestId"])
    await guardian.carry_out(sent)
    guardian.sign(signed)
    await step()
    scope = {"kind": "agent", "id": "agent"}
    operator = await guardian.operator()
    seq = (await operator.operate("freeze", scope=scope, reason="odd", actor="me"))["freeze"]
    await step()
    covered = {name for name, row in follower.known.items() if row["frozen_by"] == seq}
    assert covered == {signed, sent}, "of all else nothing can be stopped, or it is not in scope"
    assert follower.known[others]["state"] == "waiting-approval"
    assert follower.known[waiting]["state"] == "frozen"
    assert follower.known[signed]["state"] == "held"
    await operator.operate("command", **guardian.command("thaw", freeze=seq))
    await step()
    assert follower.known[sent]["frozen_by"] is None
    await command(guardian, "deny", signed)
    await agent.call("holdfast_status", [{"requestId": denied}])
    await agent.pay(SHOP, 6)
    await step()


async def test_after_every_event_the_pushed_state_is_what_the_request_shows(
    tmp_path: Path,
) -> None:
    async with followed(tmp_path) as (guardian, follower, time):
        await lives(guardian, follower, time)
        expected = {kind for kind in EVENT_KINDS if kind.startswith("request.")} - ELSEWHERE
        assert follower.kinds >= expected | {"freeze.set", "freeze.lifted"}
        # And not only in the end: the journal up to each event leads to what was pushed with it.
        records = guardian.inside.reader.records(0, guardian.core.durable_size)
        for push in follower.pushes:
            if "event" not in push:
                continue
            event, rows = push["event"], push.get("requests", [])
            assert bool(rows) is not event["kind"].startswith(NO_ROWS), event
            then = Guard.replay(records[: event["seq"] + 1])
            for row in rows:
                assert row["as_of"] == event["seq"]
                view = json.loads(then.request(row["id"]) or b"null")
                assert row == members(row, view), event


async def test_after_a_reconnect_the_states_are_those_of_now(tmp_path: Path) -> None:
    async with followed(tmp_path) as (guardian, follower, time):
        await lives(guardian, follower, time)
        again = await Follower.of(guardian, from_seq=0)
        await again.read(guardian, states=True)
        events = [push["event"]["seq"] for push in again.pushes if "event" in push]
        assert events == list(range(1, guardian.core.durable_size))
        assert not any("requests" in push for push in again.pushes if "event" in push)
        assert again.known.keys() >= follower.known.keys()
        assert {row["as_of"] for row in again.known.values()} == {events[-1]}
        await agrees(again, guardian)
        # What comes now is told as it comes.
        name = await asked(await guardian.agent("other"), SHOP, 15)
        await agrees(again, guardian)
        assert again.known[name]["state"] == "waiting-approval"


async def test_a_start_that_voids_an_order_shows_the_request_as_it_is(home: Home) -> None:
    async with serving(home, hold_ms=20) as guardian:
        name = await asked(await guardian.agent(), VENDOR, 1)
        facts = AuthoriseFacts(
            gas=21_000,
            max_fee_per_gas=2 * 10**9,
            max_priority_fee_per_gas=10**9,
            chain_nonce=0,
        )
        guardian.core.authorise(name, facts)
        await guardian.core.durable()
        last = guardian.core.durable_size - 1
    async with serving(home, hold_ms=20) as guardian:
        guardian.core.started("test")
        again = await Follower.of(guardian, from_seq=last)
        await again.read(guardian, states=True)
        assert "request.reopened" in again.kinds
        assert again.known[name]["state"] == "authorising"
        assert again.known[name]["nonce"] is None
        await agrees(again, guardian)


async def test_a_sealed_guardian_pushes_no_state_that_is_not_on_disk(home: Home) -> None:
    async with serving(home, hold_ms=20) as guardian:
        name = await asked(await guardian.agent(), VENDOR, 1)
        await guardian.core.durable()
        line = await guardian.operator()
        # In memory it failed; the disk never hears of it.
        guardian.core.fail(name, "would_fail", "it reverts")
        guardian.core.seal("the disk is gone")
        await line.operate("subscribe", from_seq=0)
        pushes = [*line.pushes]
        while not any("health" in push for push in pushes):
            pushes.append(await line.json())
        assert any(push["event"]["kind"] == "request.decided" for push in pushes if "event" in push)
        assert not any("requests" in push for push in pushes)


async def test_an_event_is_pushed_with_the_severity_its_alert_has(tmp_path: Path) -> None:
    async with followed(tmp_path) as (guardian, follower, time):
        await lives(guardian, follower, time)
        records = guardian.inside.reader.records(0, guardian.core.durable_size)
        again = await Follower.of(guardian, from_seq=0)
        await again.read(guardian)
        for push in (*follower.pushes, *again.pushes):
            if "event" in push:
                severity = push.get("severity")
                assert severity == event_severity(records[push["event"]["seq"]])
                assert severity is None or severity in SEVERITIES
        severities = {push.get("severity") for push in again.pushes}
        assert severities == {None, *SEVERITIES}
