"""`holdfast operator ...`: keys of more operators than the one that `init` makes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli.options import JsonOption, PassphraseCommand, PassphraseFd, source
from holdfast.cli.output import Failure, emit, line, say

app = typer.Typer(name="operator", help="Create keys of more operators.", no_args_is_help=True)


@app.callback()
def _operator() -> None:
    """Makes `new` a command of its own."""


@app.command()
def new(
    file: Annotated[Path, typer.Argument(help="The new file for the key.")],
    ident: Annotated[str, typer.Option("--id", help="The operator's id, such as ben.")],
    kdf: Annotated[
        str, typer.Option("--kdf", help="standard, or light for tests: fast to open and to guess.")
    ] = "standard",
    passphrase_fd: PassphraseFd = None,
    passphrase_command: PassphraseCommand = None,
    as_json: JsonOption = False,
) -> None:
    """Create an operator key, encrypted under a passphrase of its own.

    Run it on the machine of the operator it belongs to, before `holdfast init`: the operators of a
    guardian are fixed when it is created. The line it prints goes to `init --co-operator`.

    Example:

        holdfast operator new ben.json --id ben
    """
    from holdfast.operator.keys import create
    from holdfast.secrets.keystore import SEAL_COST
    from holdfast.secrets.passphrase import wipe

    if kdf not in ("standard", "light"):
        raise Failure("--kdf must be standard or light", code="usage", exit_code=2)
    secret = bytearray()
    try:
        secret = source(passphrase_fd, passphrase_command).read("the new key", new=True)
        made = create(file, ident, secret, SEAL_COST["light" if kdf == "light" else "standard"])
    except ValueError as error:
        raise Failure(str(error), code="usage", exit_code=2) from None
    except FileExistsError:
        raise Failure(f"`{file}` exists: nothing was changed", code="file_exists") from None
    except OSError as error:
        raise Failure(f"`{file}` cannot be written: {error.strerror}", code="bad_file") from None
    finally:
        wipe(secret)
    public_key = "0x" + made.public_key.hex()
    if as_json:
        emit({"id": made.id, "public_key": public_key, "file": str(file)})
        return
    line(f"{made.id}={public_key}")
    say(f"Next: `holdfast init … --co-operator {made.id}=0x…`, with this line.")
