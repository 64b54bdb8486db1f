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
    text_of,
)
from holdfast.cli.output import Failure, emit, line, say

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
    from holdfast.service.new_home import Init, check_init, init_home

    if kdf not in ("standard", "light"):
        raise Failure("--kdf must be standard or light", code="usage", exit_code=2)
    place = replace(locate(home), agents=agents_dir)
    if agents_dir is not None and not agents_dir.is_absolute():
        raise Failure("--agents-dir must be an absolute path", code="usage", exit_code=2)
    if place.exists:
        text = f"there is a guardian in `{place.path}` already: nothing was changed"
        raise Failure(text, code="home_exists")
    first = None if policy is None else text_of(policy)
    request = Init(
        passphrase=b"",
        operator_passphrase=b"",
        wallets=0 if keystores and wallets == 1 else wallets,
        kdf="light" if kdf == "light" else "standard",
        chain_id=chain,
        rpc_url=rpc_url,
        operator_id=operator,
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
        f"Back up now: `{place.keys_dir}`, and both passphrases, kept apart from it. Without them "
        "nobody can move what the wallets hold. From the first payment on also back up "
        f"`{place.journal_path}`; docs/operations.md says how."
    )
    say(
        "Next: send a small amount to the wallet and start with `holdfast up`. Sign what you "
        "change in policy.toml with `holdfast policy apply`, in config.toml with `holdfast config "
        "apply`."
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
