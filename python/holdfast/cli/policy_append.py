"""Adds text to the end of a policy file: checked by the core first, and whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from holdfast.cli.output import Failure
from holdfast.codes import Code


def read_policy(path: Path) -> str:
    """The text of a valid policy file that no other user can write. Raises Failure."""
    from holdfast.service.guardian.policy_file import PolicyRejected, read_private_text

    try:
        source = read_private_text(path)
    except PolicyRejected as error:
        raise Failure(str(error.args[1]), code=str(error.args[0])) from None
    _check(source, f"`{path}` has errors; fix them first", path)
    return source


def append(path: Path, source: str, text: str) -> None:
    """Puts `text` behind `source`, which is what the file held when it was read.

    Raises Failure when the policy would not be valid, or is no longer what was read; then nothing
    was changed.
    """
    gap = "\n" if source.endswith("\n") or not source else "\n\n"
    rewrite(path, source, source + gap + text)


def rewrite(path: Path, source: str, changed: str) -> None:
    """Puts `changed` in the place of `source`, which is what the file held when it was read.

    Raises Failure as `append` does.
    """
    _check(changed, f"`{path}` would be rejected with this change: nothing was written", path)
    _replace(path, source.encode(), changed.encode())


def _check(source: str, what: str, path: Path) -> None:
    from holdfast._core import PolicyError, check_policy

    try:
        check_policy(source)
    except PolicyError as error:
        line, column, code, text, hint = error.args[2][0]
        why = f"{path.name}:{line}:{column}: {text} [{code}]" + (f" ({hint})" if hint else "")
        raise Failure(f"{what}: {why}", code=Code.POLICY_INVALID) from None


def _replace(path: Path, before: bytes, after: bytes) -> None:
    from holdfast.secrets.files import sync_folder

    found = path.lstat()
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(draft, flags, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(after)
            file.flush()
            # Users who could read the policy still can, and no others.
            os.fchown(file.fileno(), found.st_uid, found.st_gid)
            os.fchmod(file.fileno(), found.st_mode & 0o777)
            os.fsync(file.fileno())
        if path.read_bytes() != before:
            text = (
                f"`{path}` was changed in the meantime: nothing was written; check it and try again"
            )
            raise Failure(text, code="changed")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)
