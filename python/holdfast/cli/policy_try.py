"""`holdfast policy try`: what a policy decides about one payment, said in words."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.options import HomeOption, JsonOption, existing, locate
from holdfast.cli.output import Failure, emit, line, say, table
from holdfast.cli.policy_source import policy_text

if TYPE_CHECKING:
    from holdfast.policies.payment import Built


def try_(
    file: Annotated[
        Path | None, typer.Argument(help="The policy file. Default: policy.toml of the home.")
    ] = None,
    agent: Annotated[
        str | None, typer.Option("--agent", help="The agent that asks. Default: the only one.")
    ] = None,
    pay: Annotated[
        str | None, typer.Option("--pay", help='What is paid, like "25 usdc".', show_default=False)
    ] = None,
    allow: Annotated[
        str | None,
        typer.Option(
            "--allow",
            help='Instead: an allowance, like "25 usdc" or "unlimited usdc".',
            show_default=False,
        ),
    ] = None,
    to: Annotated[
        str, typer.Option("--to", help="Who gets it: an address, a label, or a list (its first).")
    ] = "",
    x402: Annotated[
        bool, typer.Option("--x402", help="As a signed x402 payment, not a transaction.")
    ] = False,
    wallet: Annotated[
        str | None, typer.Option("--wallet", help="A wallet's id. Default: the agent's first.")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", help="The time, like 2026-01-05T12:00:00Z. Default: now.")
    ] = None,
    used: Annotated[
        list[str] | None,
        typer.Option("--used", help="LIMIT=AMOUNT that counts already; repeatable."),
    ] = None,
    price: Annotated[
        list[str] | None,
        typer.Option("--price", help="ASSET=USD, where no price is pinned; repeatable."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what the policy decides about one payment, with every reason and limit.

    Nothing is signed or counted, and the guardian's history is not read: limits are empty, but for
    --used.

    Example:

        holdfast policy try policy.toml --agent shopper --pay "25 usdc" --to vendors
    """
    from holdfast._core import PolicyError, Simulator
    from holdfast.cli.policy import refuse
    from holdfast.policies.declared import Declared
    from holdfast.policies.errors import PolicyTextError
    from holdfast.policies.payment import Words, build

    if (pay is None) == (allow is None) or not to or (x402 and pay is None):
        text = (
            'say what is asked: --pay "25 usdc" (with --x402 if it is signed) or --allow, and --to'
        )
        raise Failure(text, code="usage", exit_code=2)
    path = file or existing(home).policy_path
    source = policy_text(path)
    moment = _moment(at)
    try:
        simulator = Simulator(source, False)
        declared = Declared.read(source)
        who = declared.agent(agent)
        kind = "allow" if pay is None else "x402" if x402 else "pay"
        built = build(declared, who, Words(kind, pay or allow or "", to, wallet), moment)
    except PolicyError as error:
        refuse(path, error, as_json)
    except PolicyTextError as error:
        raise Failure(str(error), code="bad_words") from None
    milliseconds = int(moment.timestamp() * 1000)
    prices = {
        asset: {"usd": usd, "at": milliseconds} for asset, usd in _pairs("--price", price).items()
    }
    case = {
        "agent": who.id,
        "at": milliseconds,
        "request": {"method": built.method, "params": built.params},
        "facts": {"prices": prices} if prices else {},
        "used": _pairs("--used", used),
        "limits": True,
    }
    result = json.loads(simulator.decide(json.dumps(case).encode()))
    _check_used(case["used"], result, declared.limits)
    if as_json:
        emit({"request": case["request"], "text": built.text, **result})
        return
    _print(who.id, built, result)
    if locate(home).exists and not used:
        say("limits are empty here: the guardian's history is not read; --used says what counts")


def _moment(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        why = f"--at {text} is no time with an offset: write it like 2026-01-05T12:00:00Z"
        raise Failure(why, code="usage", exit_code=2)
    return found


def _pairs(option: str, values: list[str] | None) -> dict[str, str]:
    found = {}
    for value in values or []:
        name, separator, amount = value.partition("=")
        if not (name and separator and amount):
            text = f"{option} {value} is no NAME=AMOUNT: write it like {option} day=150"
            raise Failure(text, code="usage", exit_code=2)
        found[name] = amount
    return found


def _check_used(used: Any, result: dict[str, Any], limits: tuple[str, ...]) -> None:
    """What was said to be used must be of a limit, and be an amount in its unit."""
    from holdfast.policies.declared import choices

    for name in used:
        if name not in limits:
            text = f"--used names `{name}`, which is no limit: choose {choices(limits)}"
            raise Failure(text, code="bad_words")
    for reason in result["reasons"]:
        found = str(reason["observed"])
        if " at /used/" in found:
            raise Failure(f"--used is wrong: {found}", code="bad_words")


def _print(agent: str, built: Built, result: dict[str, Any]) -> None:
    from holdfast.policies.verdict import limit_row, reason_words, verdict_words

    line(f"{agent}: {built.text}")
    line(f"verdict: {verdict_words(result)}")
    for reason in result["reasons"]:
        line(f"  {reason_words(reason)}")
    header = ("limit", "for", "used", "with this", "max", "left")
    table(header, [limit_row(view) for view in result.get("limits", [])])
