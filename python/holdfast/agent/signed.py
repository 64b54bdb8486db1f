"""Signed requests: the outer call of an agent whose policy entry has a `public_key`."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from typing import Any

from nacl.signing import SigningKey

PREFIX = b"holdfast agent request v1\n"
VALID_MS = 30_000  # The guardian takes at most 60 s; half of it forgives a slow clock.


def wall_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class RequestKey:
    """An ed25519 key that signs an agent's requests; the seed never appears in a repr."""

    def __init__(self, seed: bytes) -> None:
        """`seed` is 32 bytes; raises ValueError for any other length."""
        if len(seed) != 32:
            raise ValueError(f"an ed25519 seed is 32 bytes: {len(seed)} given")
        self._key = SigningKey(seed)

    @classmethod
    def generate(cls) -> RequestKey:
        """A new key from the system's randomness."""
        return cls(secrets.token_bytes(32))

    @property
    def public_key(self) -> str:
        """`0x` hex, as `public_key` of the policy's agent entry."""
        return "0x" + bytes(self._key.verify_key).hex()

    def wrap(
        self,
        agent: str,
        method: str,
        params: Any,
        *,
        now_ms: Callable[[], int] = wall_ms,
        nonce: str | None = None,
    ) -> dict[str, Any]:
        """`{"method": "holdfast_request", "params": [{"payload", "signature"}]}` for one call.

        Each wrapping has a nonce of its own (16 bytes), so it can be delivered once.
        """
        payload = json.dumps(
            {
                "agent": agent,
                "expires_at": now_ms() + VALID_MS,
                "method": method,
                "nonce": nonce or secrets.token_hex(16),
                "params": params,
            },
            separators=(",", ":"),
            sort_keys=True,
        )
        signature = self._key.sign(PREFIX + payload.encode()).signature
        return {
            "method": "holdfast_request",
            "params": [{"payload": payload, "signature": "0x" + signature.hex()}],
        }
