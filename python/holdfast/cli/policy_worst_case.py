"""`holdfast policy worst-case`: the most that one hijacked agent can move without a person."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli.options import HomeOption, JsonOption, existing
from holdfast.cli.output import Failure, emit, line, table
from holdfast.cli.policy_source import policy_text
from holdfast.codes import Code


def worst_case(
    file: Annotated[
        Path | None, typer.Argument(help="The policy file. Default: policy.toml of the home.")
    ] = None,
    agent: Annotated[
        str | None, typer.Option("--agent", help="Only this agent.", show_default=False)
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the most that a hijacked agent can move in 1 hour, a day and 30 days without approval.

    The figures are upper bounds, in each asset and in USD, with the rules and limits that set them.
    What has no limit comes first. Network fees are listed separately.

    Example:

        holdfast policy worst-case policy.toml --agent shopper
    """
    from holdfast._core import PolicyError
    from holdfast.cli.policy import refuse
    from holdfast.operator import worst_case as worst

    path = file or existing(home).policy_path
    try:
        cases = worst.worst_cases(policy_text(path), agent, time.time_ns() // 1_000_000)
    except PolicyError as error:
        refuse(path, error, as_json)
    if agent is not None and not cases:
        text = f"`{path}` declares no agent `{agent}`: name one of its [[agent]] tables"
        raise Failure(text, code=Code.AGENT_UNKNOWN)
    if as_json:
        emit({"file": str(path), "agents": cases})
        return
    for warning in worst.warnings(cases):
        line(warning)
    for case in cases:
        line(f"agent {case['agent']} on chain {case['chain_id']}, without approval at most")
        table(("", *(span["span"] for span in case["spans"])), worst.rows(case))
        for step in worst.path(case):
            line(f"  {step}")
