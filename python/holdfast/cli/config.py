"""`holdfast config ...`: what of config.toml reaches outside counts by the operator's signature."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from holdfast.cli.options import (
    HomeOption,
    JsonOption,
    PassphraseCommand,
    PassphraseFd,
    existing,
    source,
)
from holdfast.cli.output import emit, line

app = typer.Typer(
    name="config", help="Sign the external connections of config.toml.", no_args_is_help=True
)

YesOption = Annotated[bool, typer.Option("--yes", help="Sign without confirmation.")]


@app.command()
def apply(
    yes: YesOption = False,
    passphrase_fd: PassphraseFd = None,
    passphrase_command: PassphraseCommand = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign the nodes, price sources, alert routes, descriptors and agents' folder of config.toml.

    It shows what changes, with secrets in URLs masked, and asks for confirmation. The
    changes take effect at the guardian's next start. Limits and timings need no signature.

    Example:

        holdfast config apply
    """
    from holdfast.cli.apply import agreed, target, when
    from holdfast.operator.differences import config_lines, text_diff
    from holdfast.secrets.authority import digest_of
    from holdfast.service.config import config_of, read_table
    from holdfast.service.config_file import good_text, outside_text

    place = existing(home)
    table = read_table(place.config_path)
    config_of(table, str(place.config_path))
    new = outside_text(table, place.path)
    digest = digest_of(new)
    with target(place) as found:
        known = found.known.config_digest
        if known == digest:
            _nothing(digest, found.known.config_revision, as_json)
            return
        old = good_text(place, known)
        before = config_lines(json.loads(old)) if old is not None else []
        after = config_lines(json.loads(new))

        def show() -> None:
            if as_json:
                return
            if known is None:
                line("nothing has been signed yet: all of it is new")
            elif old is None:
                line("the copy of the signed configuration is missing: read all of it")
            for each in text_diff("\n".join(before), "\n".join(after)):
                line(each)

        agreed(yes, show, "sign this configuration?")
        signed = found.sign(source(passphrase_fd, passphrase_command), "config", new)
        done = found.apply("config", new, signed)
        effective = when(found.link, at_once=False)
    if as_json:
        emit({"digest": digest, "revision": done["revision"], "in_force": effective})
    else:
        line(f"config  revision {done['revision']}  {digest}")


def _nothing(digest: str, revision: int, as_json: bool) -> None:
    if as_json:
        emit({"digest": digest, "revision": revision, "in_force": "already"})
    else:
        line("nothing to sign: everything that needs a signature is in force")
        line("the rest of config.toml takes effect at the guardian's next start")
