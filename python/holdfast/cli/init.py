"""Making a guardian: `holdfast init`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.cli.options import (
    HomeOption,
    JsonOption,
    PassphraseCommand,
    PassphraseFd,
    locate,
    source,
)
from holdfast.cli.output import Failure, emit, line, say
from holdfast.cli.policy_source import policy_text

# Of an ed25519 key.
PUBLIC_KEY_BYTES = 32

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
        help="Use the first line this command prints as the operator key's passphrase.",
        show_default=False,
    ),
]


def init(
    chain: Annotated[int, typer.Option("--chain", help="The chain id of the first chain.")] = 31337,
    rpc_url: Annotated[
        str, typer.Option("--rpc-url", help="The URL of the chain's node.")
    ] = "http://127.0.0.1:8545",
    agent: Annotated[str, typer.Option("--agent", help="The first agent's id.")] = "agent",
    operator: Annotated[str, typer.Option("--operator", help="The operator's id.")] = "operator",
    co_operators: Annotated[
        list[str] | None,
        typer.Option(
            "--co-operator",
            help="Another operator, as `holdfast operator new` prints it: ben=0x…; repeatable.",
            show_default=False,
        ),
    ] = None,
    wallets: Annotated[int, typer.Option("--wallets", help="The number of new wallets.")] = 1,
    keystores: Annotated[
        list[Path] | None,
        typer.Option(
            "--import", help="Import this Web3 keystore under its own passphrase; repeatable."
        ),
    ] = None,
    kdf: Annotated[
        str, typer.Option("--kdf", help="standard, or light for tests: fast to open and to guess.")
    ] = "standard",
    policy: Annotated[
        Path | None,
        typer.Option("--policy", help="Use and sign this policy instead of the starter."),
    ] = None,
    agents_dir: Annotated[
        Path | None,
        typer.Option(
            "--agents-dir",
            help="A folder outside the home for the agents' sockets, if agents run as other users.",
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
    """Create a guardian: its home, its keys and a first policy.

    The starter policy requires approval of every payment.

    It asks for two passphrases: one opens the wallets when the guardian starts, the other opens
    your operator key, with which you approve. Keep both: they cannot be recovered. Your key signs
    the first policy and configuration; sign changes with `holdfast policy apply` and
    `holdfast config apply`.

    Example:

        holdfast init --chain 1 --rpc-url https://node.example/ --agent shopper
    """
    from holdfast.secrets.passphrase import wipe
    from holdfast.service.new_home import Init, check_init, init_home

    if kdf not in ("standard", "light"):
        raise Failure("--kdf must be standard or light", code="usage", exit_code=2)
    place = replace(locate(home), agents=agents_dir)
    if agents_dir is not None and not agents_dir.is_absolute():
        raise Failure("--agents-dir must be an absolute path", code="usage", exit_code=2)
    if place.exists:
        text = f"there is already a guardian in `{place.path}`: nothing was changed"
        raise Failure(text, code="home_exists")
    first = None if policy is None else policy_text(policy)
    request = Init(
        passphrase=b"",
        operator_passphrase=b"",
        wallets=0 if keystores and wallets == 1 else wallets,
        kdf="light" if kdf == "light" else "standard",
        chain_id=chain,
        rpc_url=rpc_url,
        operator_id=operator,
        co_operators=_co_operators(co_operators or []),
        agent_id=agent,
        policy=None if first is None else lambda _: first,
    )
    check_init(place, request, imported=len(keystores or []))
    imported = [_import(path) for path in keystores or []]
    secret = own = bytearray()
    try:
        secret = source(passphrase_fd, passphrase_command).read("the wallets", new=True)
        own = source(operator_fd, operator_command).read("your operator key", new=True)
        request = replace(request, imported=imported)
        created = init_home(place, replace(request, passphrase=secret, operator_passphrase=own))
    finally:
        wipe(secret)
        wipe(own)
    result = {
        "home": str(place.path),
        "wallets": created.wallets,
        "operator": {"id": created.operator_id, "public_key": "0x" + created.operator_key.hex()},
        "co_operators": list(request.co_operators),
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
        f"Back up now: `{place.keys_dir}` and, kept apart from it, both passphrases. Without them "
        f"the wallets' funds are lost. From the first payment on, also back up "
        f"`{place.journal_path}`; see docs/operations.md."
    )
    say(
        "Next: send a small amount to the wallet and start with `holdfast up`. Sign changes to "
        "policy.toml with `holdfast policy apply` and changes to config.toml with `holdfast "
        "config apply`."
    )


def _co_operators(texts: list[str]) -> dict[str, bytes]:
    """Public keys by id."""
    found: dict[str, bytes] = {}
    for ident, key in map(_co_operator, texts):
        if ident in found:
            why = f"--co-operator {ident}: named twice; each operator has an id of its own"
            raise Failure(why, code="usage", exit_code=2)
        found[ident] = key
    return found


def _co_operator(text: str) -> tuple[str, bytes]:
    """(id, public key)."""
    ident, _, key = text.partition("=")
    try:
        public_key = bytes.fromhex(key.removeprefix("0x"))
    except ValueError:
        public_key = b""
    if len(public_key) != PUBLIC_KEY_BYTES:
        why = f"--co-operator {text}: give the line that `holdfast operator new` prints, ben=0x…"
        raise Failure(why, code="usage", exit_code=2)
    return ident, public_key


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
