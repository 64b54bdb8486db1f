"""What a policy lets pass that another did not, for people: rows with witnesses, from the core.

Pure; every line is safe to show.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from holdfast._core import compare_policies
from holdfast.operator import format as fmt
from holdfast.operator.differences import Change
from holdfast.operator.request import Json

Relation = Literal["equal", "tighter", "looser", "both", "undecided"]

LOOSER, TIGHTER = "LOOSER", "tighter"
# More rows than a person reads.
ROWS_MAX = 60
CHANGES_MAX = 60
_CHARS_MAX = 400
RELATIONS: dict[Relation, str] = {
    "equal": "equal: no difference in what they decide",
    "tighter": "tighter: it can only deny more, or ask more",
    "looser": "LOOSER",
    "both": "LOOSER in some places, tighter in others",
    "undecided": "could not be shown to be not looser",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One difference with its witness. `cases` are those of `holdfast policy decide`."""

    number: int
    looser: bool
    agent: str
    what: str
    made: str
    witness: str
    causes: str
    cases: list[Json]

    @property
    def lines(self) -> list[str]:
        """What a person reads of it."""
        mark = LOOSER if self.looser else TIGHTER
        return [
            f"  {mark}  {self.number}  {self.what}",
            f"      {self.made}",
            f"      witness: {self.witness}",
            f"      found by {self.causes}",
        ]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a new policy compares with an old one. `raw` is the answer of the core."""

    relation: Relation
    rows: list[Row]
    access: list[Change]
    unshown: list[Change]
    raw: Json

    @property
    def may_be_looser(self) -> bool:
        """Whether it is looser, or could not be shown not to be."""
        return self.relation not in ("equal", "tighter")


def compare(old: str, new: str, now_ms: int) -> Comparison:
    """Compares two policies; raises PolicyError for one with faults."""
    raw = json.loads(compare_policies(old, new, now_ms))
    rows = [_row(number, row) for number, row in enumerate(raw["rows"], 1)]
    return Comparison(raw["relation"], rows, _changes(raw["access"]), _changes(raw["unshown"]), raw)


def lines(found: Comparison) -> Iterator[str]:
    """The comparison as people read it: by agent, what, payee and amount, old and new."""
    agent = None
    for row in found.rows[:ROWS_MAX]:
        if (row.looser, row.agent) != agent:
            agent = (row.looser, row.agent)
            yield f"agent {row.agent}"
        yield from row.lines
    if len(found.rows) > ROWS_MAX:
        yield f"and {len(found.rows) - ROWS_MAX} more differences: --json shows them all"
    yield from _listed("looser, though no single request shows it:", found.access)
    yield from _listed("could not be shown to be not looser:", found.unshown)


def _listed(title: str, changes: list[Change]) -> Iterator[str]:
    if not changes:
        return
    yield title
    for change in changes[:CHANGES_MAX]:
        yield f"  {change.path}: {change.text}"
    if len(changes) > CHANGES_MAX:
        yield f"  and {len(changes) - CHANGES_MAX} more: --json shows them all"


def _changes(found: list[Json]) -> list[Change]:
    return [
        Change(fmt.safe(each["path"], 200), fmt.safe(each["text"], _CHARS_MAX), each["looser"])
        for each in found
    ]


def _row(number: int, row: Json) -> Row:
    return Row(
        number=number,
        looser=row["looser"],
        agent=fmt.safe(row["agent"], 64),
        what=fmt.safe(_what(row), _CHARS_MAX),
        witness=fmt.safe(_witness(row), _CHARS_MAX),
        made=fmt.safe(_made(row), _CHARS_MAX),
        causes=fmt.safe(", ".join(row["causes"]), _CHARS_MAX),
        cases=row["cases"],
    )


def _what(row: Json) -> str:
    """`transfer of 50.000001 to 100 usdc to @vendors, after 3 payments within the limit`."""
    words = str(row["effect"])
    if row.get("function"):
        words += f" of `{row['function']}`"
    if row.get("asset"):
        words += f" of {_amount(row)}{row['asset']}"
    if payee := row.get("payee"):
        words += f" to {_payee(payee)}"
    if row.get("when"):
        words += f", {row['when']}"
    return words


def _witness(row: Json) -> str:
    """`transfer of 50.000001 usdc to 0x7099… (Acme data)`."""
    words = str(row["effect"])
    if row.get("amount") is not None:
        words += f" of {row['amount']} {row['asset']}"
    elif row.get("asset"):
        words += f" of {row['asset']}"
    if payee := row.get("payee"):
        label = f" ({payee['label']})" if payee.get("label") else ""
        words += f" to {payee['address']}{label}"
    return words


def _amount(row: Json) -> str:
    least, most = row.get("from"), row.get("to")
    if least is None:
        return ""
    if most is None:
        return "any amount of " if least == "0" else f"{least} or more "
    if least == "0":
        return f"up to {most} "
    return f"{least} " if least == most else f"{least} to {most} "


def _payee(payee: Json) -> str:
    if payee["anyone"]:
        return "any other address"
    if payee["lists"]:
        return " and ".join(f"@{name}" for name in payee["lists"])
    label = f" ({payee['label']})" if payee.get("label") else ""
    return f"{payee['address']}{label}"


def _made(row: Json) -> str:
    """`approval by 1 operator within 30m (large) -> instant (small)`."""
    old, new = (
        f"{made['words']} ({made['because']})" if made["because"] else made["words"]
        for made in (row["old"], row["new"])
    )
    return f"{old} -> {new}"
