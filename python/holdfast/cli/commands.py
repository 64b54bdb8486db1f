"""Signs an operator command with the key in the home and sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.cli.link import Link
from holdfast.cli.output import Failure, say

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from holdfast.operator.keys import Action, OperatorKey
    from holdfast.secrets.passphrase import PassphraseSource
    from holdfast.service.home.folder import Home


def operator_key(home: Home, keys: PassphraseSource, path: Path | None = None) -> OperatorKey:
    """An operator's key, opened: the one in the home, or the one in the file at `path`.

    The passphrase is read, used once and wiped. Raises UnsafeFile when another user could put a
    home of their own in the place of this one.
    """
    from holdfast.operator.keys import load
    from holdfast.secrets.files import check_ancestors
    from holdfast.secrets.passphrase import wipe

    check_ancestors(home.path)
    secret = keys.read("your operator key")
    try:
        return load(path or home.operator_key_path, secret)
    finally:
        wipe(secret)


def guardian_of(link: Link, home: Home, key: OperatorKey, path: Path | None = None) -> str:
    """The log key of the guardian that answers, if it is the one this operator key belongs to.

    Raises Failure `other_guardian`: then nothing is signed.
    """
    return pinned(home, key, str(link.object("hello")["guardian"]), path)


def pinned(home: Home, key: OperatorKey, guardian: str, path: Path | None = None) -> str:
    """The log key, if it is that of the guardian this operator key belongs to."""
    from holdfast.secrets.authority import PinError

    try:
        if key.check_guardian(path or home.operator_key_path, guardian):
            say(f"your operator key is now bound to the guardian {guardian[:16]}…")
    except PinError as error:
        raise Failure(str(error), code="other_guardian") from None
    return guardian


def send_command(
    link: Link,
    home: Home,
    keys: PassphraseSource,
    action: Action,
    *,
    to_ms: Callable[[], int] | None = None,
    key_path: Path | None = None,
    **members: Any,
) -> dict[str, Any]:
    """The guardian's answer to a signed command. `to_ms` is asked right before it is signed."""
    key = operator_key(home, keys, key_path)
    guardian = guardian_of(link, home, key, key_path)
    # The guardian judges the command's life by its own clock, so that clock is asked.
    status = link.object("status")
    now_ms, clock = int(status["now_ms"]), int(status.get("clock_set") or 0)
    if to_ms is not None:
        members["to_ms"] = to_ms()
    signed = key.sign_command(action, guardian=guardian, now_ms=now_ms, clock=clock, **members)
    return link.object("command", payload=signed.payload, signature=signed.signature)
