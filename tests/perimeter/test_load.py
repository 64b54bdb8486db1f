"""Load from one agent never reaches another.

What is denied costs little, agents take turns, the operator comes first, and a full disk stops
agents and not the stop.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.service.in_process import (
    SHOP,
    STRANGER,
    VENDOR,
    Guardian,
    frame,
    make_home,
    put_policy,
    serving,
)

from holdfast.codes import Code
from holdfast.operator.client import OperatorClient
from holdfast.operator.decision import cannot_approve
from holdfast.operator.model import Model
from holdfast.service.agents.agent import Agent
from holdfast.service.agents.budgets import Budgets
from holdfast.service.agents.settings import GateConfig, ReadsConfig
from holdfast.service.home.folder import Home
from holdfast.service.journal.open import open_reader
from holdfast.service.runtime.clock import Clock
from holdfast.service.runtime.turns import Turns

REPO = Path(__file__).parents[2]
DENIED_BYTES_MAX = 3_328
LINE_BYTES_MAX = 300 * 1024
DATA_BYTES = 131_000
# Allowed payments at 6,000 requests a minute, so that budgets are those of config.toml.
PLAIN_RATE = ("requests_per_minute = 10_000_000", "requests_per_minute = 6_000")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A new home with the service's policy."""
    return make_home(tmp_path)


def large_call(number: int = 0, size: int = DATA_BYTES) -> list[Any]:
    """Call data of `size` bytes that nothing grants."""
    return [{"to": STRANGER, "value": "0x1", "data": "0x" + f"{number:08x}" + "ab" * (size - 4)}]


def records(home: Home) -> list[bytes]:
    reader = open_reader(home.journal_path)
    try:
        return reader.records(0, 1_000_000)
    finally:
        reader.close()


def at_rate(home: Home) -> Home:
    put_policy(home, home.policy_path.read_text().replace(*PLAIN_RATE))
    return home


# --- what is denied costs little ----


async def test_a_denied_call_leaves_a_hash_and_its_beginning(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        for number, size in enumerate((1_000, 40_000, 131_000)):
            answer = await line.call("eth_sendTransaction", large_call(number, size))
            assert answer["error"]["code"] == 4001
        name = answer["error"]["data"]["requestId"]
        view = await (await guardian.operator()).operate("request", id=name)
        await guardian.core.durable()
    denied = [each for each in records(home) if b'"kind":"request.decided"' in each]
    assert len(denied) == 3
    assert max(map(len, denied)) <= DENIED_BYTES_MAX
    assert view["request"]["data"].startswith("0x00000002abab")
    kept = len(view["request"]["data"]) // 2 - 1
    assert kept + view["left_out"]["request"] == DATA_BYTES
    assert view["left_out"]["params"]["sha256"].startswith("0x")


async def test_a_frozen_agent_is_refused_unread_and_recorded_once_a_second(home: Home) -> None:
    at = [1_000_000]
    clock = Clock(lambda: 1_700_000_000_000 + at[0], lambda: at[0])
    async with serving(home, clock=clock) as guardian:
        line, operator = await guardian.agent(), await guardian.operator()
        scope = {"kind": "agent", "id": "agent"}
        await operator.operate("freeze", scope=scope, reason="flood", actor="test")
        before = guardian.core.durable_size
        for second in range(1, 4):
            at[0] = 1_000_000 + second * 1_000
            for number in range(20):
                call = large_call(second * 100 + number, 20_000)
                error = (await line.call("eth_sendTransaction", call))["error"]
                assert error["data"]["code"] == "frozen"
        await guardian.core.durable()
        assert guardian.core.durable_size == before + 3
        other = await guardian.agent("other")
        assert "requestId" in (await other.pay(STRANGER))["error"]["data"]


@pytest.mark.parametrize("budget", ["journal_bytes_per_minute", "params_bytes_per_minute"])
async def test_bytes_over_a_minutes_budget_are_refused_and_others_are_not(
    home: Home, budget: str
) -> None:
    async with serving(at_rate(home), **{budget: 20_000}) as guardian:
        line, other = await guardian.agent(), await guardian.agent("other")
        codes = []
        for number in range(40):
            answer = await line.call("eth_sendTransaction", large_call(number, 2_000))
            codes.append(answer["error"]["data"]["code"])
        assert codes[0] == "no_grant"
        assert set(codes[15:]) == {"rate_limited"}
        size = guardian.core.durable_size
        assert (await other.pay(STRANGER))["error"]["data"]["code"] == "no_grant"
        assert size < 25


async def test_params_have_a_bound_that_no_real_call_meets(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        most = await line.call("eth_sendTransaction", large_call(1, 131_072))
        assert most["error"]["data"]["code"] == "no_grant"
        long = await line.call("eth_signTypedData_v4", [VENDOR, {"message": "x" * 100_000}])
        assert long["error"]["code"] == -32602
        assert "at most 98304 bytes" in long["error"]["message"]


# --- turns ----


class Stage:
    """A loop whose time is what the calls take."""

    def __init__(self) -> None:
        self.now = 100.0
        self.soon: deque[Callable[[], None]] = deque()
        self.later: list[tuple[float, Callable[[], None]]] = []
        self.served: list[str] = []

    def time(self) -> float:
        return self.now

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.soon.append(callback)

    def call_later(self, delay: float, callback: Callable[[], None]) -> None:
        self.later.append((self.now + delay, callback))

    def turn(self) -> None:
        """One turn of the loop."""
        due = [each for each in self.later if each[0] <= self.now]
        self.later = [each for each in self.later if each[0] > self.now]
        for callback in [*self.soon, *(callback for _, callback in due)]:
            if self.soon and callback is self.soon[0]:
                self.soon.popleft()
            callback()
        self.now += 0.0001


class Caller:
    """A connection with `calls` that take `seconds` each."""

    def __init__(self, stage: Stage, name: str, calls: int, seconds: float) -> None:
        self.stage, self.name, self.calls, self.seconds = stage, name, calls, seconds
        self.dropped = False

    def drop(self) -> None:
        self.dropped = True

    def serve(self) -> bool:
        self.calls -= 1
        if self.seconds < 0:
            raise ValueError("a fault in one call")
        self.stage.now += self.seconds
        self.stage.served.append(self.name)
        return self.calls > 0


def agent(name: str) -> Agent:
    return Agent(name, (), 31337, frozenset(), False, "full", 6_000, 8)


class Race:
    """Agents that want turns on a stage."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.turns = Turns(self.stage.time, self.stage)
        self.budgets = Budgets(GateConfig(), 6_000, self.stage.time)

    def enter(self, name: str, calls: int, seconds: float) -> Caller:
        caller = Caller(self.stage, name, calls, seconds)
        self.turns.want(name, self.budgets.of(agent(name)), caller)
        return caller


def test_an_honest_agent_waits_for_one_heavy_call_at_most() -> None:
    race = Race()
    race.enter("flood", 1_000, 0.020)
    honest = race.enter("honest", 200, 0.0001)
    while honest.calls:
        race.stage.turn()
    served = race.stage.served
    before_the_last = served[: len(served) - served[::-1].index("honest")]
    # 20 ms of work, and no more of the flood than the same time.
    assert before_the_last.count("flood") <= 2


def test_an_agent_that_used_up_its_share_waits_while_others_want_something() -> None:
    race = Race()
    flood = race.enter("flood", 10_000, 0.020)
    begun = race.stage.now
    while race.stage.now < begun + 10:
        if race.stage.served.count("honest") < (race.stage.now - begun) * 5:
            race.enter("honest", 1, 0.0001)
        race.stage.turn()
    spent = race.stage.served.count("flood") * 0.020
    assert 0.10 < spent / 10 < 0.17, "a tenth of the loop, and what was saved at the start"
    assert flood.calls > 0


def test_an_agent_that_is_alone_has_the_whole_loop() -> None:
    race = Race()
    flood = race.enter("flood", 400, 0.020)
    begun = race.stage.now
    while flood.calls:
        race.stage.turn()
    assert race.stage.now - begun < 400 * 0.020 * 1.1


def test_a_turn_ends_after_one_heavy_call_so_that_sockets_are_read() -> None:
    race = Race()
    for name in ("one", "two", "three"):
        race.enter(name, 10, 0.020)
    race.stage.turn()
    assert len(race.stage.served) == 1


def test_a_fault_in_one_call_keeps_nobody_else_waiting() -> None:
    race = Race()
    broken = race.enter("broken", 1, -1)
    other = race.enter("other", 5, 0.001)
    with pytest.raises(ValueError, match="a fault"):
        race.stage.turn()
    for _ in range(20):
        race.stage.turn()
    assert broken.dropped
    assert other.calls == 0


def test_agents_wait_while_the_operator_stops() -> None:
    race = Race()
    race.turns.operator_waits()
    race.enter("flood", 10, 0.001)
    for _ in range(5):
        race.stage.turn()
    assert race.stage.served == []
    race.turns.operator_served()
    for _ in range(30):
        race.stage.turn()
    assert race.stage.served


def test_the_guardians_own_work_comes_a_few_steps_a_turn_beside_agents() -> None:
    """A commit that answers 64 payments must not keep the operator waiting for all of them."""
    race = Race()
    race.enter("agent", 100, 0.001)
    for _ in range(64):
        race.turns.want_step(lambda: race.stage.served.append("step"))
    race.stage.turn()
    assert 0 < race.stage.served.count("step") <= 8
    assert "agent" in race.stage.served
    for _ in range(64):
        race.stage.turn()
    assert race.stage.served.count("step") == 64


def test_the_guardians_own_work_waits_while_the_operator_stops() -> None:
    race = Race()
    race.turns.operator_waits()
    race.turns.want_step(lambda: race.stage.served.append("step"))
    for _ in range(5):
        race.stage.turn()
    assert race.stage.served == []
    race.turns.operator_served()
    for _ in range(30):
        race.stage.turn()
    assert race.stage.served == ["step"]


def test_an_answer_that_never_leaves_does_not_stop_agents_for_good() -> None:
    race = Race()
    race.turns.operator_waits()
    race.enter("flood", 1, 0.001)
    for _ in range(50):
        race.stage.now += 0.01
        race.stage.turn()
    assert race.stage.served == ["flood"]


async def test_a_freeze_is_answered_while_a_flood_is_queued(home: Home) -> None:
    async with serving(home) as guardian:
        operator = await guardian.operator()
        await operator.operate("hello")
        lines = [await guardian.agent() for _ in range(8)]
        flood = [frame("eth_sendTransaction", large_call(n, 20_000), n) for n in range(1, 41)]
        sending = [asyncio.create_task(line.send(b"".join(flood))) for line in lines]
        await lines[0].line()
        frozen = await operator.operate(
            "freeze", scope={"kind": "agent", "id": "other"}, reason="", actor="test"
        )
        size = guardian.core.guard.size
        await asyncio.gather(*sending)
        for number, line in enumerate(lines):
            for _ in range(40 - (number == 0)):
                await line.line()
        await guardian.core.durable()
        after = guardian.core.durable_size - frozen["freeze"]
    assert size - frozen["freeze"] < 20, "the answer came at once"
    assert after > len(lines), "and the queue of the flood after it"


async def test_the_calls_of_a_batch_take_turns_like_others(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One call a turn, however fast the machine is.
    monkeypatch.setattr("holdfast.service.runtime.turns.TURN_SECONDS", 1e-9)
    async with serving(home) as guardian:
        line, other = await guardian.agent(), await guardian.agent("other")
        calls = [frame("eth_sendTransaction", large_call(n, 4_000), n) for n in range(100)]
        await line.send(b"[" + b",".join(calls) + b"]")
        assert "result" in await other.call("eth_chainId")
        begun = guardian.core.guard.size
        answers = await line.json()
        assert [each["id"] for each in answers] == list(range(100))
        await guardian.core.durable()
        assert guardian.core.durable_size > begun, "the other did not wait for the whole batch"


async def test_requests_that_come_to_nothing_cost_the_journals_budget(home: Home) -> None:
    async with serving(at_rate(home), journal_bytes_per_minute=10_000) as guardian:
        line = await guardian.agent()
        codes = []
        for value in range(1, 13):
            call = {
                "method": "eth_sendTransaction",
                "params": [{"to": VENDOR, "value": hex(value)}],
            }
            answer = (await line.call("holdfast_submit", [call]))["result"]
            codes.append(answer["status"])
            if "requestId" in answer:
                guardian.core.fail(answer["requestId"], Code.WOULD_FAIL, "")
                await guardian.core.durable()
        assert codes[0] == "pending"
        assert codes[-1] == "refused"


# --- node reads ----


class SlowNode:
    """Answers when it is let go."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.asked: list[Any] = []

    async def call(self, method: str, params: list[Any]) -> Any:
        self.asked.append(params)
        if params != ["quick"]:
            await self.go.wait()
        return "0x1"


async def test_slow_reads_of_one_agent_do_not_keep_another_from_reading(home: Home) -> None:
    node = SlowNode()
    async with serving(home, node=node) as guardian:
        reads = guardian.inside._reads
        assert reads is not None
        reads._config = ReadsConfig(concurrent_max=4, concurrent_total_max=4)
        line, other = await guardian.agent(), await guardian.agent("other")
        slow = [frame("eth_getCode", [str(n)], n) for n in range(1, 31)]
        await line.send(b"".join(slow))
        assert (await other.call("eth_getCode", ["quick"]))["result"] == "0x1"
        assert sum(1 for params in node.asked if params) == 5
        node.go.set()
        for _ in slow:
            assert b'"result"' in await line.line()


async def test_reads_have_a_rate_of_their_own(home: Home) -> None:
    node = SlowNode()
    async with serving(home, node=node) as guardian:
        gate = guardian.inside._gate
        assert gate is not None
        gate.budgets._reads_per_minute = 5
        line, other = await guardian.agent(), await guardian.agent("other")
        answers = [await line.call("eth_getCode", ["quick"]) for _ in range(7)]
        assert ["result" in each for each in answers] == [True] * 5 + [False] * 2
        assert "result" in await other.call("eth_getCode", ["quick"])


# --- disk ----


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
def test_a_full_disk_refuses_agents_and_still_stops(tmp_path: Path) -> None:
    done = subprocess.run(
        ["unshare", "-m", sys.executable, "-m", "tests.perimeter.full_disk", str(tmp_path)],
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told == {
        "flooded": "disk_low",
        "health": True,
        "frozen_at_the_floor": True,
        "frozen_on_a_full_disk": True,
        "thawed_on_a_full_disk": True,
        "sealed": None,
        "after_room": "no_grant",
        "reserve_held_again": True,
        "starts_on_a_full_disk": True,
    }


async def test_a_journal_over_its_budget_refuses_agents(home: Home) -> None:
    async with serving(home) as guardian:
        disk = guardian.inside.disk
        disk._config = type(disk._config)(bytes_max=1)
        disk.look()
        error = (await (await guardian.agent()).pay(VENDOR))["error"]
        assert error["data"]["code"] == "disk_low"
        assert "journal.bytes_max" in error["message"]
        operator = await guardian.operator()
        scope = {"kind": "everything"}
        assert (await operator.operate("freeze", scope=scope, reason="", actor="x"))["freeze"]
        low = (await operator.operate("status"))["health"]["disk"]["low"]
        assert "journal.bytes_max" in low


# --- the console ----


async def large_requests(guardian: Guardian, count: int) -> None:
    """`count` requests of 268 kB that wait for a person."""
    line = await guardian.agent()
    for number in range(count):
        params = [{"to": STRANGER, "data": "0x" + f"{number:08x}" + "ab" * (DATA_BYTES - 4)}]
        call = {"method": "eth_sendTransaction", "params": params}
        answer = await line.call("holdfast_submit", [call])
        assert answer["result"]["status"] == "pending", answer


def with_calls(home: Home) -> Home:
    """Calls of unknown contracts wait for a person, as many as 300."""
    text = home.policy_path.read_text().replace("waiting_max = 64", "waiting_max = 300")
    put_policy(home, text.replace('effects = ["message"]', 'effects = ["call"]'))
    return home


@pytest.mark.parametrize("count", [30, pytest.param(200, marks=pytest.mark.prove)])
async def test_the_console_attaches_to_many_large_requests(home: Home, count: int) -> None:
    async with serving(with_calls(home)) as guardian:
        await large_requests(guardian, count)
        raw = await guardian.operator()
        await raw.send(b'{"id":1,"method":"subscribe","params":{"backlog":200}}\n')
        lines = [await raw.line()]
        while b'"id":1' not in lines[-1][:10]:
            lines.append(await raw.line())
        assert (len(lines) > 1) == (count > 100)
        assert max(map(len, lines)) <= LINE_BYTES_MAX
        assert sum(map(len, lines)) < count * 20_000
        client = OperatorClient(home.operator_socket)
        running = asyncio.create_task(client.run())
        try:
            async with asyncio.timeout(20):
                await client.wait_ready()
            model = Model()
            for message in client.drain():
                if "snapshot" in message:
                    model.load_snapshot(message["snapshot"], message["seq"], 0.0)
            model.link.connected = True
            assert len(model.pending) == count
            first = model.pending[0]
            assert first.partial
            assert first.warnings[0]["code"] == "not_whole"
            assert "bytes of the request" in first.warnings[0]["text"]
            assert "fully loaded" in str(cannot_approve(first, model, 0.0, False))
            model.load_request(await client.request(first.id))
            whole = model.request(first.id)
            assert whole is not None
            assert not whole.partial
            assert all(each["code"] != "not_whole" for each in whole.warnings)
            assert len(whole.raw["request"]["data"]) == 2 + 2 * DATA_BYTES
            assert cannot_approve(whole, model, 0.0, False) is None
        finally:
            running.cancel()


async def test_large_events_are_pushed_in_few_bytes(home: Home) -> None:
    async with serving(with_calls(home)) as guardian:
        operator = await guardian.operator()
        await operator.operate("subscribe")
        await large_requests(guardian, 1)
        event = await operator.event("request.decided")
        assert event["partial"]
        assert len(json.dumps(event)) < 40_000
        kept = len(event["data"]["request"]["data"]) // 2 - 1
        assert kept + event["data"]["left_out"]["request"] == DATA_BYTES
        whole = await operator.operate("events", from_seq=event["seq"], count=1)
        assert len(json.dumps(whole)) > 262_000
        brief = await operator.operate("events", from_seq=event["seq"], count=1, brief=True)
        assert len(json.dumps(brief)) < 40_000


async def test_a_waiting_request_of_an_ordinary_size_is_listed_whole(home: Home) -> None:
    async with serving(home) as guardian:
        line = await guardian.agent()
        await line.call(
            "holdfast_submit",
            [{"method": "eth_sendTransaction", "params": [{"to": SHOP, "value": "0x1"}]}],
        )
        answer = await (await guardian.operator()).operate("subscribe")
        [view] = answer["snapshot"]["requests"]
        assert "partial" not in view
        assert "left_out" not in view
