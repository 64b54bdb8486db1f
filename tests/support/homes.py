"""Homes for tests of the keys: real keystores (light), a real journal, records as the test wants
them.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount
from nacl.signing import SigningKey

from holdfast.service import journal_file, keystore
from holdfast.service.home import Home

PASSPHRASE = b"correct horse battery"


@dataclass
class KeysHome:
    """The part of a home that the signer sees. `records` are what its journal holds."""

    home: Home
    wallet: LocalAccount
    log_key: SigningKey
    records: list[bytes] = field(default_factory=list)

    def append(self, kind: str, data: dict[str, Any]) -> int:
        """Commits one more record to the journal and gives its seq."""
        seq = len(self.records)
        record = make_record(seq, kind, data)
        connection = journal_file.connect(self.home.journal_path, write=True)
        connection.execute("INSERT INTO event VALUES (?, ?)", (seq, record))
        connection.close()
        self.records.append(record)
        return seq

    def authorised(self, order: dict[str, Any]) -> int:
        return self.append("request.authorised", {"id": "r1", "order": order, "digest": "0x"})

    def payment(self, **changes: Any) -> dict[str, Any]:
        """An order that is right, with changes."""
        order = {
            "kind": "transaction",
            "chain_id": 31337,
            "wallet": self.wallet.address,
            "nonce": 0,
            "gas": 21_000,
            "max_fee_per_gas": "2000000000",
            "max_priority_fee_per_gas": "1000000000",
            "to": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
            "value": "1000",
            "data": "0x",
        }
        return order | changes


def make_keys_home(path: Path) -> KeysHome:
    home = Home(path)
    for folder in (home.path, home.keys_dir, home.wallets_dir, home.run_dir):
        folder.mkdir(mode=0o700)
    wallet, log_key = keystore.new_wallet(), SigningKey.generate()
    keystore.save_wallet(home.wallets_dir, wallet, PASSPHRASE, "light")
    keystore.save_log_key(home.log_key_path, log_key, PASSPHRASE, "light")
    genesis = make_record(
        0,
        "guardian.created",
        {
            "origin": "holdfast.local/test",
            "log_key": bytes(log_key.verify_key).hex(),
            "operators": [],
            "version": "0",
        },
    )
    journal_file.create(home.journal_path, genesis)
    return KeysHome(home, wallet, log_key, [genesis])


def make_record(seq: int, kind: str, data: dict[str, Any]) -> bytes:
    record = {"at": 1_700_000_000_000 + seq, "data": data, "kind": kind, "seq": seq, "v": 1}
    return json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
