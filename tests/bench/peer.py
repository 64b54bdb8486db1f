"""A peer that anyone can install: the Python wheel of the Open Wallet Standard.

It signs the same documents under a policy, inside the agent's process, with nothing on disk for a
payment.
"""

from __future__ import annotations

import importlib.util
import json
import tempfile
import time
from collections.abc import Iterator

from tests.bench.rows import Row

PACKAGE = "ows"
POLICY = {
    "id": "chain",
    "name": "one chain",
    "version": 1,
    "created_at": "2026-01-01T00:00:00Z",
    "rules": [{"type": "allowed_chains", "chain_ids": ["eip155:31337"]}],
    "action": "deny",
}


def rows(documents: Iterator[str], seconds: float) -> list[Row]:
    """Its payments a second; nothing where it is not installed."""
    if importlib.util.find_spec(PACKAGE) is None:
        return []
    import ows

    with tempfile.TemporaryDirectory(prefix="hf-") as vault:
        wallet = ows.import_wallet_private_key(
            "w", "11" * 32, chain="ethereum", passphrase="bench", vault_path_opt=vault
        )
        ows.create_policy(json.dumps(POLICY), vault_path_opt=vault)
        key = ows.create_api_key("bench", [wallet["id"]], ["chain"], "bench", vault_path_opt=vault)
        count, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < seconds:
            ows.sign_typed_data("w", "eip155:31337", next(documents), key["token"], None, vault)
            count += 1
        per_s = count / (time.perf_counter() - begun)
    note = "its wheel in the agent's process, one allowed-chains rule, nothing durable"
    return [Row("Open Wallet Standard, the same payments", per_s, "/s", note=note)]
