"""Running and stopping a guardian."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.cli.options import (
    HomeOption,
    JsonErrorsOption,
    JsonOption,
    PassphraseCommand,
    PassphraseFd,
    existing,
    source,
)
from holdfast.cli.output import emit, line, table

AGENT_COLUMNS = ("agent", "wallet", "chain", "waiting", "connections", "socket")


def serve(
    passphrase_fd: PassphraseFd = None,
    passphrase_command: PassphraseCommand = None,
    home: HomeOption = None,
    _as_json: JsonErrorsOption = False,
) -> None:
    """Run the guardian in the foreground, without a console.

    It stops on Ctrl-C or SIGTERM and logs to stderr, one JSON object per line.

    Example, as a service:

        holdfast serve --passphrase-command "systemd-creds cat wallets"
    """
    from holdfast.service import daemon

    place = existing(home).open_checked()
    secret = source(passphrase_fd, passphrase_command).read("the wallets")
    os.chdir("/")  # nothing that runs for months depends on where it was started
    raise typer.Exit(daemon.run(place, secret))


def console(
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Show everything, but allow no decisions.")
    ] = False,
    theme: Annotated[str | None, typer.Option("--theme", help="A theme by name.")] = None,
    stops_guardian: Annotated[bool, typer.Option("--stops-guardian", hidden=True)] = False,
    unlock_hint: Annotated[str, typer.Option("--unlock-hint", hidden=True)] = "",
    home: HomeOption = None,
    _as_json: JsonErrorsOption = False,
) -> None:
    """Open the console of a running guardian.

    Example:

        holdfast console --read-only --theme day
    """
    import holdfast.console
    from holdfast.cli.terminal import need_terminal
    from holdfast.process.places import check_ancestors, check_code

    place = existing(home)
    check_code()
    check_ancestors(place.path)
    need_terminal("use `holdfast status`, `pending`, `show`, `approve` and `freeze`")
    code = holdfast.console.run(
        place.path,
        theme=theme,
        read_only=read_only,
        stops_guardian=stops_guardian,
        unlock_hint=unlock_hint,
    )
    raise typer.Exit(code)


def up(
    passphrase_fd: PassphraseFd = None,
    passphrase_command: PassphraseCommand = None,
    theme: Annotated[str | None, typer.Option("--theme", help="A theme by name.")] = None,
    home: HomeOption = None,
    _as_json: JsonErrorsOption = False,
) -> None:
    """Run the guardian and open its console.

    Leaving the console stops the guardian. If a guardian is already running, only the console
    opens, and the guardian keeps running.

    Example:

        holdfast up
    """
    from holdfast.cli import up as both
    from holdfast.cli.terminal import need_terminal

    place = existing(home).open_checked()
    keys = source(passphrase_fd, passphrase_command)
    need_terminal("use `holdfast serve`")
    raise typer.Exit(both.run(place, keys, theme))


def demo(
    headless: Annotated[
        bool,
        typer.Option("--headless", help="No console: a script decides, and a summary is printed."),
    ] = False,
    seconds: Annotated[
        float, typer.Option("--seconds", help="The time limit of a headless run.")
    ] = 60.0,
    theme: Annotated[str | None, typer.Option("--theme", help="A theme by name.")] = None,
    home: Annotated[
        Path | None,
        typer.Option("--home", help="Keep the demo's home here. Default: remove it."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run a demo: a local chain, three sample agents, and you decide.

    One of the agents is hijacked.

    Example:

        holdfast demo --headless --seconds 60 --json
    """
    import holdfast.demo
    from holdfast.cli.terminal import need_terminal

    if not headless:
        need_terminal("use `holdfast demo --headless`")
    code = holdfast.demo.run(
        home=home, headless=headless, seconds=seconds, as_json=as_json, theme=theme
    )
    raise typer.Exit(code)


def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show status; exit 1 if something needs action.

    A guardian that is sealed or frozen needs action, too. It prints what is wrong and what to do.

    Example:

        holdfast status --json
    """
    from holdfast.cli.link import Link
    from holdfast.cli.policy_shadow import shadow_line
    from holdfast.operator import format as fmt
    from holdfast.operator.describe import scope_text

    with Link(existing(home).operator_socket) as link:
        hello, found = link.object("hello"), link.object("status")
    health = found.get("health") or {}
    conditions = health.get("conditions") or []
    stopped = bool(found.get("sealed") or found.get("freezes") or conditions or _alarms(found))
    if as_json:
        emit({"hello": hello, **found})
        raise typer.Exit(1 if stopped else 0)
    policy: dict[str, Any] = found.get("policy") or {}
    line(
        f"guardian  {fmt.safe(hello.get('origin', '?'))}, version {fmt.safe(hello.get('version'))}"
    )
    line(f"events    {int(found.get('seq', -1)) + 1}")
    line(f"policy    {fmt.safe(policy.get('name', 'none'))} {str(policy.get('digest', ''))[:16]}")
    line(f"revision  {policy.get('revision')}")
    if coming := policy.get("coming"):
        name, due = fmt.safe(coming.get("name", ""), 48), fmt.stamp(coming.get("due_ms"))
        line(f"coming    {name} from {due}: looser, {fmt.safe(coming.get('looser', ''), 300)}")
    if words := shadow_line(found.get("shadow") or {}):
        line(f"shadow    {words}")
    if found.get("sealed"):
        line(f"SEALED    {fmt.safe(found['sealed'])}")
    for freeze in found.get("freezes") or []:
        words = f"{scope_text(freeze.get('scope'))}: {fmt.safe(freeze.get('reason', ''))}"
        line(f"FROZEN    {freeze.get('freeze')}  {words}")
    for each in conditions:
        line(
            f"ALARM     {fmt.safe(each.get('severity'), 20)} {fmt.safe(each.get('code'), 40)}: "
            f"{fmt.safe(each.get('text', ''), 600)}"
        )
        line(f"          next: {fmt.safe(each.get('next', ''), 600)}")
    for chain in health.get("chains") or []:
        word = "ok" if chain.get("ok") else f"NOT OK: {fmt.safe(chain.get('text', ''))}"
        line(f"chain     {chain.get('chain_id')} {word}")
        endpoints = chain.get("endpoints") or []
        for each in endpoints if len(endpoints) > 1 else []:
            words = "ok" if each.get("ok") else f"NOT OK: {fmt.safe(each.get('text', ''))}"
            line(f"          {fmt.safe(each.get('name', ''), 100)} {words}")
    for text in _alarms(found):
        line(f"ALARM     {fmt.safe(text, 900)}")
    line(f"pending   {found.get('waiting', 0)}")
    agents = found.get("agents") or []
    table(AGENT_COLUMNS, [_agent_row(agent) for agent in agents])
    raise typer.Exit(1 if stopped else 0)


def _alarms(found: dict[str, Any]) -> list[str]:
    """What is not as it should be, besides conditions: file by file and part by part."""
    health = found.get("health") or {}
    texts = [(found.get(part) or {}).get("alarm") for part in ("policy", "config")]
    disk = health.get("disk") or {}
    texts.append(f"agents are refused: {disk['low']}" if disk.get("low") else disk.get("text"))
    parts = ("journal", "sockets", "code", "prices")
    texts += [alarm.get("text") for part in parts for alarm in health.get(part) or []]
    return [str(text) for text in texts if text]


def _agent_row(agent: dict[str, Any]) -> tuple[object, ...]:
    names = ("id", "wallet", "chain_id", "waiting", "connections", "socket")
    return tuple("" if agent.get(name) is None else str(agent[name]) for name in names)


def watch(
    from_seq: Annotated[
        int | None, typer.Option("--from-seq", help="Start after this event.")
    ] = None,
    count: Annotated[
        int | None, typer.Option("--count", help="Stop after this many events.", min=1)
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print every event once it is on disk.

    It ends with Ctrl-C or with the guardian.

    Example:

        holdfast watch --json | jq 'select(.kind == "request.decided")'
    """
    from holdfast.cli.link import Link
    from holdfast.cli.watching import events, show

    with Link(existing(home).operator_socket) as link:
        for number, record in enumerate(events(link, from_seq), 1):
            show(link, record, as_json=as_json)
            if number == count:
                return
