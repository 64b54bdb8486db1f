"""What is in force, and how a signed policy or configuration replaces it.

Through the guardian that runs, else through the files its next start reads.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from holdfast.cli.commands import guardian_of, operator_key, pinned
from holdfast.cli.link import Link, NoGuardian
from holdfast.cli.output import Failure, say

if TYPE_CHECKING:
    from holdfast.secrets.authority import Kind, SignedCommand
    from holdfast.secrets.passphrase import PassphraseSource
    from holdfast.service.home.folder import Home
    from holdfast.service.offline import InForce

# The guardian reads lines of at most 1 MiB; JSON makes a text longer.
SENT_BYTES_MAX = 400_000


@dataclass(frozen=True)
class Target:
    """A guardian, by its socket or, when none runs, by its files."""

    home: Home
    known: InForce
    link: Link | None

    def revision(self, kind: Kind) -> int:
        """The one that is signed next."""
        before = self.known.policy_revision if kind == "policy" else self.known.config_revision
        return before + 1

    def operators(self) -> list[str]:
        """The ids of the guardian's operators."""
        from holdfast.service.offline import operators

        if self.link is None:
            return operators(self.home)
        return [str(each["id"]) for each in self.link.object("hello")["operators"]]

    def sign(
        self, keys: PassphraseSource, kind: Kind, source: str, path: Path | None = None
    ) -> SignedCommand:
        """Signs `source` as the next revision, with the key in the home or the one at `path`."""
        key = operator_key(self.home, keys, path)
        if self.link is None:
            guardian = pinned(self.home, key, self.known.guardian, path)
        else:
            guardian = guardian_of(self.link, self.home, key, path)
        return key.sign_authority(kind, source, guardian=guardian, revision=self.revision(kind))

    def apply(
        self,
        kind: Kind,
        source: str,
        signed: SignedCommand,
        also: Sequence[SignedCommand] = (),
    ) -> dict[str, Any]:
        """Puts `source` in force, signed by one operator and by others."""
        from holdfast.secrets.authority import digest_of
        from holdfast.service.config_file import place_config
        from holdfast.service.guardian.policy_file import place_policy

        if self.link is not None and len(source.encode()) <= SENT_BYTES_MAX:
            more = {"also": [each._asdict() for each in also]} if also else {}
            return self.link.object("apply", kind=kind, source=source, **signed._asdict(), **more)
        if kind == "config":
            place_config(self.home, source, signed)
        else:
            # A guardian that runs says no itself; one that is stopped cannot before it starts.
            waits = self.link is None and self._waits(source, signed, also)
            place_policy(self.home.policy_path, source, signed, also)
            if waits:
                return {"revision": self.revision(kind), "waits": True}
        if self.link is not None and kind == "policy":
            self.link.object("reload")
            coming = (self.link.object("status").get("policy") or {}).get("coming") or {}
            if coming.get("digest") == digest_of(source):
                return {name: coming[name] for name in ("digest", "revision", "due_ms")}
        return {"revision": self.revision(kind)}

    def _waits(self, source: str, signed: SignedCommand, also: Sequence[SignedCommand]) -> bool:
        """Whether the next start makes it wait. Raises Failure for what that would reject."""
        from holdfast._core import HoldfastError
        from holdfast.service.offline import would_wait

        try:
            return would_wait(self.home, source, signed, also)
        except HoldfastError as error:
            raise Failure(f"{error.args[1]}; nothing was written", code=error.args[0]) from None


@contextmanager
def target(home: Home) -> Iterator[Target]:
    """What is in force here. While no guardian runs, none starts until the block ends."""
    from holdfast.service.offline import in_force
    from holdfast.service.runtime.lock import HomeLock

    try:
        link = Link(home.operator_socket)
    except NoGuardian:
        with HomeLock(home.lock_path):
            yield Target(home, in_force(home), None)
        return
    with link:
        yield Target(home, _told(link), link)


def _told(link: Link) -> InForce:
    from holdfast.secrets.authority import digest_of
    from holdfast.service.offline import InForce

    status = link.object("status")
    policy, config = status.get("policy") or {}, status.get("config") or {}
    digest, source = policy.get("digest"), None
    if digest:
        source = str(link.object("policy", digest=digest).get("source"))
        if digest_of(source) != digest:
            text = "the policy that the guardian sent does not match its digest"
            raise Failure(text, code="bad_answer")
    return InForce(
        guardian=str(link.object("hello")["guardian"]),
        policy=source,
        policy_digest=digest,
        policy_revision=int(policy.get("revision") or 0),
        config_digest=config.get("digest"),
        config_revision=int(config.get("revision") or 0),
    )


def cosigned(path: Path) -> list[SignedCommand]:
    """The signatures in a file of `holdfast policy sign`. Raises Failure when it has none."""
    from holdfast.secrets.authority import read_signature

    found = read_signature(path)
    if found is None:
        text = f"`{path}` has no signature: make one with `holdfast policy sign FILE --out {path}`"
        raise Failure(text, code="bad_file")
    return found.commands


def check_home(target: Target, source: str, agents: list[str]) -> None:
    """Raises PolicyError for a policy that this home has no room for, before anybody signs it."""
    from holdfast.service.home.agent_sockets import check_sockets, with_agents_dir

    place = with_agents_dir(target.home)
    if target.link is not None:
        # The guardian that runs may have been given another folder by systemd.
        sockets = [each.get("socket") for each in target.link.object("status").get("agents") or []]
        folders = [Path(each).parent for each in sockets if each]
        place = replace(place, agents=folders[0]) if folders else place
    check_sockets(place, source, agents)


def agreed(yes: bool, show: Callable[[], None], question: str) -> None:
    """Asks, unless `--yes`. Raises Failure when the answer is no or cannot be asked."""
    show()
    if yes:
        return
    if not sys.stdin.isatty():
        raise Failure("use --yes to sign without confirmation", code="usage", exit_code=2)
    if not typer.confirm(question, default=False, err=True):
        raise Failure("nothing was signed", code="not_confirmed")


def when(link: Link | None, *, at_once: bool) -> str:
    """When it counts, in words."""
    now = link is not None and at_once
    text = "now" if now else "at the next start"
    say(f"in force {text}")
    return text
