"""`holdfast policy bench`: known attacks on a policy, decided by the guardian's own engine."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.options import HomeOption, JsonOption, existing
from holdfast.cli.output import emit, line, say, table
from holdfast.cli.policy_source import policy_text

if TYPE_CHECKING:
    from holdfast.policies.bench.run import Found

WORDS = {
    "refused": "refused",
    "asks": "asks a person",
    "waits": "waits",
    "bounded": "PASSES, bounded",
    "unbounded": "PASSES, NO LIMIT",
}


def bench(
    file: Annotated[
        Path | None, typer.Argument(help="The policy file. Default: policy.toml of the home.")
    ] = None,
    min_percent: Annotated[
        int,
        typer.Option(
            "--min-percent",
            min=0,
            max=100,
            help="Exit 2 also if fewer percent of the attacks are stopped.",
        ),
    ] = 0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try known attacks on a policy; exit 2 when one passes that no limit bounds.

    Each attack is built for every agent, wallet, token and listed address of the policy, with the
    largest amount that passes, and its worst result is shown. Nothing is signed. Limits are empty,
    every contract is taken to be there, and an asset without a pinned price to be worth 1 USD.

    Example:

        holdfast policy bench policy.toml --min-percent 90
    """
    from holdfast._core import PolicyError
    from holdfast.cli.policy import refuse
    from holdfast.policies.bench.run import Bench, score

    path = file or existing(home).policy_path
    try:
        found = Bench(policy_text(path), datetime.now(UTC)).run()
    except PolicyError as error:
        refuse(path, error, as_json)
    scores = score(found)
    stopped, tried = (sum(each[place] for each in scores.values()) for place in (0, 1))
    percent = 100 * stopped // tried if tried else 100
    open_ = [one for one in found if one.outcome == "unbounded" and one.attack.category != "honest"]
    if as_json:
        emit({"file": str(path), "percent": percent, "attacks": [_row(one) for one in found]})
    else:
        header = ("category", "attack", "result", "why")
        table(header, [(one.attack.category, one.attack.text, *_result(one)) for one in found])
        for category, (good, all_) in scores.items():
            line(f"{category}: {good} of {all_} stopped")
    say(f"{stopped} of {tried} attacks stopped ({percent} %); {len(open_)} pass without a limit")
    if open_ or percent < min_percent:
        raise typer.Exit(2)


def _result(one: Found) -> tuple[str, str]:
    from holdfast.policies.verdict import duration, limit_row
    from holdfast.wording import decimal, safe

    reason = one.result["reasons"][0]
    rule = f" ({safe(reason['rule'], 64)})" if reason.get("rule") else ""
    why = f"{one.scene.agent.id}: {reason['code']}{rule}"
    if "delay_ms" in one.result:
        why += f", {duration(one.result['delay_ms'])}"
    if one.passes and one.attack.has_amount:
        token = one.scene.token if "value" not in one.attack.members else None
        shown = f"{decimal(one.amount, token.decimals)} {token.id}" if token else str(one.amount)
        why += f"; {safe(shown, 80)} at a time"
    if one.limit is not None:
        name, _, _, _, most, _ = limit_row(one.limit)
        times = f"{one.times} time{'s' if one.times != 1 else ''}"
        why += f", {name} stops it after {times}: {most} per {one.limit['window']}"
    return WORDS[one.outcome], why


def _row(one: Found) -> dict[str, Any]:
    attack, scene = one.attack, one.scene
    return {
        "id": attack.id,
        "category": attack.category,
        "text": attack.text,
        "outcome": one.outcome,
        "agent": scene.agent.id,
        "token": scene.token.id if scene.token else None,
        "payee": scene.names.get("payee"),
        "amount": str(one.amount) if attack.has_amount else None,
        "reasons": one.result["reasons"],
        "limit": one.limit,
        "times": one.times,
    }
