"""Policy and configuration of a guardian that does not run.

What its journal says is in force, and the signed files that its next start puts in force.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from holdfast.secrets import sealed
from holdfast.secrets.authority import SignedCommand, sign_authority
from holdfast.secrets.files import write_private
from holdfast.service.config import read_table
from holdfast.service.config_file import outside_text, place_config
from holdfast.service.guardian.policy_file import place_policy
from holdfast.service.home.folder import Home
from holdfast.service.journal.open import open_reader
from holdfast.service.journal.replay import restore
from holdfast.service.runtime.event import POLICY_SCHEDULED, kind_of, parse


@dataclass(frozen=True, slots=True)
class InForce:
    """What a journal ends with.

    Digests are `0x` hex, None when there is none; `policy` is the text. `guardian` is the log key
    in hex.
    """

    guardian: str
    policy: str | None
    policy_digest: str | None
    policy_revision: int
    config_digest: str | None
    config_revision: int


def in_force(home: Home) -> InForce:
    """Replays the journal. Raises JournalError."""
    reader = open_reader(home.journal_path)
    try:
        restored = restore(reader)
        status: dict[str, Any] = orjson.loads(restored.guard.status(restored.guard.last_at))
        policy, config = status.get("policy") or {}, status.get("config") or {}
        digest = policy.get("digest")
        record = reader.policy_record(str(digest)) if digest else None
    finally:
        reader.close()
    return InForce(
        guardian=restored.identity.key.hex(),
        policy=None if record is None else str(parse(record)["data"]["source"]),
        policy_digest=digest,
        policy_revision=int(policy.get("revision") or 0),
        config_digest=config.get("digest"),
        config_revision=int(config.get("revision") or 0),
    )


def operators(home: Home) -> list[str]:
    """The ids of the operators, by the first event of the journal. Raises JournalError."""
    reader = open_reader(home.journal_path)
    try:
        created = parse(reader.records(0, 1)[0])
    finally:
        reader.close()
    return [str(each["id"]) for each in created["data"]["operators"]]


def would_wait(
    home: Home, source: str, signed: SignedCommand, also: Sequence[SignedCommand]
) -> bool:
    """Whether the next start makes a policy wait, by the journal and its signatures.

    Nothing is written. Raises HoldfastError for what it would reject, PolicyError, JournalError.
    """
    reader = open_reader(home.journal_path)
    try:
        guard = restore(reader).guard
    finally:
        reader.close()
    (payload, signature), *more = (
        (each.payload.encode(), bytes.fromhex(each.signature.removeprefix("0x")))
        for each in (signed, *also)
    )
    applied = guard.load_policy(source, "start", payload, signature, guard.last_at, more)
    return any(kind_of(record) == POLICY_SCHEDULED for record in applied.records)


def sign_policy(home: Home, source: str, passphrase: bytes | bytearray) -> None:
    """Signs a policy with the operator's key of the home.

    For its next start or, when it runs, for now.
    """
    known, key, key_id = in_force(home), *_key(home, passphrase)
    signed = sign_authority(
        key,
        "policy",
        source,
        guardian=known.guardian,
        key_id=key_id,
        revision=known.policy_revision + 1,
    )
    place_policy(home.policy_path, source, signed)


def sign_config(home: Home, text: str, passphrase: bytes | bytearray) -> None:
    """Writes config.toml and signs what of it reaches outside, for the next start."""
    write_private(home.config_path, text.encode(), replace=True)
    known, key, key_id = in_force(home), *_key(home, passphrase)
    parts = outside_text(read_table(home.config_path), home.path)
    signed = sign_authority(
        key,
        "config",
        parts,
        guardian=known.guardian,
        key_id=key_id,
        revision=known.config_revision + 1,
    )
    place_config(home, parts, signed)


def _key(home: Home, passphrase: bytes | bytearray) -> tuple[Any, str]:
    data = home.operator_key_path.read_bytes()
    return sealed.unseal(data, passphrase), sealed.id_of(data)
