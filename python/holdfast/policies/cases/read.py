"""Reads a file of cases: TOML, strict, small enough to be written by hand."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from holdfast.policies.cases.case import (
    DEFAULT_AT,
    VERDICTS,
    Before,
    Case,
    Expected,
    Request,
)
from holdfast.policies.cases.strict import Source, Table
from holdfast.policies.payment import Words
from holdfast.wording import safe

ASKED = ("pay", "allow", "to", "via", "wallet", "method", "params")
COMMON = ("agent", "at", "facts")
CASE = ("name", *COMMON, *ASKED, "used", "history", "verdict", "rule", "code", "quorum", "delay")
_DURATION = re.compile(r"(\d{1,9})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
# Longer than the longest window that a limit can have.
AGO_MAX = timedelta(days=3_660)


@dataclass(frozen=True)
class _Defaults:
    agent: str | None = None
    at: datetime = DEFAULT_AT
    facts: Table | None = None


def read_cases(name: str, text: str) -> list[Case]:
    """Every case of a file in its order.

    Raises PolicyTextError with file, line and column of the first fault.
    """
    _, root = Source.parse(name, text)
    root.known(("defaults", "case"))
    defaults = _defaults(root.table("defaults"))
    rows = root.tables("case")
    if not rows:
        root.fail("case", "there is no case: write [[case]] and its keys below")
    cases, seen = [], set()
    for row in rows:
        case = _case(row, defaults)
        if case.name in seen:
            row.fail("name", f"a second case with the name `{safe(case.name, 100)}`")
        seen.add(case.name)
        cases.append(case)
    return cases


def _defaults(table: Table | None) -> _Defaults:
    if table is None:
        return _Defaults()
    table.known(COMMON)
    return _Defaults(table.text("agent"), _at(table, DEFAULT_AT), table.table("facts"))


def _case(row: Table, defaults: _Defaults) -> Case:
    row.known(CASE)
    at = _at(row, defaults.at)
    facts = row.table("facts") or defaults.facts
    return Case(
        name=row.required("name"),
        asked=_asked(row),
        expected=_expected(row),
        line=row.line,
        agent=row.text("agent") or defaults.agent,
        at=at,
        used=_used(row.table("used")),
        history=tuple(_before(each) for each in row.tables("history")),
        facts={} if facts is None else _facts(facts, at),
    )


def _asked(row: Table) -> Words | Request:
    found = [key for key in ("pay", "allow", "method") if key in row.values]
    if len(found) != 1:
        row.fail(
            found[-1] if found else "name",
            'write one of pay = "25 usdc", allow = "25 usdc", or method and params',
        )
    (kind,) = found
    if kind == "method":
        for key in ("to", "via", "wallet"):
            if key in row.values:
                row.fail(key, f"`{key}` is for payments in words: `params` says it all")
        return Request(row.required("method"), _params(row))
    if "params" in row.values:
        row.fail("params", "`params` belongs to `method`")
    via = row.text("via") or "transaction"
    if via not in ("transaction", "x402") or (via == "x402" and kind == "allow"):
        row.fail("via", '`via` must be "transaction", or for `pay` "x402"')
    words = "x402" if via == "x402" else kind
    return Words(words, row.required(kind), row.required("to"), row.text("wallet"))


def _params(row: Table) -> list[Any]:
    params = row.values.get("params", [])
    if isinstance(params, str):
        try:
            params = json.loads(params)
        except ValueError as error:
            row.fail("params", f"`params` is not JSON: {error}")
    if not isinstance(params, list):
        row.fail("params", "`params` must be a list, or text with a list in JSON")
    return params


def _before(row: Table) -> Before:
    row.known((*ASKED, "ago"))
    ago = _duration(row, "ago")
    if ago is None or not timedelta(0) < ago <= AGO_MAX:
        row.fail("ago", '`ago` must be a time before the case, like ago = "2h"')
    return Before(_asked(row), ago, row.line)


def _expected(row: Table) -> Expected:
    verdict = row.required("verdict")
    if verdict not in VERDICTS:
        row.fail("verdict", f"`verdict` must be one of {', '.join(VERDICTS)}")
    quorum = row.values.get("quorum")
    if quorum is not None and (isinstance(quorum, bool) or not isinstance(quorum, int)):
        row.fail("quorum", "`quorum` must be a whole number without quotes")
    delay = _duration(row, "delay")
    milliseconds = None if delay is None else int(delay.total_seconds()) * 1000
    return Expected(verdict, row.text("rule"), row.text("code"), quorum, milliseconds)


def _duration(row: Table, key: str) -> timedelta | None:
    text = row.text(key)
    if text is None:
        return None
    match = _DURATION.fullmatch(text)
    if not match:
        row.fail(key, f'`{key}` must be a whole number and s, m, h or d, like "30m"')
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def _at(row: Table, default: datetime) -> datetime:
    at = row.values.get("at", default)
    if not isinstance(at, datetime) or at.tzinfo is None:
        row.fail("at", "`at` must be a date with time and offset: at = 2026-01-05T12:00:00Z")
    return at


def _used(table: Table | None) -> dict[str, str]:
    if table is None:
        return {}
    return {key: table.required(key) for key in table.values}


def _facts(table: Table, at: datetime) -> dict[str, Any]:
    """As the core reads them; a price, or the hash of a contract's code, may be text alone.

    Then it is of the time of the case, and the contract is no proxy.
    """
    moment = int(at.timestamp() * 1000)
    facts = dict(table.values)
    prices, code = table.table("prices"), table.table("code")
    if prices is not None:
        facts["prices"] = {
            asset: {"usd": price, "at": moment} if isinstance(price, str) else price
            for asset, price in prices.values.items()
        }
    if code is not None:
        facts["code"] = {
            address: (
                {"hash": seen, "implementation": None, "at": moment}
                if isinstance(seen, str)
                else seen
            )
            for address, seen in code.values.items()
        }
    return facts
