"""`holdfast policy review`: what the policy was used for, and what could be changed about it."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.options import HomeOption, JsonOption, existing
from holdfast.cli.output import Failure, emit, line, say, written
from holdfast.codes import Code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdfast.policies.review.finding import Finding
    from holdfast.policies.review.history import History
    from holdfast.policies.review.report import Loaded, Report

DAY_MS = 86_400_000
TITLES = {
    "always_approved": "always approved",
    "always_denied": "always denied",
    "expired": "expired",
    "expiring": "expires soon",
    "rule_unused": "never used",
    "entry_unpaid": "never paid",
    "limit_far": "never near",
}


def review(
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How far to look back.")] = 7,
    diff: Annotated[
        int | None,
        typer.Option(
            "--diff",
            help="Print the proposed diff of this finding, and nothing else.",
            show_default=False,
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what the policy in force was used for, and propose changes as diffs. Applies nothing.

    Finds rules that no request used, limits that were never near, rules whose requests were always
    approved or always denied, list entries that were never paid, and what has expired or will
    within a week. Reads the journal; the guardian may run or not.

    To use a proposal, apply its diff to a copy of policy.toml, check that, and sign it with
    `holdfast policy apply`.

    Example:

        holdfast policy review --days 30
        holdfast policy review --diff 1 | patch policy.toml
    """
    place = existing(home)
    history, report = _read(place.path, days)
    if diff is not None:
        _print_diff(report.findings, diff)
        return
    if as_json:
        emit(
            {
                "days": days,
                "from_ms": history.from_ms,
                "to_ms": history.to_ms,
                "decided": history.total,
                "passed_over": history.passed_over,
                "findings": [each.as_dict() for each in report.findings],
                "young": list(report.young),
            }
        )
        return
    for number, finding in enumerate(report.findings, 1):
        _show(number, finding)
    said = "1 finding" if len(report.findings) == 1 else f"{len(report.findings)} findings"
    say(f"{said} from {history.total} requests in {days} days; nothing was changed")
    if history.passed_over:
        why = "denied for a passing reason, such as a freeze, not kept in full, or under a grant"
        say(f"{history.passed_over} more were left out: {why}")
    if report.young:
        say(f"too new to judge their use: {', '.join(report.young)}")


def _read(path: Path, days: int) -> tuple[History, Report]:
    from holdfast.policies.review.history import History
    from holdfast.policies.review.report import review as reviewed
    from holdfast.service.journal.cases import case_of
    from holdfast.service.journal.open import open_reader
    from holdfast.service.runtime.event import REQUEST_DECIDED, kind_of, parse

    reader = open_reader(path)
    try:
        with reader.steady():
            loaded, last_at = _policies(reader.chunks())
            if not loaded:
                text = f"`{path}` has no policy: apply one with `holdfast policy apply`"
                raise Failure(text, code=Code.NO_POLICY)
            to_ms = max(time.time_ns() // 1_000_000, last_at)
            history = History(loaded[-1].source, to_ms - days * DAY_MS, to_ms)
            for _, records in reader.chunks():
                for record in records:
                    kind = kind_of(record)
                    if kind == REQUEST_DECIDED:
                        read = parse(record)
                        history.take(read, case_of(read))
                    elif kind in (b"request.approved", b"request.denied"):
                        history.answered(parse(record))
    finally:
        reader.close()
    return history, reviewed(history, loaded)


def _policies(chunks: Iterator[tuple[int, list[bytes]]]) -> tuple[list[Loaded], int]:
    """Every policy that came into force, and the time of the last event."""
    from holdfast.policies.review.report import Loaded
    from holdfast.service.runtime.event import kind_of, parse

    loaded, last = [], b""
    for _, records in chunks:
        last = records[-1]
        for record in records:
            if kind_of(record) == b"policy.loaded":
                read = parse(record)
                loaded.append(Loaded(int(read["at"]), str(read["data"]["source"])))
    return loaded, int(parse(last)["at"]) if last else 0


def _print_diff(findings: tuple[Finding, ...], number: int) -> None:
    if not 1 <= number <= len(findings):
        text = f"there is no finding {number}: the review has {len(findings)}"
        raise Failure(text, code="no_row")
    change = findings[number - 1].proposal
    if change is None:
        text = f"finding {number} has no diff: {findings[number - 1].why_none or 'see its text'}"
        raise Failure(text, code="no_diff")
    with written():
        sys.stdout.write(change.diff)


def _show(number: int, finding: Finding) -> None:
    from holdfast.operator.comparison import RELATIONS
    from holdfast.wording import safe

    line(
        f"{number}  {TITLES[finding.kind]}: {safe(finding.name, 200)}: {safe(finding.text, 1_000)}"
    )
    if finding.requests:
        newest = ", ".join(finding.requests[-5:])
        more = f" and {len(finding.requests) - 5} before" if len(finding.requests) > 5 else ""
        line(f"  requests: {newest}{more}")
    change = finding.proposal
    if change is None:
        if finding.why_none:
            line(f"  no change proposed: {safe(finding.why_none, 400)}")
        return
    differs = f"{change.milder} more mildly, {change.stricter} more strictly"
    relation = RELATIONS[change.relation]
    line(f"  proposed: {relation}")
    line(f"  of {change.replayed} past requests it decides {differs}")
    for each in change.diff.splitlines():
        line(f"    {safe(each, 400)}".rstrip())
