"""The policy file: read only when nobody else could have written it, taken over when it is sound.

A file with a fault never replaces the policy in force: it is recorded as `policy.rejected`, the
alarm stays on until a
sound file is there, and at start it keeps the daemon from starting at all.
"""

import os
import stat
from pathlib import Path

import orjson

from holdfast._core import HoldfastError, PolicyError, check_policy
from holdfast.service.core import Core, Sealed
from holdfast.service.logs import get_logger

log = get_logger()

POLICY_BYTES_MAX = 32 * 1024 * 1024
FAULTS_SHOWN_MAX = 20


class PolicyRejected(ValueError):
    """A policy file that is not taken over: `args` is `(code, text)`, a line `file:line:column: …`
    for each fault.
    """


class PolicyFile:
    """One policy file and the policy in force."""

    def __init__(self, path: Path, core: Core) -> None:
        self.path = path
        self.alarm: str | None = None
        self._core = core

    def load_at_start(self) -> str:
        """Takes the file over, unless it is what the journal ends with already; gives its digest.
        Raises PolicyRejected.
        """
        source, digest = self._checked()
        if digest != self._in_force():
            self._core.load_policy(source, "start")
        return digest

    async def reload(self, by: str) -> str:
        """Takes the file over if it is sound, once that is durable; gives its digest.

        Raises PolicyRejected after recording the refusal, or Sealed.
        """
        try:
            source, digest = self._checked()
            if digest != self._in_force():
                self._core.load_policy(source, by)
        except (PolicyRejected, HoldfastError) as error:
            code, text = error.args[0], error.args[1]
            if self.alarm != text:
                self._core.reject_policy(self._source_or_nothing(), text, by)
                self.alarm = text
                log.error("policy rejected", error=text)
            await self._core.durable()
            raise PolicyRejected(code, text) from error
        self.alarm = None
        await self._core.durable()
        log.info("policy in force", digest=digest, by=by)
        return digest

    async def changed(self) -> None:
        """The file was written: the same as `reload`, without anybody to tell."""
        try:
            await self.reload("file")
        except (PolicyRejected, Sealed):
            return

    def _checked(self) -> tuple[str, str]:
        source = read_private_text(self.path)
        try:
            checked = orjson.loads(check_policy(source))
        except PolicyError as error:
            raise PolicyRejected("policy_invalid", self._faults(error)) from error
        return source, _digest(checked["digest"])

    def _faults(self, error: PolicyError) -> str:
        faults = error.args[2]
        lines = [
            f"{self.path.name}:{line}:{column}: {code}: {text}" + (f" ({hint})" if hint else "")
            for line, column, code, text, hint in faults[:FAULTS_SHOWN_MAX]
        ]
        if len(faults) > FAULTS_SHOWN_MAX:
            lines.append(f"and {len(faults) - FAULTS_SHOWN_MAX} more")
        return "\n".join(lines) or str(error.args[1])

    def _in_force(self) -> str | None:
        policy = orjson.loads(self._core.guard.status(self._core.clock.now_ms())).get("policy")
        return _digest(policy["digest"]) if policy and policy["digest"] else None

    def _source_or_nothing(self) -> str:
        try:
            return read_private_text(self.path)
        except PolicyRejected:
            return ""


def _digest(written: str) -> str:
    """A SHA-256 in hex, however it was written."""
    return written.removeprefix("0x").lower()


def read_private_text(path: Path) -> str:
    """A file's text, if it is a regular file of ours (or root's) that nobody else can write. Raises
    PolicyRejected.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        why = "it is a symbolic link" if path.is_symlink() else str(error.strerror)
        raise PolicyRejected("policy_unreadable", f"{path.name}: cannot be read: {why}") from error
    with os.fdopen(fd, "rb") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise PolicyRejected("policy_unsafe", f"{path.name}: is not a regular file")
        if found.st_uid not in (0, os.geteuid()):
            raise PolicyRejected("policy_unsafe", f"{path.name}: belongs to uid {found.st_uid}")
        if found.st_mode & 0o022:
            raise PolicyRejected(
                "policy_unsafe",
                f"{path.name}: can be written by others: check what it says, then chmod go-w it",
            )
        data = file.read(POLICY_BYTES_MAX + 1)
    if len(data) > POLICY_BYTES_MAX:
        raise PolicyRejected("policy_too_large", f"{path.name}: is larger than 32 MiB")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PolicyRejected("policy_unreadable", f"{path.name}: is not UTF-8: {error}") from error
