"""Policies in force by an operator's signature, for tests that own a guard and its key."""

import hashlib
import json

from nacl.signing import SigningKey

from holdfast._core import Applied, Guard

COMMAND_PREFIX = b"holdfast operator command v1\n"


def authority(
    action: str, digest: str, *, key: SigningKey, key_id: str, log_key: str, revision: int
) -> tuple[bytes, bytes]:
    """The command that puts what has this digest in force as that revision, and its signature."""
    members = {
        "action": action,
        "digest": digest,
        "guardian": log_key,
        "key": key_id,
        "revision": revision,
    }
    payload = json.dumps(members, sort_keys=True, separators=(",", ":")).encode()
    return payload, key.sign(COMMAND_PREFIX + payload).signature


def load_policy(
    guard: Guard, source: str, now_ms: int, *, key: SigningKey, key_id: str, log_key: str
) -> Applied:
    """`Guard.load_policy`, signed for the revision that comes next."""
    revision = json.loads(guard.status(now_ms))["policy"]["revision"] or 0
    digest = "0x" + hashlib.sha256(source.encode()).hexdigest()
    command, signature = authority(
        "policy", digest, key=key, key_id=key_id, log_key=log_key, revision=revision + 1
    )
    return guard.load_policy(source, "test", command, signature, now_ms)
