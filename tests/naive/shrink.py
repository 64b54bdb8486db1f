"""Makes a failing story small enough to read: whatever can be left out is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy

from tests.naive.world import Table

Tables = dict[str, list[Table]]
Fails = Callable[[Tables, list[Table]], bool]


def shrunk(tables: Tables, cases: list[Table], fails: Fails) -> tuple[Tables, list[Table]]:
    """The smallest story found that still fails. `fails` is False for an invalid policy."""
    progress = True
    while progress:
        progress = False
        for smaller_tables, smaller_cases in _smaller(tables, cases):
            if fails(smaller_tables, smaller_cases):
                tables, cases, progress = smaller_tables, smaller_cases, True
                break
    return tables, cases


def _smaller(tables: Tables, cases: list[Table]) -> Iterator[tuple[Tables, list[Table]]]:
    for number in range(len(cases)):
        yield tables, cases[:number] + cases[number + 1 :]
    for kind, each in tables.items():
        for number, table in enumerate(each):
            yield {**tables, kind: each[:number] + each[number + 1 :]}, cases
            for smaller in _without_a_key(table):
                yield {**tables, kind: [*each[:number], smaller, *each[number + 1 :]]}, cases
    for number, case in enumerate(cases):
        for smaller in _plainer(case):
            yield tables, [*cases[:number], smaller, *cases[number + 1 :]]


def _without_a_key(table: Table) -> Iterator[Table]:
    for key, value in table.items():
        yield {name: other for name, other in table.items() if name != key}
        if isinstance(value, list) and len(value) > 1:
            for number in range(len(value)):
                yield {**table, key: value[:number] + value[number + 1 :]}
    for number, entry in enumerate(table.get("entry", [])):
        for smaller in _without_a_key(entry):
            entries = [*table["entry"][:number], smaller, *table["entry"][number + 1 :]]
            yield {**table, "entry": entries}


def _plainer(case: Table) -> Iterator[Table]:
    if "facts" in case:
        yield {key: value for key, value in case.items() if key != "facts"}
        for smaller in _without_a_key(case["facts"]):
            yield {**case, "facts": smaller}
        for asset in case["facts"].get("prices", {}):
            plain = deepcopy(case)
            del plain["facts"]["prices"][asset]
            yield plain
    params = case["request"]["params"]
    if isinstance(params[0], dict):
        for key in ("gas", "maxPriorityFeePerGas", "maxFeePerGas", "chainId", "from", "value"):
            if key in params[0]:
                plain = deepcopy(case)
                del plain["request"]["params"][0][key]
                yield plain
        for number in range(len(params[0].get("calls", []))):
            if len(params[0]["calls"]) > 1:
                plain = deepcopy(case)
                del plain["request"]["params"][0]["calls"][number]
                yield plain
