"""`holdfast policy diff`: what a new policy lets pass that the old one did not."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.options import JsonOption
from holdfast.cli.output import Failure, emit, line
from holdfast.cli.policy import refuse
from holdfast.cli.policy_source import policy_text

if TYPE_CHECKING:
    from holdfast.operator.comparison import Row

EXIT_LOOSER = 2


def diff(
    old: Annotated[Path, typer.Argument(help="The policy to compare with.")],
    new: Annotated[Path, typer.Argument(help="The new policy; - for standard input.")],
    witness: Annotated[
        int | None,
        typer.Option(
            "--witness",
            help="Print the cases of this row for `policy decide --stateful`, and nothing else.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a new policy decides differently: equal, tighter, looser or both.

    Each difference has a witness, a request that the guardian's own engine decides differently.
    Exit 0 when the new policy is equal or tighter, 2 when it is looser or could not be shown to be
    not looser, 1 on an error.

    Example:

        holdfast policy diff policy.toml new.toml

        holdfast policy diff policy.toml new.toml --witness 1 > cases.jsonl
    """
    from holdfast._core import PolicyError, Simulator
    from holdfast.operator.comparison import RELATIONS, compare, lines

    before, after = policy_text(old), policy_text(new)
    for path, text in ((old, before), (new, after)):
        try:
            Simulator(text, False)
        except PolicyError as error:
            refuse(path, error, as_json)
    found = compare(before, after, time.time_ns() // 1_000_000)
    if witness is not None:
        _print_cases(found.rows, witness)
        return
    if as_json:
        emit(found.raw)
    else:
        for each in lines(found):
            line(each)
        line(f"{new} compared with {old}: {RELATIONS[found.relation]}")
    if found.may_be_looser:
        raise typer.Exit(EXIT_LOOSER)


def _print_cases(rows: list[Row], number: int) -> None:
    if not 1 <= number <= len(rows):
        text = f"there is no row {number}: the comparison has {len(rows)}"
        raise Failure(text, code="no_row")
    for case in rows[number - 1].cases:
        emit(case)
