"""`holdfast policy trust`: the trust level of each agent, and what speaks for the next one."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.options import HomeOption, JsonOption, existing
from holdfast.cli.output import Failure, emit, line, say, table

if TYPE_CHECKING:
    from holdfast.service.journal.standing import Standing

DAY_MS = 86_400_000
# How long an agent is at a level without a violation before the next one is proposed.
QUIET_DAYS = 30


def trust(
    file: Annotated[
        Path | None,
        typer.Argument(help="The policy file. Default: policy.toml of the home."),
    ] = None,
    agent: Annotated[
        str | None, typer.Option("--agent", help="The agent's id.", show_default=False)
    ] = None,
    level: Annotated[
        str | None,
        typer.Option("--level", help="low, medium, high or unlimited.", show_default=False),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the trust level of each agent, or write another one into the policy file.

    A level is a block of limits in USD: for one payment, a day, a week, a month and in all. It
    grants nothing: rules still say what may be paid. After 30 days at a level with payments and
    without a violation (a denied request, or a freeze of the agent) the next one is proposed. You
    decide: nothing changes before `holdfast policy apply`.

    Example:

        holdfast policy trust policy.toml --agent shopper --level medium
    """
    from holdfast.cli.policy_append import read_policy

    if (agent is None) != (level is None):
        text = "--agent and --level belong together"
        raise Failure(text, code="usage", exit_code=2)
    path = file or existing(home).policy_path
    source = read_policy(path)
    if agent is not None and level is not None:
        _set(path, source, agent, level.upper(), as_json)
        return
    place = existing(home) if home is not None or file is None else None
    rows = [_row(each, source) for each in _agents(source)]
    if place is not None:
        _add_standing(rows, place.journal_path)
    if as_json:
        for row in rows:
            emit(row)
        return
    table(
        ("agent", "level", "a payment", "a day", "a week", "a month", "in all"), map(_cells, rows)
    )
    for row in rows:
        if "proposal" in row:
            say(f"{row['agent']}: {row['proposal']}")


def _agents(source: str) -> list[str]:
    from holdfast._core import check_policy

    return list(json.loads(check_policy(source))["agents"])


def _set(path: Path, source: str, agent: str, level: str, as_json: bool) -> None:
    from holdfast.cli.policy_append import rewrite
    from holdfast.policies.errors import PolicyTextError
    from holdfast.policies.trust import LEVELS, with_level

    if level not in LEVELS:
        known = ", ".join(each.lower() for each in LEVELS)
        raise Failure(f"--level {level.lower()}: use {known}", code="usage", exit_code=2)
    if agent not in _agents(source):
        known = ", ".join(f"`{each}`" for each in _agents(source))
        text = f"{path} has no agent `{agent}`: choose {known}"
        raise Failure(text, code="usage", exit_code=2)
    try:
        changed = with_level(source, agent, level)
    except PolicyTextError as error:
        raise Failure(f"{path}: {error}", code="bad_policy") from None
    if changed != source:
        rewrite(path, source, changed)
    if as_json:
        emit({"agent": agent, "level": level, "file": str(path), "changed": changed != source})
        return
    line(f"{agent}  {level}")
    if level == "UNLIMITED":
        say(f"warning: no level limits `{agent}` now; only the other limits of {path} do")
    say(f"Next: check it with `holdfast policy diff`, then `holdfast policy apply {path}`.")


def _row(agent: str, source: str) -> dict[str, Any]:
    from holdfast.policies.trust import LEVELS, level_of

    level = level_of(source, agent)
    amounts = LEVELS[level] if level is not None else None
    return {"agent": agent, "level": level, "usd": list(amounts) if amounts else None}


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    amounts = row["usd"] or ["-"] * 5
    shown = [f"{each:,} USD" if isinstance(each, int) else each for each in amounts]
    return (row["agent"], row["level"] or "none", *shown)


def _add_standing(rows: list[dict[str, Any]], journal: Path) -> None:
    from holdfast.policies.trust import level_of
    from holdfast.service.journal.open import open_reader
    from holdfast.service.journal.standing import standings

    reader = open_reader(journal)
    try:
        found = standings(reader, [row["agent"] for row in rows], level_of)
    finally:
        reader.close()
    now_ms = time.time_ns() // 1_000_000
    for row in rows:
        standing = found[row["agent"]]
        if standing.level is not None and standing.level == row["level"]:
            row |= {"signed": standing.signed, "quiet_since": standing.quiet_since()}
            row["proposal"] = proposal(standing, now_ms)


def proposal(standing: Standing, now_ms: int) -> str:
    """What follows for an agent at a level, in words."""
    from holdfast.policies.trust import next_level

    since, above = standing.quiet_since(), next_level(str(standing.level))
    if above is None or since is None:
        return "no level above it is proposed"
    if standing.signed == 0:
        return "nothing was signed at this level yet"
    # Without payments there was nothing to do wrong.
    start = max(since, standing.signed_since or since)
    days = max(0, now_ms - start) // DAY_MS
    if days < QUIET_DAYS:
        return f"{days} of {QUIET_DAYS} days without a violation"
    return (
        f"{days} days without a violation, {standing.signed} signed: `--level {above.lower()}` can "
        "follow"
    )
