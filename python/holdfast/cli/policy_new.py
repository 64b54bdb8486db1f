"""`holdfast policy new`: a commented policy to begin with, and cases that show what it does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.options import JsonOption
from holdfast.cli.output import Failure, emit, line, say
from holdfast.cli.policy_import import write_new
from holdfast.cli.policy_place import (
    AgentOption,
    AssetsOption,
    ChainOption,
    CoinOption,
    WalletsOption,
    named_addresses,
    surroundings,
)
from holdfast.cli.policy_test import SUFFIX

if TYPE_CHECKING:
    from holdfast.policies.templates.fill import Filled


def new(
    wallet: WalletsOption,
    chain: ChainOption = 31337,
    agent: AgentOption = "agent",
    template: Annotated[
        str | None,
        typer.Option(
            "--template",
            help="x402-shopper, payroll, arbitrage, farming, experimental or treasury. Default: "
            "a starter that requires approval of every payment.",
            show_default=False,
        ),
    ] = None,
    coin: CoinOption = "eth",
    asset: AssetsOption = None,
    payee: Annotated[
        list[str] | None,
        typer.Option(
            "--payee",
            help="NAME=ADDRESS of who may be paid, or of a venue or vault; repeatable.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            help="Write the policy to this new file, and the template's cases beside it.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print a commented policy to begin with: a starter, or a template filled by your options.

    With --output, the template's cases are written too: run them with `holdfast policy test`.

    Example:

        holdfast policy new --wallet 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266 > policy.toml
    """
    from holdfast._core import PolicyError, check_policy
    from holdfast.service.home import starter

    cases = None
    if template is None:
        if asset or payee or coin != "eth":
            text = "--coin, --asset and --payee fill a --template: name one"
            raise Failure(text, code="usage", exit_code=2)
        text = starter.policy(wallet, chain, agent)
    else:
        filled = _filled(template, wallet, chain, agent, coin, asset or [], payee or [])
        text, cases = filled.policy, filled.cases
    try:
        check_policy(text)
    except PolicyError as error:
        fault, hint = error.args[2][0][3:]
        why = f"the result is not a valid policy: {fault}" + (f" ({hint})" if hint else "")
        raise Failure(why, code="bad_policy") from None
    if output is not None:
        _write(output, text, cases)
    if as_json:
        emit({"policy": text} if cases is None else {"policy": text, "cases": cases})
    elif output is None:
        line(text.rstrip("\n"))


def _filled(
    template: str,
    wallets: list[str],
    chain: int,
    agent: str,
    coin: str,
    assets: list[str],
    payees: list[str],
) -> Filled:
    from holdfast.policies.errors import PolicyTextError
    from holdfast.policies.templates.fill import TEMPLATES, fill

    if template not in TEMPLATES:
        known = ", ".join(TEMPLATES)
        raise Failure(f"--template {template}: use one of {known}", code="usage", exit_code=2)
    place = surroundings(wallets, chain, agent, coin, assets, named_addresses(payees))
    try:
        return fill(template, place)
    except PolicyTextError as error:
        raise Failure(str(error), code="usage", exit_code=2) from None


def _write(path: Path, policy: str, cases: str | None) -> None:
    beside = path.with_name(path.stem + SUFFIX)
    if cases is not None and beside.exists():
        raise Failure(f"`{beside}` exists: nothing was written", code="file_exists")
    write_new(path, policy)
    if cases is None:
        say(f"wrote {path}")
        return
    write_new(beside, cases)
    say(f"wrote {path} and {beside}: run `holdfast policy test {path}`")
