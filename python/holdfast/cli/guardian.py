"""Making, running and stopping a guardian."""

from __future__ import annotations

import os
import pwd
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.options import (
    HomeOption,
    JsonErrorsOption,
    JsonOption,
    PassphraseCommand,
    PassphraseFd,
    existing,
    locate,
    source,
    text_of,
)
from holdfast.cli.output import Failure, emit, line, say, table

if TYPE_CHECKING:
    from holdfast.service.home.folder import Home
    from holdfast.service.new_home import Init

FREEZE_TIMEOUT_S = 5.0
AGENT_COLUMNS = ("agent", "wallet", "chain", "waiting", "connections", "socket")

OperatorFd = Annotated[
    int | None,
    typer.Option(
        "--operator-passphrase-fd",
        help="Read the operator key's passphrase from this file descriptor.",
        show_default=False,
    ),
]
OperatorCommand = Annotated[
    str | None,
    typer.Option(
        "--operator-passphrase-command",
        help="Take the first line this command prints as the operator key's passphrase.",
        show_default=False,
    ),
]


def init(
    chain: Annotated[int, typer.Option("--chain", help="The chain id of the first chain.")] = 31337,
    rpc_url: Annotated[
        str, typer.Option("--rpc-url", help="The chain's node, http:// or https://.")
    ] = "http://127.0.0.1:8545",
    agent: Annotated[str, typer.Option("--agent", help="The first agent's id.")] = "agent",
    operator: Annotated[str, typer.Option("--operator", help="The operator's id.")] = "operator",
    wallets: Annotated[int, typer.Option("--wallets", help="How many new wallets to make.")] = 1,
    keystores: Annotated[
        list[Path] | None,
        typer.Option(
            "--import", help="A Web3 keystore to take in under its own passphrase; repeatable."
        ),
    ] = None,
    kdf: Annotated[
        str, typer.Option("--kdf", help="standard, or light for tests: fast to open and to guess.")
    ] = "standard",
    policy: Annotated[
        Path | None,
        typer.Option("--policy", help="The first policy, instead of the starter; it is signed."),
    ] = None,
    agents_dir: Annotated[
        Path | None,
        typer.Option(
            "--agents-dir",
            help="The folder of the agents' sockets, outside of the home, where agents run as "
            "other users.",
            show_default=False,
        ),
    ] = None,
    passphrase_fd: PassphraseFd = None,
    passphrase_command: PassphraseCommand = None,
    operator_fd: OperatorFd = None,
    operator_command: OperatorCommand = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a guardian: its folder, its keys, and a policy under which every payment asks a person.

    Two passphrases are asked for: one opens the wallets when the guardian starts, the other opens
    your own key, with which you approve. Keep both; without them nothing can be opened again.
    Your key signs the first policy and configuration; later ones need `holdfast policy apply` and
    `holdfast config apply`.

    Example:

        holdfast init --chain 1 --rpc-url https://node.example/ --agent shopper
    """
    from holdfast.secrets.passphrase import wipe
    from holdfast.service.new_home import Init, init_home

    if kdf not in ("standard", "light"):
        raise Failure("--kdf must be standard or light", code="usage", exit_code=2)
    place = replace(locate(home), agents=agents_dir)
    if agents_dir is not None and not agents_dir.is_absolute():
        raise Failure("--agents-dir must be an absolute path", code="usage", exit_code=2)
    if place.exists:
        text = f"there is a guardian in `{place.path}` already: nothing was changed"
        raise Failure(text, code="home_exists")
    first = None if policy is None else text_of(policy)
    imported = [_import(path) for path in keystores or []]
    secret = source(passphrase_fd, passphrase_command).read("the wallets", new=True)
    own = source(operator_fd, operator_command).read("your operator key", new=True)
    request: Init = Init(
        passphrase=secret,
        operator_passphrase=own,
        wallets=0 if imported and wallets == 1 else wallets,
        imported=imported,
        kdf="light" if kdf == "light" else "standard",
        chain_id=chain,
        rpc_url=rpc_url,
        operator_id=operator,
        agent_id=agent,
        policy=None if first is None else lambda _: first,
    )
    try:
        created = init_home(place, request)
    finally:
        wipe(secret)
        wipe(own)
    result = {
        "home": str(place.path),
        "wallets": created.wallets,
        "operator": {"id": created.operator_id, "public_key": "0x" + created.operator_key.hex()},
        "guardian": created.log_key.hex(),
        "agent_socket": str(place.agent_socket(agent)),
    }
    if kdf == "light":
        say("warning: --kdf light makes the passphrases cheap to guess; never use it for money")
    if as_json:
        emit(result)
        return
    line(f"home    {place.path}")
    for wallet in created.wallets:
        line(f"wallet  {wallet}")
    line(f"socket  {place.agent_socket(agent)}")
    say(
        "Next: look at policy.toml and config.toml there, sign what you change with `holdfast "
        "policy apply` and `holdfast config apply`, then `holdfast up`."
    )


def _import(path: Path) -> Any:
    from holdfast.secrets import keystore
    from holdfast.secrets.passphrase import wipe

    try:
        data = path.read_bytes()
    except OSError as error:
        raise Failure(f"`{path}` cannot be read: {error.strerror}", code="bad_file") from None
    secret = source(None, None).read(f"`{path.name}`", may_be_empty=True)
    try:
        return keystore.import_keystore(data, secret)
    finally:
        wipe(secret)


def serve(
    passphrase_fd: PassphraseFd = None,
    passphrase_command: PassphraseCommand = None,
    home: HomeOption = None,
    _as_json: JsonErrorsOption = False,
) -> None:
    """Run the guardian in the foreground, without a console.

    It ends on Ctrl-C or SIGTERM. Its log goes to stderr as one JSON object a line.

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
        bool, typer.Option("--read-only", help="Look, but offer nothing that decides.")
    ] = False,
    theme: Annotated[str | None, typer.Option("--theme", help="A theme by name.")] = None,
    stops_guardian: Annotated[bool, typer.Option("--stops-guardian", hidden=True)] = False,
    home: HomeOption = None,
    _as_json: JsonErrorsOption = False,
) -> None:
    """Open the console of a running guardian: watch, approve, deny, stop.

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
        place.path, theme=theme, read_only=read_only, stops_guardian=stops_guardian
    )
    raise typer.Exit(code)


def up(
    passphrase_fd: PassphraseFd = None,
    passphrase_command: PassphraseCommand = None,
    theme: Annotated[str | None, typer.Option("--theme", help="A theme by name.")] = None,
    home: HomeOption = None,
    _as_json: JsonErrorsOption = False,
) -> None:
    """Run the guardian and open its console; leaving the console stops the guardian.

    When a guardian is running already, only the console opens, and it goes on afterwards.

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
        bool, typer.Option("--headless", help="No screen: decide by script and print a summary.")
    ] = False,
    seconds: Annotated[
        float, typer.Option("--seconds", help="How long a headless run may take.")
    ] = 60.0,
    theme: Annotated[str | None, typer.Option("--theme", help="A theme by name.")] = None,
    home: Annotated[
        Path | None,
        typer.Option("--home", help="Where to keep the demo's home; else it is removed."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show everything on a local chain: three sample agents, one of them hijacked, and you decide.

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
    """Say how the running guardian is; exit 1 when it is sealed, something is frozen, or somebody
    has to act: then it says what is wrong and what to do.

    Example:

        holdfast status --json
    """
    from holdfast.cli.link import Link
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
    line(f"waiting   {found.get('waiting', 0)}")
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
        int | None, typer.Option("--from-seq", help="Begin with the event after this one.")
    ] = None,
    count: Annotated[
        int | None, typer.Option("--count", help="End after this many events.", min=1)
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print every event as it becomes durable, until Ctrl-C or the guardian ends.

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


def freeze(
    agent: Annotated[str | None, typer.Option("--agent", help="Only this agent.")] = None,
    wallet: Annotated[str | None, typer.Option("--wallet", help="Only this wallet.")] = None,
    reason: Annotated[
        str, typer.Option("--reason", help="Why, for the journal.")
    ] = "stopped by hand",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop signing now: everything, or one agent or wallet. Needs no key.

    When no guardian answers, a file named FREEZE is put into its home: it freezes everything, at
    once if the guardian runs after all, else when it next starts.

    Example:

        holdfast freeze --agent shopper --reason "it talks to strangers"
    """
    from holdfast.cli.link import Link

    if agent and wallet:
        raise Failure("give --agent or --wallet, not both", code="usage", exit_code=2)
    scope = {"kind": "everything"}
    if agent or wallet:
        scope = {"kind": "agent" if agent else "wallet", "id": agent or wallet or ""}
    place = existing(home)
    try:
        with Link(place.operator_socket, FREEZE_TIMEOUT_S) as link:
            result = link.object("freeze", scope=scope, reason=reason, actor=_actor())
    except Failure as failure:
        if failure.code not in ("no_guardian", "sealed", "bad_answer"):
            raise
        _drop_file(place, reason, failure, as_json)
        return
    if as_json:
        emit({"frozen": "guardian", "scope": scope, **result})
    elif result.get("freeze") is None:
        line("frozen  at the next start")
        say("The guardian is sealed: it signs nothing now, and will begin frozen when it starts.")
    else:
        line(f"frozen  {result.get('freeze')}")
        say(f"Lift it with `holdfast thaw {result.get('freeze')}`.")


def _drop_file(place: Home, reason: str, failure: Failure, as_json: bool) -> None:
    text = f"{reason}\nby {_actor()} at {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}\n"
    flags = os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        # Its existence is what counts: a full disk may leave it empty, and it freezes all the same.
        descriptor = os.open(place.freeze_file, flags, 0o600)
    except OSError as error:
        why = f"`{place.freeze_file}` cannot be made ({error.strerror}) and {failure.text}"
        raise Failure(f"NOT FROZEN: {why}", code="not_frozen") from None
    try:
        os.write(descriptor, text.encode())
        os.fsync(descriptor)
    except OSError:
        say("holdfast: the disk is full; the empty FREEZE file stands all the same")
    finally:
        os.close(descriptor)
    if as_json:
        emit({"frozen": "file", "path": str(place.freeze_file), "scope": {"kind": "everything"}})
    else:
        line(f"frozen  {place.freeze_file}")
        say(f"No guardian answered, so this file stops EVERYTHING ({failure.text}).")


def thaw(
    number: Annotated[
        int | None, typer.Argument(metavar="[FREEZE]", help="The freeze's number; see status.")
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why, for the journal.")] = None,
    passphrase_fd: PassphraseFd = None,
    passphrase_command: PassphraseCommand = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Lift one freeze. Needs the operator key.

    Example:

        holdfast thaw 118 --reason "it was a drill"
    """
    from holdfast.cli.commands import send_command
    from holdfast.cli.link import Link

    place = existing(home)
    with Link(place.operator_socket) as link:
        if number is None:
            number = _only_freeze(link.object("status").get("freezes") or [])
        keys = source(passphrase_fd, passphrase_command)
        result = send_command(link, place, keys, "thaw", freeze=number, reason=reason)
    if as_json:
        emit({"thawed": number, **result})
    else:
        line(f"thawed  {number}")


def _only_freeze(freezes: list[dict[str, Any]]) -> int:
    if not freezes:
        raise Failure("nothing is frozen", code="not_frozen")
    numbers = [int(freeze["freeze"]) for freeze in freezes]
    if len(numbers) > 1:
        words = ", ".join(map(str, numbers))
        raise Failure(f"there are several freezes ({words}): say which", code="ambiguous")
    return numbers[0]


def _actor() -> str:
    """Who asks, for the journal: the login name, else the uid."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
