"""Threats as data: the tables of tests/threats, read into requests and what must become of them."""

from __future__ import annotations

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

from holdfast._core import checksum_address

FOLDER = Path(__file__).parents[1] / "threats"
TABLES = ("a_calls", "b_typed", "c_markets", "d_wrappers", "e_fees", "f_identity", "g_messages")
WORKER = "worker"
HOUR_MS = 3_600_000
# The time of the core and of the command line, and what `now+600` counts from in all three ways.
NOW_MS = time.time_ns() // 1_000_000
FACTS = {
    "$now": NOW_MS,
    "$hours_ago": NOW_MS - 2 * HOUR_MS,
    "$hours_ahead": NOW_MS + 2 * HOUR_MS,
    "$none": None,
}


@dataclass(frozen=True)
class Expected:
    """What must become of a request.

    The code that decides a denial, and all codes but `granted` of another verdict.
    """

    verdict: str
    codes: frozenset[str]

    @classmethod
    def read(cls, verdict: str, code: str | list[str]) -> Expected:
        """From the members of a table."""
        return cls(verdict, frozenset(_listed(code)) - {"granted"})


NOBODY_ASKED = Expected("deny", frozenset({"no_grant"}))


@dataclass(frozen=True)
class Case:
    """One request of an agent, after others of the same agent that must each be `instant`.

    `strict` is expected where no rule asks a person, `socket` on the socket if it cannot be the
    same there. `effects` are all of them but the fee, in their order.
    """

    id: str
    agent: str
    request: Request
    expected: Expected
    strict: Expected
    socket: Expected | None = None
    before: tuple[Request, ...] = ()
    facts: Json = field(default_factory=dict)
    details: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    reserves: Mapping[str, str] = field(default_factory=dict)

    @property
    def row(self) -> str:
        """The row of the list of threats: `A05`."""
        return self.id.split("-", 1)[0]

    def expects(self, way: str, *, strict: bool) -> Expected:
        """What must become of it in one of the ways."""
        if way == "socket" and self.socket is not None:
            return self.socket
        return self.strict if strict else self.expected


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
        return Template("".join((FOLDER / each).read_text() for each in files)).substitute(
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
        expected = Expected.read(rest.pop("verdict"), rest.pop("code"))
        strict, socket = rest.pop("strict", None), rest.pop("socket", None)
        # Without rules that ask a person nobody grants what needs one.
        usual = NOBODY_ASKED if expected.verdict == "approval" else expected
        own, facts = rest.pop("limited", bool(steps)), self._facts(rest.pop("facts", {}))
        return Case(
            agent=f"own-{next(self._numbers)}" if own else WORKER,
            request=request.keyed(name) if steps or facts else request,
            before=tuple(each.keyed(f"{name}/{n}") for n, each in enumerate(steps)),
            expected=expected,
            strict=Expected.read(**strict) if strict else usual,
            socket=Expected.read(**socket) if socket else None,
            facts=facts,
            details=_listed(rest.pop("detail", [])),
            warnings=_listed(rest.pop("warnings", [])),
            effects=tuple(map(self._effect, rest.pop("effects", []))),
            **rest,
        )

    def _effect(self, text: str) -> str:
        kind, asset, amount, *others = text.split()
        if "until" in others:
            others[-1] = str(self._notation.number(others[-1]))
        return " ".join([kind, asset, str(self._notation.number(amount)), *others])

    def _facts(self, facts: Any) -> Any:
        """Facts with what TOML cannot say: times as milliseconds, none, addresses as keys."""
        if isinstance(facts, dict):
            named = {Template(key).substitute(self.names): each for key, each in facts.items()}
            return {key: self._facts(each) for key, each in named.items()}
        if isinstance(facts, list):
            return [self._facts(each) for each in facts]
        return FACTS.get(facts, facts) if isinstance(facts, str) else facts


def _read(name: str) -> Json:
    with (FOLDER / name).open("rb") as file:
        return tomllib.load(file)


def _listed(words: str | list[str]) -> tuple[str, ...]:
    return (words,) if isinstance(words, str) else tuple(words)


def _agent(name: str) -> str:
    return f"""
[[agent]]
id = "{name}"
wallets = ["purse"]
chain = {CHAIN_ID}
requests_per_minute = 1_000_000
waiting_max = 10_000
"""
