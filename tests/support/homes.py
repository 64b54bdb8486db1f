"""Homes for tests of the keys.

Real keystores (light), a real journal, records as the test wants them, each committed with a proof
as the guardian does it.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount
from nacl.signing import SigningKey

from holdfast._core import CommitKey, LogTree, canonical_json, checkpoint_body
from holdfast.secrets import keystore
from holdfast.service.home.folder import Home
from holdfast.service.journal.signed_notes import session_body, sign_note
from holdfast.service.journal.sqlite import schema
from holdfast.service.signer.client import Signer
from holdfast.service.signer.order import DIGEST_MEMBERS

ORIGIN = "holdfast.local/test"

PASSPHRASE = b"correct horse battery"


@dataclass
class KeysHome:
    """The part of a home that the signer sees.

    `records` are what its journal holds; the run began after the first of them, `start`.
    """

    home: Home
    wallet: LocalAccount
    log_key: SigningKey
    session: CommitKey
    start: bytes
    tree: LogTree
    records: list[bytes] = field(default_factory=list)

    def append(self, kind: str, data: dict[str, Any], *, proven: bool = True) -> int:
        """Commits one more record to the journal and gives its seq."""
        seq = len(self.records)
        record = make_record(seq, kind, data)
        self.records.append(record)
        self.tree.extend([record])
        with self.database() as connection:
            connection.execute("BEGIN")
            connection.execute("INSERT INTO event VALUES (?, ?)", (seq, record))
            if proven:
                proof = self.session.sign(self.tree.size, self.tree.root)
                connection.execute("INSERT INTO proof VALUES (?, ?)", (self.tree.size, proof))
            connection.execute("COMMIT")
        return seq

    @contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        connection = schema.connect(self.home.journal_path, write=True)
        try:
            yield connection
        finally:
            connection.close()

    def authorised(self, order: dict[str, Any], **changes: Any) -> int:
        """Commits a decision and the order for it; gives the order's seq.

        `changes` are of the decision, made before its digest.
        """
        number = len(self.records)
        decided = {
            "agent": "agent",
            "chain_id": order["chain_id"] if order["chain_id"] < 1 << 53 else 31337,
            "effects": [],
            "fee_per_gas_max": str(100 * 10**9),
            "gas_max": 40_000_000,
            "id": f"r{number}",
            "kind": order["kind"],
            "method": "eth_sendTransaction",
            "priority_fee_per_gas_max": str(100 * 10**9),
            "request": _request(order),
            "wallet": order["wallet"],
        } | changes
        content = {name: decided[name] for name in DIGEST_MEMBERS}
        digest = hashlib.sha256(canonical_json(json.dumps(content).encode())).hexdigest()
        self.append("request.decided", decided | {"digest": "0x" + digest})
        authorised = {"id": f"r{number}", "order": order, "digest": "0x" + digest}
        return self.append("request.authorised", authorised)

    async def signer(self, *, compare: bool = False) -> Signer:
        """A signer process that follows the log from the start of this run."""
        started = await Signer.start(self.home, bytearray(PASSPHRASE), compare=compare)
        try:
            await started.follow(int.from_bytes(self.start[:8], "big"), self.start)
        except BaseException:
            await started.close()
            raise
        return started

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
            "origin": ORIGIN,
            "log_key": bytes(log_key.verify_key).hex(),
            "operators": [],
            "version": "0",
        },
    )
    tree, session = LogTree(), CommitKey(ORIGIN, bytes(range(32)))
    tree.extend([genesis])
    note = sign_note(log_key, ORIGIN, checkpoint_body(ORIGIN, 1, tree.root))
    schema.create(home.journal_path, genesis, note=note)
    keys = KeysHome(home, wallet, log_key, session, tree.range, tree, [genesis])
    certificate = sign_note(log_key, ORIGIN, session_body(ORIGIN, 1, session.public_key))
    with keys.database() as connection:
        row = (1, session.public_key, certificate)
        connection.execute("INSERT INTO session VALUES (?, ?, ?)", row)
    return keys


def _request(order: dict[str, Any]) -> dict[str, Any]:
    match order["kind"]:
        case "typed-data":
            return {"json": order["json"], "typed_data_digest": order["digest"]}
        case "message":
            return {"message": order["message"]}
        case _:
            return {name: order.get(name) for name in ("to", "value", "data")} | {"gas": None}


def make_record(seq: int, kind: str, data: dict[str, Any]) -> bytes:
    record = {"at": 1_700_000_000_000 + seq, "data": data, "kind": kind, "seq": seq, "v": 1}
    return json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
