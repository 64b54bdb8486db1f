"""The policy file.

Read only when no other user could have written it, in force only when an operator signed it or when
it can only deny more.

A policy whose agents could not get their sockets is refused before any of it is in force.

Every other file leaves the policy in force as it is: it is recorded as `policy.rejected` once, and
an alarm stays on until the file is the policy in force again. At start a file with a fault keeps
the daemon from starting at all.
"""

import asyncio
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from holdfast._core import (
    HoldfastError,
    PolicyError,
    PreparedPolicy,
    check_policy,
    display_safe,
    prepare_policy,
)
from holdfast.codes import Code
from holdfast.secrets.authority import (
    SignedCommand,
    digest_of,
    read_signature,
    signature_path,
    signature_text,
)
from holdfast.secrets.files import write_private
from holdfast.service.guardian.core import Core, Sealed
from holdfast.service.home.agent_sockets import check_sockets
from holdfast.service.home.folder import Home
from holdfast.service.runtime.event import parse
from holdfast.service.runtime.logs import get_logger

log = get_logger()

POLICY_BYTES_MAX = 32 * 1024 * 1024
FAULTS_SHOWN_MAX = 20
UNSIGNED = Code.POLICY_UNSIGNED
APPLY = "check it and put it in force with `holdfast policy apply`"


class PolicyRejected(ValueError):
    """A policy that is not put in force.

    `args` is `(code, text)`, a line `file:line:column: …` for each fault.
    """


class PolicyFile:
    """One policy file, its signature beside it, and the policy in force.

    `home` has the folder of the agents' sockets as it is in use. `wallets` are those that can
    sign; a policy that names another one is not put in force. None when they are unknown.
    """

    def __init__(self, home: Home, core: Core, wallets: list[str] | None = None) -> None:
        self._home = home
        self.path = home.policy_path
        self.signature_path = signature_path(self.path)
        self.alarm: str | None = None
        self._core = core
        self._wallets = wallets
        self._lock = asyncio.Lock()

    def load_at_start(self) -> str:
        """Puts the file in force if it may be.

        Else the policy of the journal stays, with an alarm. Gives the digest in force. Raises
        PolicyRejected for a file with a fault, and when there is no policy to fall back on.
        """
        source = read_private_text(self.path)
        digest = digest_of(source).removeprefix("0x")
        try:
            self._checked_text(source)
        except PolicyRejected as error:
            # In force already, so a start without that wallet, or in another place, serves the
            # others.
            if digest != self._in_force():
                raise
            self.alarm = str(error.args[1])
            log.error("the policy in force does not fit the home", error=self.alarm)
            return digest
        try:
            if digest != self._in_force():
                self._load(source, "start")
        except HoldfastError as error:
            code, text = error.args[0], self._words(error)
            known = self._in_force()
            if code != UNSIGNED or known is None:
                raise PolicyRejected(code, text) from error
            self._reject(source, text, "start")
            return known
        # A looser one may have to wait.
        return self._in_force() or digest

    async def reload(self, by: str) -> str:
        """Puts the file in force if it may be, once that is durable; gives its digest.

        Raises PolicyRejected after recording the refusal, or Sealed.
        """
        async with self._lock:
            try:
                source, digest = await asyncio.to_thread(self._checked)
                if digest != self._in_force():
                    self._load(source, by, await self._prepared(source))
            except (PolicyRejected, HoldfastError) as error:
                code = error.args[0]
                text = error.args[1] if isinstance(error, PolicyRejected) else self._words(error)
                self._reject(self._source_or_nothing(), text, by)
                await self._core.durable()
                raise PolicyRejected(code, text) from error
            self.alarm = None
            await self._core.durable()
        found = self._in_force() or digest
        log.info("policy in force", digest=found, by=by)
        return found

    async def apply(
        self, source: str, signed: SignedCommand, by: str, also: Sequence[SignedCommand] = ()
    ) -> dict[str, object]:
        """Puts a policy in force by an operator's signature, and those of others.

        It writes it to the home with its signature and answers once all of it is on disk. Raises
        PolicyRejected, HoldfastError, Sealed.
        """
        async with self._lock:
            digest = await asyncio.to_thread(self._checked_text, source)
            first, *others = [_bytes(each) for each in (signed, *also)]
            prepared = await self._prepared(source)
            applied = self._core.load_policy(source, by, *first, others, prepared)
            await asyncio.to_thread(place_policy, self.path, source, signed, also)
            self.alarm = None
            await self._core.durable()
        coming = self._coming()
        if coming is not None and _digest(str(coming["digest"])) == digest:
            log.info("policy comes into force later", digest=digest, by=by, at=coming["due_ms"])
            named = {name: coming[name] for name in ("digest", "revision", "due_ms")}
            return {**named, "signed": True}
        loaded = parse(applied.records[0])["data"]
        log.info("policy in force", digest=digest, by=by)
        return {
            "digest": loaded["digest"],
            "revision": loaded["revision"],
            "signed": loaded.get("signature") is not None,
        }

    async def changed(self) -> None:
        """The file or its signature was written or removed.

        As `reload`, without a caller to answer.
        """
        try:
            await self.reload("file")
        except (PolicyRejected, Sealed):
            return

    async def _prepared(self, source: str) -> PreparedPolicy:
        """Read and compared in another thread: payments go on meanwhile."""
        in_force = self._core.guard.policy_in_force()
        return await asyncio.to_thread(prepare_policy, source, in_force)

    def _load(self, source: str, by: str, prepared: PreparedPolicy | None = None) -> None:
        """Raises HoldfastError `policy_unsigned` unless it is signed or at least as strict."""
        found = read_signature(self.signature_path)
        if found is None:
            self._core.load_policy(source, by, prepared=prepared)
        else:
            self._core.load_policy(source, by, *found, prepared=prepared)

    def _reject(self, source: str, text: str, by: str) -> None:
        """Records a refusal once, and keeps the alarm on."""
        if self.alarm == text:
            return
        # Every start meets the same file again: what the journal says already is not said twice.
        if by != "start" or self._status().get("alarm") != display_safe(text, 500):
            self._core.reject_policy(source, text, by)
        self.alarm = text
        log.error("policy rejected", error=text)

    def _words(self, error: HoldfastError) -> str:
        if error.args[0] != UNSIGNED:
            return str(error.args[1])
        return (
            f"{self.path.name} is not in force: {error.args[1]}; {APPLY}, or put the old one back"
        )

    def _checked(self) -> tuple[str, str]:
        source = read_private_text(self.path)
        return source, self._checked_text(source)

    def _checked_text(self, source: str) -> str:
        """The digest of a policy without faults that fits this home. Raises PolicyRejected."""
        try:
            checked = orjson.loads(check_policy(source, wallets=self._wallets))
            check_sockets(self._home, source, checked["agents"])
        except PolicyError as error:
            raise PolicyRejected(Code.POLICY_INVALID, _faults(error, self.path.name)) from error
        return _digest(checked["digest"])

    def _status(self) -> dict[str, object]:
        status = orjson.loads(self._core.guard.status(self._core.clock.now_ms()))
        return status.get("policy") or {}

    def _coming(self) -> dict[str, Any] | None:
        """The looser policy that comes into force later."""
        coming = self._status().get("coming")
        return coming if isinstance(coming, dict) else None

    def _in_force(self) -> str | None:
        digest = self._status().get("digest")
        return _digest(str(digest)) if digest else None

    def _source_or_nothing(self) -> str:
        try:
            return read_private_text(self.path)
        except PolicyRejected:
            return ""


def _bytes(signed: SignedCommand) -> tuple[bytes, bytes]:
    return signed.payload.encode(), bytes.fromhex(signed.signature.removeprefix("0x"))


def place_policy(
    path: Path, source: str, signed: SignedCommand, also: Sequence[SignedCommand] = ()
) -> None:
    """Writes a policy and its signatures.

    The signature goes first: a policy is never beside the signature of another one for longer than
    this.
    """
    write_private(signature_path(path), signature_text(signed, also), replace=True)
    write_private(path, source.encode(), replace=True)


def _faults(error: PolicyError, name: str) -> str:
    faults = error.args[2]
    lines = [
        f"{name}:{line}:{column}: {code}: {text}" + (f" ({hint})" if hint else "")
        for line, column, code, text, hint in faults[:FAULTS_SHOWN_MAX]
    ]
    if len(faults) > FAULTS_SHOWN_MAX:
        lines.append(f"and {len(faults) - FAULTS_SHOWN_MAX} more")
    return "\n".join(lines) or str(error.args[1])


def _digest(written: str) -> str:
    """A SHA-256 in hex, however it was written."""
    return written.removeprefix("0x").lower()


def read_private_text(path: Path) -> str:
    """A file's text, if it is a regular file of ours (or root's) that no other user can write.

    Raises PolicyRejected.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        why = "it is a symbolic link" if path.is_symlink() else str(error.strerror)
        raise PolicyRejected("policy_unreadable", f"{path.name}: cannot be read: {why}") from error
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise PolicyRejected("policy_unsafe", f"{path.name}: is not a regular file")
        if found.st_uid not in (0, os.geteuid()):
            raise PolicyRejected("policy_unsafe", f"{path.name}: belongs to uid {found.st_uid}")
        if found.st_mode & 0o022:
            raise PolicyRejected(
                "policy_unsafe",
                f"{path.name}: can be written by others: check its contents, then chmod go-w it",
            )
        # Not before: a folder makes no file object.
        with os.fdopen(fd, "rb", closefd=False) as file:
            data = file.read(POLICY_BYTES_MAX + 1)
    finally:
        os.close(fd)
    if len(data) > POLICY_BYTES_MAX:
        raise PolicyRejected("policy_too_large", f"{path.name}: is larger than 32 MiB")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PolicyRejected("policy_unreadable", f"{path.name}: is not UTF-8: {error}") from error
