"""Signs an operator command with the key in the home and sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.cli.link import Link

if TYPE_CHECKING:
    from holdfast.operator.keys import Action
    from holdfast.secrets.passphrase import PassphraseSource
    from holdfast.service.home import Home


def send_command(
    link: Link, home: Home, keys: PassphraseSource, action: Action, **members: Any
) -> dict[str, Any]:
    """The guardian's answer. The passphrase is read, used once and wiped. Raises UnsafeFile when
    another user could put a home of their own in the place of this one.
    """
    from holdfast.operator.keys import load
    from holdfast.secrets.files import check_ancestors
    from holdfast.secrets.passphrase import wipe

    check_ancestors(home.path)
    secret = keys.read("your operator key")
    try:
        key = load(home.operator_key_path, secret)
    finally:
        wipe(secret)
    guardian = str(link.object("hello")["guardian"])
    # The guardian judges the command's life by its own clock, so that clock is asked.
    now_ms = int(link.object("status")["now_ms"])
    signed = key.sign_command(action, guardian=guardian, now_ms=now_ms, **members)
    return link.object("command", payload=signed.payload, signature=signed.signature)
