"""`holdfast policy sign`: one operator's signature for a policy that others apply with theirs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli.options import (
    HomeOption,
    KeyOption,
    PassphraseCommand,
    PassphraseFd,
    YesOption,
    existing,
    source,
)
from holdfast.cli.output import Failure, say
from holdfast.cli.policy_source import policy_text
from holdfast.codes import Code


def sign(
    file: Annotated[Path, typer.Argument(help="The policy file.")],
    out: Annotated[Path, typer.Option("--out", help="Write the signature to this new file.")],
    key: KeyOption = None,
    yes: YesOption = False,
    passphrase_fd: PassphraseFd = None,
    passphrase_command: PassphraseCommand = None,
    home: HomeOption = None,
) -> None:
    """Sign a policy, for another operator to put in force with `holdfast policy apply --with`.

    It shows what changes and asks, as `policy apply` does, and puts nothing in force. The signature
    is for this text, this guardian and its next revision: when another policy comes into force
    first, it is void.

    Example:

        holdfast policy sign policy.toml --key ben.json --out ben.sig
    """
    from holdfast._core import PolicyError, check_policy
    from holdfast.cli.apply import agreed, target
    from holdfast.cli.policy import refuse, show
    from holdfast.operator.differences import changes
    from holdfast.secrets.authority import signature_text
    from holdfast.secrets.files import write_private
    from holdfast.secrets.held import held_wallets

    place = existing(home)
    text = policy_text(file)
    try:
        json.loads(check_policy(text, time.time_ns() // 1_000_000, held_wallets(place.wallets_dir)))
    except PolicyError as error:
        refuse(file, error, False)
    with target(place) as found:
        old, revision = found.known.policy, found.revision("policy")
        agreed(
            yes,
            lambda: show(place, old, text, changes(old, text)),
            f"sign {file} as revision {revision}?",
        )
        signed = found.sign(source(passphrase_fd, passphrase_command), "policy", text, key)
        signer = json.loads(signed.payload)["key"]
        known = found.operators()
        if signer not in known:
            names = ", ".join(f"`{each}`" for each in known)
            why = f"`{signer}` is no operator of this guardian: it has {names}"
            raise Failure(why, code=Code.SIGNATURE_INVALID)
    try:
        write_private(out, signature_text(signed))
    except OSError as error:
        raise Failure(f"`{out}` cannot be written: {error.strerror}", code="bad_file") from None
    say(f"signed by `{signer}` as revision {revision}: {out}")
    say(f"Next: another operator runs `holdfast policy apply {file} --with {out}`.")
