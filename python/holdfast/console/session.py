"""The operator's session: the key in memory while it is used, and the commands signed with it."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from pathlib import Path

from holdfast.operator import format as fmt
from holdfast.operator import keys
from holdfast.operator.client import NotConnectedError, OperatorClient, OperatorError
from holdfast.operator.decision import Answer
from holdfast.operator.replacing import Fees, Quote, Replacing
from holdfast.operator.request import Json

FREEZE_FILE = "FREEZE"
REASON = "stopped at the console"


class Session:
    """Every method that asks the guardian gives None when it did what was asked, else why not."""

    def __init__(
        self,
        home: Path,
        client: OperatorClient,
        clock: Callable[[], float],
        now_ms: Callable[[], int],
        clock_set: Callable[[], int],
        forget_after_s: float,
    ) -> None:
        self._home = home
        self._client = client
        self._clock = clock
        self._now_ms = now_ms
        self._clock_set = clock_set
        self._forget_after_s = forget_after_s
        self._key: keys.OperatorKey | None = None
        self._used = 0.0
        self._policies: dict[str, str] = {}

    @property
    def unlocked(self) -> bool:
        return self._key is not None

    def touch(self) -> None:
        """The operator is here: the idle time starts again."""
        self._used = self._clock()

    def forget_if_idle(self) -> bool:
        """Forgets the key when the console was idle for too long. True when it did."""
        if self._key is None or self._clock() - self._used < self._forget_after_s:
            return False
        self._key = None
        return True

    def lock(self) -> None:
        self._key = None

    async def unlock(self, passphrase: bytearray) -> str | None:
        """Opens the operator key off the event loop; the passphrase is wiped."""
        try:
            key = await asyncio.to_thread(keys.load, self._key_path, passphrase)
            if guardian := self._client.hello.get("guardian"):
                key.check_guardian(self._key_path, str(guardian))
            self._key = key
        except FileNotFoundError:
            return "this home has no operator key (keys/operator.json)"
        except (ValueError, OSError) as error:
            return fmt.safe(str(error) or type(error).__name__, 600)
        finally:
            passphrase[:] = bytes(len(passphrase))
        self.touch()
        return None

    async def decide(self, answer: Answer, ident: str, digest: str) -> str | None:
        if self._key is None:
            return "the operator key was forgotten: close and unlock again"
        guardian, fault = self._guardian(self._key)
        if fault is not None:
            return fault
        signed = self._key.sign_command(
            answer,
            guardian=guardian,
            now_ms=self._now_ms(),
            clock=self._clock_set(),
            request=ident,
            digest=digest,
        )
        return await self._ask(self._client.command(signed.payload, signed.signature))

    async def fees(self, ident: str) -> Quote | str:
        """What would take the place of a transaction that is out, or why it is unknown."""
        try:
            return Quote.read(await self._client.call("fees", {"id": ident}))
        except OperatorError as error:
            return fmt.safe(error.text or error.code, 300)
        except (NotConnectedError, TimeoutError, ValueError) as error:
            return fmt.safe(str(error) or "no answer in time", 200)

    async def replace(self, action: Replacing, ident: str, digest: str, new: Fees) -> str | None:
        """Signs and sends the command that puts another transaction in the place of one."""
        if self._key is None:
            return "the operator key was forgotten: close and unlock again"
        guardian, fault = self._guardian(self._key)
        if fault is not None:
            return fault
        named: Json = {"request": ident, "digest": digest, **new.members}
        signed = self._key.sign_command(
            action,
            guardian=guardian,
            now_ms=self._now_ms(),
            clock=self._clock_set(),
            **named,
        )
        return await self._ask(self._client.command(signed.payload, signed.signature))

    async def thaw(self, freeze: int) -> str | None:
        if self._key is None:
            return "the operator key was forgotten: unlock again"
        guardian, fault = self._guardian(self._key)
        if fault is not None:
            return fault
        signed = self._key.sign_command(
            "thaw",
            guardian=guardian,
            now_ms=self._now_ms(),
            clock=self._clock_set(),
            freeze=freeze,
        )
        return await self._ask(self._client.command(signed.payload, signed.signature))

    async def freeze(self, scope: Json) -> str | None:
        """Stops. If no guardian answers, a FREEZE file stops everything as soon as one runs."""
        actor = f"{getpass.getuser()} at the console"
        self.touch()
        try:
            answer = await self._client.freeze(scope, REASON, actor)
        except OperatorError as error:
            return f"refused: {fmt.safe(error.code, 60)}: {fmt.safe(error.text, 300)}"
        except (NotConnectedError, TimeoutError) as error:
            return self._drop_freeze_file(actor, fmt.safe(str(error) or "no answer in time", 200))
        if answer.get("freeze") is None:
            why = fmt.safe(answer.get("sealed") or "sealed", 200)
            return f"nothing is being signed ({why}); it will start frozen"
        return None

    def _drop_freeze_file(self, actor: str, fault: str) -> str:
        """The widest stop, because no guardian is there to hear a narrower one."""
        try:
            (self._home / FREEZE_FILE).write_text(f"{REASON} by {actor}\n", "utf-8")
        except OSError as error:
            return f"{fault}; and no FREEZE file could be written: {error.strerror}"
        return f"{fault}; a FREEZE file was written instead: it stops everything"

    async def apply_policy(self, source: str, revision: int) -> str | None:
        """Signs a policy as that revision and has it put in force."""
        if self._key is None:
            return "the operator key was forgotten: close and unlock again"
        guardian, fault = self._guardian(self._key)
        if fault is not None:
            return fault
        signed = self._key.sign_authority("policy", source, guardian=guardian, revision=revision)
        return await self._ask(
            self._client.apply("policy", source, signed.payload, signed.signature)
        )

    async def policy_text(self, digest: str) -> str | None:
        """The text of the policy with that digest, None when the guardian does not give it.

        Its reader compares the digest.
        """
        known = self._policies.get(digest)
        if known is not None:
            return known
        try:
            source = str((await self._client.policy(digest)).get("source"))
        except (OperatorError, NotConnectedError, TimeoutError):
            return None
        self._policies = {digest: source}
        return source

    @property
    def _key_path(self) -> Path:
        return self._home / "keys" / "operator.json"

    def _guardian(self, key: keys.OperatorKey) -> tuple[str, str | None]:
        """(log key, None), or why nothing is signed for what answers."""
        guardian = str(self._client.hello.get("guardian", ""))
        try:
            key.check_guardian(self._key_path, guardian)
        except (ValueError, OSError) as error:
            return "", fmt.safe(str(error) or type(error).__name__, 600)
        return guardian, None

    async def _ask(self, call: Awaitable[Json]) -> str | None:
        self.touch()
        try:
            await call
        except OperatorError as error:
            return f"refused: {fmt.safe(error.code, 60)}: {fmt.safe(error.text, 300)}"
        except NotConnectedError as error:
            return fmt.safe(str(error), 200)
        except TimeoutError:
            return "no answer in time: the outcome is unknown, watch the feed"
        return None
