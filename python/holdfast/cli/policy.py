"""`holdfast policy ...`: check a policy, try it on cases, put one in force."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from holdfast.cli.options import (
    HomeOption,
    JsonOption,
    PassphraseCommand,
    PassphraseFd,
    YesOption,
    existing,
    source,
    text_of,
)
from holdfast.cli.output import Failure, emit, emit_raw, line, say, table
from holdfast.cli.policy_source import composed, place_of, policy_text

if TYPE_CHECKING:
    from holdfast.operator.comparison import Comparison
    from holdfast.operator.differences import Change
    from holdfast.service.home.folder import Home

app = typer.Typer(
    name="policy", help="Check, test, create and apply policies.", no_args_is_help=True
)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The policy file; - for standard input.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Parse a policy file and look for mistakes; exit 1 when it would be rejected.

    A file in a guardian's home, and any file with --home, may name only wallets that this guardian
    holds a key for, and agents whose sockets have room there. Other files are checked without.

    Example:

        holdfast policy check ~/.local/share/holdfast/policy.toml
    """
    from holdfast._core import PolicyError, check_policy
    from holdfast.service.home.agent_sockets import check_sockets, with_agents_dir
    from holdfast.service.home.folder import Home

    place = Home(file.absolute().parent) if home is None else existing(home)
    try:
        held = _held(file, home)
        text = policy_text(file)
        report = json.loads(check_policy(text, time.time_ns() // 1_000_000, held))
        if place.exists:
            check_sockets(with_agents_dir(place), text, report["agents"])
    except PolicyError as error:
        refuse(file, error, as_json)
    if as_json:
        emit({"ok": True, "file": str(file), **report})
        return
    for hint in report.get("lint", []):
        line(_fault(file, hint, "note"))
    say(f"{file}: valid; digest {report['digest']}")


def _held(file: Path, home: Path | None) -> list[str] | None:
    """The wallets of the guardian whose policy this is; None without one."""
    from holdfast.secrets.held import held_wallets
    from holdfast.service.home.folder import Home

    place = Home(file.absolute().parent) if home is None else existing(home)
    return held_wallets(place.wallets_dir) if place.exists else None


def refuse(file: Path, error: Exception, as_json: bool) -> NoReturn:
    """Prints every error of a policy file with its place, and exits 1."""
    names = ("line", "column", "code", "text", "hint")
    faults = [dict(zip(names, fault, strict=True)) for fault in error.args[2]]
    if as_json:
        emit({"ok": False, "file": str(file), "faults": faults})
    else:
        for fault in faults:
            line(_fault(file, fault, "error"))
    count = f"{len(faults)} error{'s' if len(faults) != 1 else ''}"
    say(f"holdfast: {file}: {count}; not loaded")
    raise typer.Exit(1)


def _fault(file: Path, fault: dict[str, Any], word: str) -> str:
    file, number = place_of(file, int(fault["line"]))
    text = f"{file}:{number}:{fault['column']}: {word}: {fault['text']} [{fault['code']}]"
    return f"{text}\n    fix: {fault['hint']}" if fault.get("hint") else text


@app.command()
def apply(
    file: Annotated[
        Path | None, typer.Argument(help="The policy file. Default: policy.toml of the home.")
    ] = None,
    yes: YesOption = False,
    also: Annotated[
        list[Path] | None,
        typer.Option(
            "--with",
            help="Another operator's signature, from `holdfast policy sign`; repeatable.",
            show_default=False,
        ),
    ] = None,
    passphrase_fd: PassphraseFd = None,
    passphrase_command: PassphraseCommand = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a policy in force: show what changes, ask, and sign it with the operator key.

    A running guardian applies it immediately; otherwise it takes effect at the next start. Every
    looser change needs this command; a change that can only deny more takes effect when policy.toml
    is saved. Where the policy in force has a `loosen_quorum`, so many operators sign a looser one.

    Example:

        holdfast policy apply policy.toml
    """
    from holdfast._core import PolicyError, check_policy
    from holdfast.cli.apply import agreed, check_home, cosigned, target, when
    from holdfast.operator import format as fmt
    from holdfast.operator.differences import changes
    from holdfast.secrets.authority import digest_of
    from holdfast.secrets.held import held_wallets

    place = existing(home)
    path = file or place.policy_path
    text = policy_text(path)
    others = [signed for each in also or [] for signed in cosigned(each)]
    if composed(path).is_joined and path.resolve() == place.policy_path.resolve():
        why = f"`{path}` includes files and would be replaced by the one text that is signed"
        raise Failure(f"{why}: keep it in another folder and apply it there", code="bad_policy")
    try:
        held = held_wallets(place.wallets_dir)
        report = json.loads(check_policy(text, time.time_ns() // 1_000_000, held))
    except PolicyError as error:
        refuse(path, error, as_json)
    digest = digest_of(text)
    with target(place) as found:
        try:
            check_home(found, text, report["agents"])
        except PolicyError as error:
            refuse(path, error, as_json)
        old = found.known.policy
        # One that is in force without a signature, because it was only stricter, may get one.
        differences = changes(old, text)
        agreed(
            yes,
            lambda: None if as_json else show(place, old, text, differences),
            f"sign {path} as revision {found.revision('policy')}?",
        )
        signed = found.sign(source(passphrase_fd, passphrase_command), "policy", text)
        done = found.apply("policy", text, signed, others)
        if "due_ms" in done:
            # It is looser, and the policy in force makes such ones wait.
            effective = fmt.stamp(done["due_ms"])
            say(f"in force from {effective}, unless another policy is applied before")
        elif "waits" in done:
            effective = "later"
            say("it is looser: from the next start on it waits as long as `loosen_delay` says")
        else:
            effective = when(found.link, at_once=True)
    if as_json:
        listed = [
            {"path": each.path, "text": each.text, "looser": each.looser} for each in differences
        ]
        revision = done["revision"]
        compared = _compared(old, text)
        shown = {
            "digest": digest,
            "revision": revision,
            "in_force": effective,
            "changes": listed,
            "relation": compared.relation if compared else None,
            "rows": compared.raw["rows"] if compared else [],
        }
        emit(shown)
    else:
        line(f"policy  revision {done['revision']}  {digest}")


def show(place: Home, old: str | None, text: str, differences: list[Change]) -> None:
    """Every difference from the policy in force, what it means and what it can cost."""
    from holdfast.operator.comparison import RELATIONS, lines
    from holdfast.operator.differences import text_diff
    from holdfast.operator.worst_case import changed

    for each in text_diff(old, text):
        line(each)
    for change in differences:
        line(change.words)
    looser = sum(change.looser for change in differences)
    line(f"{len(differences)} changes, {looser} of them looser")
    found = _compared(old, text)
    if found is not None:
        for each in lines(found):
            line(each)
        line(f"compared with the policy in force: {RELATIONS[found.relation]}")
    for each in changed(old, text, time.time_ns() // 1_000_000):
        line(each)
    try:
        pending = text_of(place.policy_path)
    except Failure:
        return
    if pending not in (old, text):
        line(
            f"{place.policy_path} holds other changes that are not in force: they will be replaced"
        )


def _compared(old: str | None, text: str) -> Comparison | None:
    """None without a policy in force, or with one that this program cannot read."""
    from holdfast._core import PolicyError
    from holdfast.operator.comparison import compare

    try:
        return compare(old, text, time.time_ns() // 1_000_000) if old is not None else None
    except PolicyError:
        return None


@app.command()
def decide(
    policy: Annotated[Path, typer.Option("--policy", help="The policy file.")],
    cases: Annotated[
        Path, typer.Option("--cases", help="One case per line: id, agent, at, request, facts.")
    ],
    stateful: Annotated[
        bool, typer.Option("--stateful", help="Limits carry over from case to case.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what a policy decides in given cases, with the guardian's own engine.

    A case is one line of JSON with `id`, `agent`, `at` (ms), `request` (`method` and `params` as an
    agent sends them) and `facts`. `policy diff --witness 1` prints one to begin with.

    Example:

        holdfast policy decide --policy policy.toml --cases cases.jsonl --stateful --json
    """
    from holdfast._core import PolicyError, Simulator

    try:
        simulator = Simulator(policy_text(policy), stateful)
    except PolicyError as error:
        refuse(policy, error, as_json)
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
