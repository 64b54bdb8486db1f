"""`holdfast journal ...`: prove, export and replay the journal. No guardian needed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from holdfast.cli.options import HomeOption, JsonOption, existing
from holdfast.cli.output import Failure, emit, line, say, table, written
from holdfast.cli.policy_source import policy_text

app = typer.Typer(
    name="journal", help="Verify, export and replay the journal.", no_args_is_help=True
)

PathArgument = Annotated[
    Path | None,
    typer.Argument(metavar="[DIR]", help="A home or a journal file. Default: the home of --home."),
]


def _path(given: Path | None, home: Path | None) -> Path:
    return given if given is not None else existing(home).path


@app.command()
def verify(
    folder: PathArgument = None,
    anchor: Annotated[
        str | None,
        typer.Option(
            "--anchor", help="A root kept elsewhere, or size:root; it must be in the log."
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Verify that no event is missing, changed or reordered, and that the journal replays.

    Every event must be covered by a signature. An end that was cut off together with its signatures
    is found only with an --anchor: keep the root that this command prints somewhere else.

    Example:

        holdfast journal verify --anchor
        42:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    """
    from holdfast.service.journal.verify import verify as verify_journal

    report = verify_journal(_path(folder, home), anchor)
    if as_json:
        emit(report.as_dict())
    else:
        line(f"events       {report.size}")
        line(f"root         {report.size}:{report.root}")
        line(f"checkpoints  {report.checkpoints}, signed up to event {report.signed_size}")
        line(f"proven       {report.proven_size} events; {report.unproven} without any signature")
        if report.set_aside:
            line(
                f"set aside    {report.set_aside} events without proof, found at a start; they "
                f"do not count"
            )
        line(f"origin       {report.origin}")
        for fault in report.faults:
            where = "" if fault.seq is None else f" at event {fault.seq}"
            line(f"ERROR        {fault.code}{where}: {fault.text}")
    if not report.ok:
        say(f"holdfast: {report.path}: this journal does NOT match its signatures")
        raise typer.Exit(1)
    say(f"{report.path}: every event is in place, signed, and replays")


@app.command()
def export(
    folder: PathArgument = None,
    form: Annotated[
        Literal["jsonl", "csv"], typer.Option("--format", help="One event per line, or a table.")
    ] = "jsonl",
    home: HomeOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format jsonl.")] = False,
) -> None:
    """Print every event.

    Example:

        holdfast journal export --format csv > events.csv
    """
    from holdfast.service.journal.export import export as export_journal

    with written():
        count = export_journal(_path(folder, home), "jsonl" if as_json else form, sys.stdout)
    say(f"{count} events")


@app.command()
def replay(
    policy: Annotated[Path, typer.Option("--policy", help="The candidate policy.")],
    folder: PathArgument = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show which past requests another policy would have decided differently.

    Every decided request is decided again in order, at its own time and with its recorded facts, so
    limits fill up as they would have. Operators' answers are not replayed: a pending request counts
    as allowed. Exits with 2 if a request would be treated more mildly.

    Example:

        holdfast journal replay --policy candidate.toml
    """
    from holdfast._core import PolicyError
    from holdfast.cli.replay import flips

    try:
        result = flips(_path(folder, home), policy_text(policy))
    except PolicyError as error:
        faults = error.args[2]
        first = f"{policy}:{faults[0][0]}:{faults[0][1]}: {faults[0][3]}"
        raise Failure(f"{first}; see `holdfast policy check {policy}`", code="bad_policy") from None
    if as_json:
        for flip in result.flips:
            emit(flip)
    else:
        header = ("request", "agent", "then", "now", "", "why now")
        table(header, [_flip_row(flip) for flip in result.flips])
    say(
        f"{len(result.flips)} of {result.decided} decided requests would get a different verdict, "
        f"{result.wider} of them a milder one"
    )
    if result.passed_over:
        why = (
            "not judged: denied for a passing reason, such as a freeze, not kept in full, or paid "
            "under a grant"
        )
        say(f"{result.passed_over} more were {why}")
    if result.wider:
        raise typer.Exit(2)


def _flip_row(flip: dict[str, Any]) -> tuple[object, ...]:
    words = ", ".join(str(reason["code"]) for reason in flip["reasons"])
    way = "WIDER" if flip["wider"] else "stricter"
    return flip["id"], flip["agent"], flip["then"], flip["now"], way, words
