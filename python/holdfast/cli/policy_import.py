"""`holdfast policy import`: a policy of another system, and what of it is not kept exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli.options import JsonOption, text_of
from holdfast.cli.output import Failure, emit, line, say
from holdfast.cli.policy_place import (
    AgentOption,
    AssetsOption,
    ChainOption,
    CoinOption,
    WalletsOption,
    named_addresses,
    surroundings,
)


def import_(
    source: Annotated[str, typer.Option("--from", help="agentwallex, clawd402, waiaas or sardis.")],
    file: Annotated[Path, typer.Argument(help="The document, JSON or YAML; - for standard input.")],
    wallet: WalletsOption,
    chain: ChainOption = 31337,
    agent: AgentOption = "agent",
    coin: CoinOption = "eth",
    asset: AssetsOption = None,
    address: Annotated[
        list[str] | None,
        typer.Option(
            "--address",
            help="NAME=ADDRESS of a payee, vendor or domain that the document only names; "
            "repeatable.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Write the policy to this new file.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Turn another system's policy into one of Holdfast's, and report what is not kept exactly.

    What Holdfast cannot say becomes stricter, or is reported with its consequence. The policy goes
    to standard output, or to --output; the report goes to standard error.

    Example:

        holdfast policy import --from waiaas policies.json --wallet
        0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266 --coin eth=3000 --output policy.toml
    """
    from holdfast.policies.errors import PolicyTextError
    from holdfast.policies.importing.convert import SOURCES, convert

    if source not in SOURCES:
        text = f"--from {source}: use one of {', '.join(SOURCES)}"
        raise Failure(text, code="usage", exit_code=2)
    names = named_addresses(address or [])
    place = surroundings(wallet, chain, agent, coin, asset or [], names)
    try:
        policy, report = convert(source, text_of(file), place)
    except PolicyTextError as error:
        raise Failure(f"{file}: {error}", code="bad_document") from None
    if output is not None:
        write_new(output, policy)
    if as_json:
        notes = [{"field": x.field, "state": x.state, "text": x.text} for x in report.notes]
        emit({"policy": policy, "notes": notes})
        return
    if output is None:
        line(policy.rstrip("\n"))
    for note in report.notes:
        say(f"{note.state:<8}  {note.field}: {note.text}")
    states = ("kept", "stricter", "not kept")
    say(", ".join(f"{report.count(state)} {state}" for state in states))


def write_new(path: Path, text: str) -> None:
    """A file that was not there, whole. Raises Failure."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Failure(f"`{path}` exists: nothing was written", code="file_exists") from None
