"""Threats as data: the tables of tests/threats, read into requests and what must become of them."""

from __future__ import annotations

import functools
import itertools
import time
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any, ClassVar

from tests.support.threats_abi import Notation
from tests.support.threats_requests import CHAIN_ID, MEMBERS, Json, Request, Requests

from holdfast._core import PolicyError, check_policy, checksum_address

FOLDER = Path(__file__).parents[1] / "threats"
TABLES = ("a_calls", "b_typed", "c_markets", "d_wrappers", "e_fees", "f_identity", "g_messages")
WORKER = "worker"
HOUR_MS = 3_600_000
# The time of the core and of the command line, and what `now+600` counts from in all three ways.
NOW_MS = time.time_ns() // 1_000_000
TIMES = {"$now": NOW_MS, "$hours_ago": NOW_MS - 2 * HOUR_MS, "$hours_ahead": NOW_MS + 2 * HOUR_MS}


@dataclass(frozen=True)
class Expected:
    """What must become of a request. One of the reason codes must decide it; none means any."""

    verdict: str
    codes: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """One request of an agent, after others of the same agent that must each be `instant`.

    `strict` is expected where no rule asks a person, `socket` on the socket if it cannot be the
    same there. `party` must get something if the request is understood. `needs` is a protocol the
    core must know; without it the case must only not be looser than a person's decision. `fault`
    says what the core does instead of what it must.
    """

    id: str
    agent: str
    request: Request
    expected: Expected
    strict: Expected
    before: tuple[Request, ...] = ()
    facts: Json = field(default_factory=dict)
    details: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    effects: tuple[str, ...] | None = None
    warnings: tuple[str, ...] = ()
    reserves: Mapping[str, str] = field(default_factory=dict)
    party: str | None = None
    needs: str | None = None
    fault: str | None = None
    socket: Expected | None = None

    @property
    def row(self) -> str:
        """The row of the list of threats: `A05`."""
        return self.id.split("-", 1)[0]

    @property
    def is_active(self) -> bool:
        """Whether the core knows what the case needs."""
        return self.needs is None or is_known(self.needs)


@dataclass(frozen=True)
class Row:
    """A row of the list of threats: what must become of it, and what its cases must contain."""

    id: str
    about: str
    right: str
    selectors: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()

    # Verdicts that must occur among the cases of the row.
    MEANS: ClassVar[Mapping[str, frozenset[str]]] = {
        "A": frozenset({"instant"}),
        "C": frozenset({"instant", "deny"}),
        "D": frozenset({"deny"}),
        "F": frozenset({"deny"}),
        "O": frozenset({"approval"}),
    }


class Book:
    """The tables with their names, and the policies they are decided by."""

    def __init__(self) -> None:
        names = _read("names.toml")["names"]
        self.names: dict[str, str] = {name: checksum_address(each) for name, each in names.items()}
        self._notation = Notation(self.names, NOW_MS // 1000)
        self._requests = Requests(self._notation, _read("types.toml")["types"])
        self._numbers = itertools.count(1)
        self.rows = [Row(**each) for each in _read("rows.toml")["row"]]
        self.cases = [case for table in TABLES for case in self._cases(_read(f"{table}.toml"))]

    def policy(self, *, strict: bool) -> str:
        """The policy of the tables; `strict` leaves out every rule that asks a person."""
        own = [case.agent for case in self.cases if case.agent != WORKER]
        files = ["policy.toml"] if strict else ["policy.toml", "approvals.toml"]
        text = "".join((FOLDER / each).read_text() for each in files)
        known = [each for each in _contracts() if is_known(each["protocol"])]
        return Template(text + "".join(map(_contract, known))).substitute(
            self.names,
            agents="".join(map(_agent, [WORKER, *own])),
            limited=", ".join(f'"{name}"' for name in own),
        )

    def _cases(self, table: Json) -> Iterator[Case]:
        """A variant is its case with other members, and its id is added."""
        for raw in table["case"]:
            variants = raw.pop("variant", [{}])
            for variant in variants:
                names = [each["id"] for each in (raw, variant) if "id" in each]
                yield self._case(raw | variant | {"id": "-".join(names)})

    def _case(self, raw: Json) -> Case:
        """Cases with limits to themselves have an agent of their own."""
        name, rest = raw["id"], {key: each for key, each in raw.items() if key not in MEMBERS}
        request = self._requests.make({key: each for key, each in raw.items() if key in MEMBERS})
        steps = [self._requests.make(each) for each in rest.pop("before", [])]
        expected = _expected(rest.pop("verdict"), rest.pop("code"))
        effects, socket = rest.pop("effects", None), rest.pop("socket", None)
        own = rest.pop("limited", bool(steps))
        return Case(
            agent=f"own-{next(self._numbers)}" if own else WORKER,
            request=request.keyed(name) if steps else request,
            before=tuple(each.keyed(f"{name}/{n}") for n, each in enumerate(steps)),
            expected=expected,
            strict=_strict(expected, rest.pop("strict", None)),
            socket=socket and _expected(**socket),
            facts=_times(rest.pop("facts", {})),
            details=_listed(rest.pop("detail", [])),
            absent=_listed(rest.pop("absent", [])),
            warnings=_listed(rest.pop("warnings", [])),
            effects=None if effects is None else tuple(map(self._effect, effects)),
            **rest,
        )

    def _effect(self, text: str) -> str:
        kind, asset, amount, *others = text.split()
        return " ".join([kind, asset, str(self._notation.number(amount)), *others])


def _read(name: str) -> Json:
    with (FOLDER / name).open("rb") as file:
        return tomllib.load(file)


def _listed(words: str | list[str]) -> tuple[str, ...]:
    return (words,) if isinstance(words, str) else tuple(words)


def _expected(verdict: str, code: str | list[str]) -> Expected:
    return Expected(verdict, _listed(code))


def _strict(expected: Expected, given: Json | None) -> Expected:
    """Without rules that ask a person nobody grants what needs one."""
    if given is not None:
        return _expected(**given)
    return Expected("deny", ("no_grant",)) if expected.verdict == "approval" else expected


def _times(facts: Any) -> Any:
    """Facts with their times as milliseconds."""
    if isinstance(facts, dict):
        return {key: _times(each) for key, each in facts.items()}
    if isinstance(facts, list):
        return [_times(each) for each in facts]
    return TIMES.get(facts, facts) if isinstance(facts, str) else facts


def _agent(name: str) -> str:
    return f"""
[[agent]]
id = "{name}"
wallets = ["purse"]
chain = {CHAIN_ID}
requests_per_minute = 1_000_000
waiting_max = 10_000
"""


def _contracts() -> list[Json]:
    found: list[Json] = _read("contracts.toml")["contract"]
    return found


def _contract(entry: Json) -> str:
    return f"""
[[contract]]
id = "{entry["name"].replace("_", "-")}"
chain = {CHAIN_ID}
address = "${entry["name"]}"
protocol = "{entry["protocol"]}"
"""


@functools.cache
def is_known(protocol: str) -> bool:
    """Whether the core understands this word of a `[[contract]]`."""
    text = f"""version = 1
name = "try"
[[chain]]
id = {CHAIN_ID}
name = "try"
gas_max = 21_000
fee_per_gas_max = "1 gwei"
priority_fee_per_gas_max = "1 gwei"
{Template(_contract({"name": "one", "protocol": protocol})).substitute(one="0x" + "12" * 20)}"""
    try:
        check_policy(text)
    except PolicyError:
        return False
    return True
