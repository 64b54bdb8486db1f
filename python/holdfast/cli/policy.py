"""`holdfast policy ...`: check a policy, try it on cases, begin a new one. No guardian needed."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.cli.options import JsonOption, text_of
from holdfast.cli.output import Failure, emit, emit_raw, line, say, table

app = typer.Typer(name="policy", help="Check, try and begin policy files.", no_args_is_help=True)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The policy file; - for standard input.")],
    as_json: JsonOption = False,
) -> None:
    """Parse a policy file and look for mistakes; exit 1 when it would be refused.

    Example:

        holdfast policy check ~/.local/share/holdfast/policy.toml
    """
    from holdfast._core import PolicyError, check_policy

    try:
        report = json.loads(check_policy(text_of(file), time.time_ns() // 1_000_000))
    except PolicyError as error:
        _refuse(file, error, as_json)
    if as_json:
        emit({"ok": True, "file": str(file), **report})
        return
    for hint in report.get("lint", []):
        line(_fault(file, hint, "note"))
    say(f"{file}: sound; digest {report['digest']}")


def _refuse(file: Path, error: Exception, as_json: bool) -> None:
    names = ("line", "column", "code", "text", "hint")
    faults = [dict(zip(names, fault, strict=True)) for fault in error.args[2]]
    if as_json:
        emit({"ok": False, "file": str(file), "faults": faults})
    else:
        for fault in faults:
            line(_fault(file, fault, "error"))
    count = f"{len(faults)} fault{'s' if len(faults) != 1 else ''}"
    say(f"holdfast: {file}: refused as a whole: {count}; nothing of it is in force")
    raise typer.Exit(1)


def _fault(file: Path, fault: dict[str, Any], word: str) -> str:
    text = f"{file}:{fault['line']}:{fault['column']}: {word}: {fault['text']} [{fault['code']}]"
    return f"{text}\n    write: {fault['hint']}" if fault.get("hint") else text


@app.command()
def decide(
    policy: Annotated[Path, typer.Option("--policy", help="The policy file.")],
    cases: Annotated[
        Path, typer.Option("--cases", help="One case a line: id, agent, at, request, facts.")
    ],
    stateful: Annotated[
        bool, typer.Option("--stateful", help="Limits carry over from case to case.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what a policy decides in given cases, with the guardian's own engine.

    Example of a case:

        {"id": "c1", "agent": "shopper", "at": 1767225600000, "request": {"method":
        "eth_sendTransaction", "params": [{"to": "0x...", "value": "0x1"}]}, "facts": {}}

    Example:

        holdfast policy decide --policy policy.toml --cases cases.jsonl --stateful --json
    """
    from holdfast._core import PolicyError, Simulator

    try:
        simulator = Simulator(text_of(policy), stateful)
    except PolicyError as error:
        _refuse(policy, error, as_json)
    results = []
    for row in text_of(cases).splitlines():
        if not row.strip():
            continue
        result = simulator.decide(row.encode())
        if as_json:
            emit_raw(result)
        else:
            results.append(json.loads(result))
    table(("case", "verdict", "reasons"), [_result_row(result) for result in results])


def _result_row(result: dict[str, Any]) -> tuple[str, str, str]:
    words = [
        f"{reason['code']} ({reason['rule']})" if reason.get("rule") else str(reason["code"])
        for reason in result.get("reasons", [])
    ]
    return str(result.get("id")), str(result.get("verdict")), ", ".join(words)


@app.command()
def new(
    wallet: Annotated[
        list[str],
        typer.Option("--wallet", help="A wallet's address with its checksum; repeatable."),
    ],
    chain: Annotated[int, typer.Option("--chain", help="The chain id.")] = 31337,
    agent: Annotated[str, typer.Option("--agent", help="The agent's id.")] = "agent",
    as_json: JsonOption = False,
) -> None:
    """Print a commented policy to begin with: every payment asks a person.

    Example:

        holdfast policy new --wallet 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266 > policy.toml
    """
    from holdfast._core import PolicyError, check_policy
    from holdfast.service import starter

    text = starter.policy(wallet, chain, agent)
    try:
        check_policy(text)
    except PolicyError as error:
        _, _, faults = error.args
        raise Failure(f"that makes no sound policy: {faults[0][3]}", code="bad_policy") from None
    if as_json:
        emit({"policy": text})
    else:
        line(text.rstrip("\n"))
