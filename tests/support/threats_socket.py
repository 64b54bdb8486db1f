"""The third way to ask about the cases: a guardian with its real home, journal, core and sockets.

An agent sends each request over its own socket, as the bytes of the case. The verdict is what the
agent is told, and what the journal has on disk. What passes at once is signed with the home's real
key and its result handed to the agent; of everything else no order is ever made.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from eth_account import Account
from tests.service.in_process import (
    OPERATOR_PASSPHRASE,
    WALLETS_PASSPHRASE,
    Guardian,
    Line,
    serving,
)
from tests.support.seen import see_everything
from tests.support.threats import NOW_MS, Book, Case
from tests.support.threats_adapters import (
    Outcome,
    Words,
    told,
    turned_away,
)
from tests.support.threats_requests import Json, Request

from holdfast.service.agents import batches
from holdfast.service.home.folder import Home
from holdfast.service.new_home import Init, init_home

# The first account of every local chain: 0xf39F…2266.
KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
OTHER_KEY = "0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6"
HOLD_MS = 1
TURNED_AWAY = frozenset(
    {
        4001,
        -32602,
        batches.UNSUPPORTED_CAPABILITY,
        batches.UNSUPPORTED_CHAIN,
        batches.TOO_LARGE,
        batches.ATOMICITY,
    }
)


async def by_socket(book: Book, policy: str) -> dict[str, Outcome]:
    """Every case over the sockets of one guardian."""
    with tempfile.TemporaryDirectory(prefix="hf-") as folder:
        async with serving(make_home(Path(folder) / "home", policy), hold_ms=HOLD_MS) as guardian:
            # After the guardian said for itself that it has no node to look at anything with.
            await (await guardian.operator()).operate("hello")
            see_everything(guardian.core.guard, 1, NOW_MS)
            agents = Agents(guardian, Words(book))
            outcomes = {case.id: await agents.decide(case) for case in book.cases}
            agents.nothing_else_was_ordered(outcomes)
        return outcomes


def make_home(path: Path, policy: str) -> Home:
    """A home with the wallets of the tables: the agents' own, and that of another agent."""
    accounts = [Account.from_key(bytes.fromhex(key[2:])) for key in (KEY, OTHER_KEY)]
    secrets = bytearray(WALLETS_PASSPHRASE), bytearray(OPERATOR_PASSPHRASE)
    home = Home(path)
    init_home(
        home,
        Init(
            *secrets,
            wallets=0,
            imported=accounts,
            kdf="light",
            chain_id=1,
            policy=lambda _: policy,
            config="version = 1\n",
        ),
    )
    return home.open_checked()


class Agents:
    """The agents of the cases, each with its line."""

    def __init__(self, guardian: Guardian, words: Words) -> None:
        self._guardian = guardian
        self._words = words
        self._lines: dict[str, Line] = {}
        self._ids = 0

    async def decide(self, case: Case) -> Outcome:
        """The last request of a case, after those before it; then the guardian still answers."""
        for step in case.before:
            outcome = await self._ask(case, step)
            assert outcome.verdict == "instant", (case.id, outcome)
        outcome = await self._ask(case, case.request)
        line = await self._line(case.agent)
        assert (await line.call("eth_chainId"))["result"] == "0x1", case.id
        return outcome

    async def _ask(self, case: Case, request: Request) -> Outcome:
        answer = await self._send(case.agent, request)
        error = answer.get("error", {})
        data = error.get("data") or {}
        match error.get("code"):
            case None if request.method == batches.SEND_CALLS:
                return await self._batch(case, answer["result"]["id"])
            case code if code in TURNED_AWAY and data.get("requestId") is None:
                return turned_away(data)
            case -32600 | -32700:
                return Outcome("deny", ("not_a_request",))
            case -32601:
                return Outcome("deny", ("not_served",))
            case 4001:
                outcome = self._outcome(data["requestId"])
                assert (outcome.verdict, outcome.codes) == ("deny", turned_away(data).codes)
                return outcome
            case -32003:
                assert data["status"] == "pending", told(answer)
                return await self._pending(case, request, data["requestId"])
        raise AssertionError(f"{case.id}: {told(answer)}")

    async def _pending(self, case: Case, request: Request, request_id: str) -> Outcome:
        """What goes on by itself comes back signed; what needs a person still waits."""
        outcome = self._outcome(request_id)
        if outcome.verdict == "instant":
            sent = request.method == "eth_sendTransaction"
            if sent:
                await self._guardian.carry_out(request_id, dear=True)
            else:
                self._guardian.sign(request_id)
            again = await self._send(case.agent, request)
            assert again.get("result"), (case.id, told(again))
        else:
            again = await self._send(case.agent, request)
            assert again["error"]["data"]["requestId"] == request_id, (case.id, told(again))
        return outcome

    async def _batch(self, case: Case, name: str) -> Outcome:
        """A batch is named at once, and whoever has the name may ask what became of it."""
        status = await (await self._line(case.agent)).call("wallet_getCallsStatus", [name])
        assert status["result"]["status"] == batches.PENDING, (case.id, told(status))
        request_id = f"r{int(name, 16)}"
        outcome = self._outcome(request_id)
        if outcome.verdict == "instant":
            await self._guardian.carry_out(request_id, dear=True)
        return outcome

    async def _line(self, agent: str) -> Line:
        if agent not in self._lines:
            self._lines[agent] = await self._guardian.agent(agent)
        return self._lines[agent]

    async def _send(self, agent: str, request: Request) -> Json:
        """One call, its parameters as they stand. A line that was closed is opened anew."""
        line = await self._line(agent)
        self._ids += 1
        head = f'{{"jsonrpc":"2.0","id":"case-{self._ids}","method":{json.dumps(request.method)}'
        # A frame over the limit is refused, and its line closed, before all of it is written.
        line.writer.write(f'{head},"params":{request.params}}}'.encode())
        told = await line.line()
        answer: Json = json.loads(told) if told else {"id": None, "error": {"code": -32600}}
        if answer["id"] is None:
            line.close()
            del self._lines[agent]
        return answer

    def _outcome(self, request_id: str) -> Outcome:
        """As the journal has it on disk."""
        (record,) = self._guardian.inside.reader.records(int(request_id[1:]), 1)
        event = json.loads(record)
        assert event["kind"] == "request.decided"
        return self._words.decided(event["data"])

    def nothing_else_was_ordered(self, outcomes: dict[str, Outcome]) -> None:
        """Only requests that pass at once have an order in the journal."""
        reader = self._guardian.inside.reader
        records = [json.loads(each) for each in reader.records(0, self._guardian.core.guard.size)]
        ordered = _of(records, "request.authorised")
        decided = {each["id"]: each["verdict"]["tier"] for each in _of(records, "request.decided")}
        assert {decided[each["id"]] for each in ordered} == {"instant"}
        instant = [each for each, tier in decided.items() if tier == "instant"]
        assert len(ordered) == len(instant)
        assert any(each.verdict == "instant" for each in outcomes.values())


def _of(records: list[Any], kind: str) -> list[Json]:
    return [each["data"] for each in records if each["kind"] == kind]
