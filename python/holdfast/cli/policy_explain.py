"""`holdfast policy explain`: a policy in words."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.cli.options import HomeOption, JsonOption, existing
from holdfast.cli.output import Failure, emit, line
from holdfast.cli.policy_source import policy_text
from holdfast.codes import Code

# The sections of an agent, in the order in which they are read.
SECTIONS = (
    ("may", "may, without a person"),
    ("asks", "may, if a person approves"),
    ("reviews", "needs more than that for"),
    ("never", "never"),
    ("limits", "and at most"),
)


def explain(
    file: Annotated[
        Path | None, typer.Argument(help="The policy file. Default: policy.toml of the home.")
    ] = None,
    agent: Annotated[
        str | None, typer.Option("--agent", help="Only this agent.", show_default=False)
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say in words what a policy allows: who may do what, the most a day, and what asks a person.

    Anything that is not listed is denied.

    Example:

        holdfast policy explain policy.toml --agent shopper
    """
    from holdfast._core import PolicyError, policy_explained
    from holdfast.cli.policy import refuse
    from holdfast.operator import worst_case as worst

    path = file or existing(home).policy_path
    source = policy_text(path)
    try:
        told: list[dict[str, Any]] = json.loads(policy_explained(source))
        cases = worst.worst_cases(source, agent, time.time_ns() // 1_000_000)
    except PolicyError as error:
        refuse(path, error, as_json)
    told = [each for each in told if agent in (None, each["agent"])]
    if not told:
        text = f"`{path}` declares no agent `{agent}`: name one of its [[agent]] tables"
        raise Failure(text, code=Code.AGENT_UNKNOWN)
    if as_json:
        emit({"file": str(path), "agents": told})
        return
    for warning in worst.warnings(cases):
        line(warning)
    for each in told:
        line(f"agent {each['agent']}: {each['uses']}")
        for name, heading in SECTIONS:
            rows = each[name]
            if rows:
                line(f"  {heading}")
            for row in rows:
                line(f"    {row['id']}: {row['text']}")
        if not each["may"] and not each["asks"]:
            line("  may do nothing: no rule is about it")
        for case in cases:
            if case["agent"] == each["agent"]:
                line(f"  the most without a person: {worst.headline(case)}")
    line("Anything else is denied.")
