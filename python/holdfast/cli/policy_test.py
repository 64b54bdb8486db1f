"""`holdfast policy test`: cases beside a policy, decided by the guardian's own engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.options import JsonOption, locate, text_of
from holdfast.cli.output import Failure, emit, line, say
from holdfast.cli.policy_source import policy_text

if TYPE_CHECKING:
    from holdfast.policies.cases.coverage import Coverage
    from holdfast.policies.cases.run import Ran

SUFFIX = ".tests.toml"


def test(
    file: Annotated[
        Path | None, typer.Argument(help="The policy file. Default: policy.toml of the home.")
    ] = None,
    cases: Annotated[
        Path | None,
        typer.Option(
            "--cases",
            help="The file of cases, or a folder of *.tests.toml. Default: beside the policy, "
            "policy.tests.toml for policy.toml.",
            show_default=False,
        ),
    ] = None,
    coverage_min: Annotated[
        int,
        typer.Option(
            "--coverage-min",
            min=0,
            max=100,
            help="Fail if cases reach fewer percent of the rules, forbids, reviews and limits.",
        ),
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Run the cases of a policy; exit 1 when one is decided differently than it expects.

    Each case is decided alone, from its own history. A rule, forbid, review or limit that no
    decision names is not covered.

    Example:

        holdfast policy test policy.toml --coverage-min 90
    """
    from holdfast._core import PolicyError
    from holdfast.cli.policy import refuse
    from holdfast.policies.cases.coverage import coverage
    from holdfast.policies.cases.run import Runner

    path = file or locate(None).policy_path
    try:
        runner = Runner(policy_text(path))
    except PolicyError as error:
        refuse(path, error, as_json)
    ran = [(source, runner.run(case)) for source, case in _read(_files(path, cases))]
    found = coverage(runner.declared, (each for _, one in ran for each in one.decisions))
    failed = sum(not one.passed for _, one in ran)
    if as_json:
        emit(_summary(ran, found, failed))
    else:
        _print(ran, found)
    short = found.percent < coverage_min
    if not as_json:
        say(f"{len(ran) - failed} of {len(ran)} cases passed; coverage {found.percent} %")
    if short:
        say(f"holdfast: coverage is {found.percent} %, below --coverage-min {coverage_min}")
    if failed or short:
        raise typer.Exit(1)


def _files(policy: Path, cases: Path | None) -> list[Path]:
    if cases is None:
        beside = policy.with_name(policy.stem + SUFFIX)
        if not beside.exists():
            text = f"`{beside}` does not exist: write cases there, or name them with --cases"
            raise Failure(text, code="no_cases")
        return [beside]
    if not cases.is_dir():
        return [cases]
    found = sorted(cases.glob(f"*{SUFFIX}"))
    if not found:
        raise Failure(f"`{cases}` holds no *{SUFFIX}", code="no_cases")
    return found


def _read(files: list[Path]) -> Iterator[tuple[Path, Any]]:
    from holdfast.policies.cases.read import read_cases
    from holdfast.policies.errors import PolicyTextError

    for path in files:
        try:
            cases = read_cases(str(path), text_of(path))
        except PolicyTextError as error:
            raise Failure(str(error), code="bad_cases") from None
        for case in cases:
            yield path, case


def _print(ran: list[tuple[Path, Ran]], found: Coverage) -> None:
    from holdfast.policies.verdict import reason_words, verdict_words
    from holdfast.wording import safe

    for path, one in ran:
        name = safe(one.case.name, 200)
        if one.passed:
            line(f"ok    {name}: {verdict_words(one.result)}")
            continue
        line(f"FAIL  {name}: {one.differences[0]}")
        for more in one.differences[1:]:
            line(f"      {more}")
        line(f"      at {path}:{one.case.line}" + (f": {one.asked}" if one.asked else ""))
        for reason in one.result.get("reasons", []):
            line(f"      {reason_words(reason)}")
    for kind, name in found.missed:
        line(f"not covered: {kind} {name}")


def _summary(ran: list[tuple[Path, Ran]], found: Coverage, failed: int) -> dict[str, Any]:
    cases = [
        {
            "file": str(path),
            "line": one.case.line,
            "name": one.case.name,
            "ok": one.passed,
            "differences": list(one.differences),
            "verdict": one.result.get("verdict"),
            "reasons": one.result.get("reasons", []),
        }
        for path, one in ran
    ]
    missed = [{"kind": kind, "id": name} for kind, name in found.missed]
    covered = {"percent": found.percent, "total": found.total, "missed": missed}
    return {"cases": cases, "failed": failed, "coverage": covered}
