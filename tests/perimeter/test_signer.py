"""The signer signs what it saw the guardian decide and commit, and nothing that it is told."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes
from nacl.signing import SigningKey
from tests.service.in_process import STRANGER, VENDOR
from tests.support.homes import ORIGIN, KeysHome, make_keys_home, make_record

from holdfast._core import CommitKey, LogTree, checkpoint_body
from holdfast.service.journal.signed_notes import session_body, sign_note
from holdfast.service.signer.backends.local import LocalKey
from holdfast.service.signer.process import Signer


@pytest.fixture
def keys(tmp_path: Path) -> KeysHome:
    return make_keys_home(tmp_path / "home")


class Refusal(Exception):
    """The signer's words."""


class Later(Refusal):
    """The same may be asked again."""


class Asked:
    """The signer behind its socket, in this process; tests/service/signer runs it in its own."""

    def __init__(self, keys: KeysHome, compare: dict[str, Any] | None = None) -> None:
        self._start = keys.start
        key = LocalKey(bytes(keys.wallet.key))
        self._signer = Signer(keys.home.path, {key.address: key}, keys.log_key, compare=compare)

    def begin(self) -> Asked:
        self.follow(int.from_bytes(self._start[:8], "big"), self._start)
        return self

    def follow(self, size: int, compact: bytes) -> None:
        self._ask(op="follow", size=size, range=base64.b64encode(compact).decode())

    def sign(self, seq: int) -> str:
        """The raw transaction."""
        return str(self._ask(op="sign", seqs=[seq])["raw"])

    def checkpoint(self, size: int, root: bytes) -> None:
        self._ask(op="checkpoint", size=size, root=base64.b64encode(root).decode())

    def _ask(self, **question: Any) -> dict[str, Any]:
        (answer,) = self._signer.answers(json.dumps(question).encode())
        if "error" in answer:
            raise (Later if answer.get("code") == "again" else Refusal)(answer["error"])
        return answer


def change(keys: KeysHome, statement: str, *values: Any) -> None:
    with keys.database() as db:
        db.execute(statement, values)


def refused(signer: Asked, seq: int, words: str) -> None:
    with pytest.raises(Refusal, match=words):
        signer.sign(seq)


def test_an_order_without_a_proof_is_not_signed(keys: KeysHome) -> None:
    signer = Asked(keys).begin()
    honest = keys.authorised(keys.payment())
    forged = keys.append("request.authorised", authorised(keys, honest), proven=False)
    refused(signer, forged, "no proof of the guardian covers it")
    assert signer.sign(honest)


class OddAccount:
    """An eth-account that signs something else than the order says."""

    def __init__(self, account: LocalAccount) -> None:
        self._account = account

    def sign_transaction(self, transaction: dict[str, Any]) -> Any:
        return self._account.sign_transaction(transaction | {"value": transaction["value"] + 1})


def test_an_order_that_eth_account_signs_otherwise_is_not_signed_where_both_are_compared(
    keys: KeysHome,
) -> None:
    seq = keys.authorised(keys.payment())
    address = keys.wallet.address
    odd = Asked(keys, {address: OddAccount(keys.wallet)})
    refused(odd.begin(), seq, "eth-account makes other bytes")
    refused(Asked(keys, {}).begin(), seq, "set `compare_signatures = false`")
    alone = Asked(keys).begin().sign(seq)
    assert alone == Asked(keys, {address: keys.wallet}).begin().sign(seq)


def authorised(keys: KeysHome, seq: int, **changes: Any) -> dict[str, Any]:
    """The data of an order, with changes of what is ordered."""
    data: dict[str, Any] = json.loads(keys.records[seq])["data"]
    return data | {"order": data["order"] | changes}


def test_an_order_with_a_forged_proof_ends_all_signing(keys: KeysHome) -> None:
    for proof in (os.urandom(64), b"", "proof of another size"):
        signer = Asked(keys).begin()
        honest = keys.authorised(keys.payment())
        forged = keys.append("request.authorised", authorised(keys, honest), proven=False)
        if isinstance(proof, str):
            copied = "INSERT INTO proof SELECT ?, signature FROM proof WHERE size = ?"
            change(keys, copied, forged + 1, honest + 1)
        else:
            change(keys, "INSERT INTO proof VALUES(?, ?)", forged + 1, proof)
        refused(signer, forged, "is not what the guardian wrote")
        refused(signer, honest, "Nothing is signed any more")
        with pytest.raises(Refusal, match="Nothing is signed any more"):
            signer.checkpoint(honest + 1, keys.tree.root)
        change(keys, "DELETE FROM event WHERE seq > 0")
        change(keys, "DELETE FROM proof")
        del keys.records[1:]
        keys.tree = LogTree()
        keys.tree.extend(keys.records)


@pytest.mark.parametrize("table", ["event", "proof"])
def test_a_table_that_holds_other_types_ends_all_signing(keys: KeysHome, table: str) -> None:
    """A file made elsewhere need not keep the types that ours has."""
    signer = Asked(keys).begin()
    seq = keys.authorised(keys.payment())
    name = {"event": "data", "proof": "signature"}[table]
    with keys.database() as db:
        db.execute(f"CREATE TABLE loose AS SELECT * FROM {table}")
        db.execute(f"DROP TABLE {table}")
        db.execute(f"ALTER TABLE loose RENAME TO {table}")
        db.execute(f"UPDATE {table} SET {name} = 'text' WHERE rowid = 2")
    refused(signer, seq, "is not what the guardian wrote")
    refused(signer, seq, "Nothing is signed any more")


def test_an_order_is_signed_later_if_the_journal_cannot_be_read_now(keys: KeysHome) -> None:
    seq, journal = keys.authorised(keys.payment()), keys.home.journal_path
    with keys.database() as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    away = journal.rename(journal.with_suffix(".away"))
    signer = Asked(keys)
    with pytest.raises(Later, match="cannot be read as a journal"):
        signer.begin()
    away.rename(journal)
    assert signer.begin().sign(seq)


def test_rows_that_change_or_vanish_end_all_signing_or_change_nothing_of_it(keys: KeysHome) -> None:
    other = "UPDATE event SET data = CAST(replace(CAST(data AS TEXT), ?, ?) AS BLOB) WHERE seq = ?"
    for place in range(3):
        signer = Asked(keys).begin()
        first = keys.authorised(keys.payment(nonce=2 * place))
        second = keys.authorised(keys.payment(nonce=2 * place + 1))
        if place == 0:  # before it was read
            change(keys, other, VENDOR, STRANGER, second)
        elif place == 1:
            change(keys, "DELETE FROM event WHERE seq = ?", first)
        else:  # after it was read and proven: what was proven is signed, whatever is there now
            signer.sign(first)
            change(keys, other, VENDOR, STRANGER, second)
            paid = TypedTransaction.from_bytes(HexBytes(signer.sign(second))).as_dict()["to"]
            assert paid == HexBytes(VENDOR)
            continue
        refused(signer, second, "not what the guardian wrote")
        refused(signer, second, "Nothing is signed any more")
        restore(keys)


def restore(keys: KeysHome) -> None:
    with keys.database() as db:
        rows = list(enumerate(keys.records))
        db.executemany("INSERT OR REPLACE INTO event VALUES(?, ?)", rows)


def test_an_order_that_is_not_what_was_decided_is_not_signed(keys: KeysHome) -> None:
    """Even if it is committed with a proof, as by a guardian that errs."""
    signer = Asked(keys).begin()
    changes: dict[str, Any] = {
        "to": STRANGER,
        "value": "1001",
        "data": "0x00",
        "chain_id": 1,
        "gas": 40_000_001,
        "max_fee_per_gas": str(101 * 10**9),
    }
    for member, value in changes.items():
        honest = keys.authorised(keys.payment())
        odd = keys.append("request.authorised", authorised(keys, honest, **{member: value}))
        refused(signer, odd, f"event {odd}: `{member}` is ")
    honest = keys.authorised(keys.payment(max_fee_per_gas=str(100 * 10**9)))
    tip = authorised(keys, honest, max_priority_fee_per_gas=str(100 * 10**9 + 1))
    refused(signer, keys.append("request.authorised", tip), "`max_priority_fee_per_gas` is above")


def test_a_decision_that_was_changed_is_not_the_one_that_was_authorised(
    keys: KeysHome,
) -> None:
    """The decision may be older than what is followed: its digest still binds it."""
    order = keys.payment()
    before = keys.authorised(order)
    begin_anew(keys)
    signer = Asked(keys).begin()
    again = keys.append("request.authorised", authorised(keys, before))
    text = keys.records[before - 1].decode().replace('"value":"1000"', '"value":"1001"')
    change(keys, "UPDATE event SET data = ? WHERE seq = ?", text.encode(), before - 1)
    refused(signer, again, "not the one that was authorised")
    restore(keys)
    assert signer.sign(again)


def begin_anew(keys: KeysHome) -> None:
    """The guardian starts again on all that is there."""
    size, key = keys.tree.size, CommitKey(ORIGIN, os.urandom(32))
    checkpoint = sign_note(keys.log_key, ORIGIN, checkpoint_body(ORIGIN, size, keys.tree.root))
    certificate = sign_note(keys.log_key, ORIGIN, session_body(ORIGIN, size, key.public_key))
    with keys.database() as db:
        db.execute("DELETE FROM session")
        db.execute("DELETE FROM proof")
        db.execute("INSERT INTO session VALUES(?, ?, ?)", (size, key.public_key, certificate))
        db.execute("INSERT OR REPLACE INTO checkpoint VALUES(?, ?)", (size, checkpoint))
    keys.session, keys.start = key, keys.tree.range


def test_an_order_from_before_the_start_is_not_signed(keys: KeysHome) -> None:
    old = keys.authorised(keys.payment())
    begin_anew(keys)
    signer = Asked(keys).begin()
    refused(signer, old, "not an order followed since")
    assert signer.sign(keys.authorised(keys.payment()))


def test_nothing_is_followed_that_the_log_key_does_not_vouch_for(keys: KeysHome) -> None:
    keys.append("guardian.started", {"version": "0"})
    other = LogTree()
    other.extend([keys.records[0], b"another"])
    stranger = SigningKey.generate()
    key = CommitKey(ORIGIN, os.urandom(32))
    note = sign_note(stranger, ORIGIN, session_body(ORIGIN, 1, key.public_key))
    beginnings: list[tuple[int, bytes, str, tuple[Any, ...], str]] = [
        (2, keys.tree.range, "SELECT 1", (), "no checkpoint of the log's key"),
        (2, other.range, "SELECT 1", (), "no checkpoint of the log's key"),
        (1, other.range, "SELECT 1", (), "no checkpoint of the log's key"),
        (1, b"\0" * 7, "SELECT 1", (), "not a compact range"),
        (1, keys.start, "UPDATE session SET public_key = ?", (key.public_key,), "not certified"),
        (1, keys.start, "UPDATE session SET note = ?", (note,), "not certified"),
        (1, keys.start, "DELETE FROM session", (), "no run that began here"),
    ]
    for size, compact, statement, values, words in beginnings:
        change(keys, statement, *values)
        signer = Asked(keys)
        with pytest.raises(Refusal, match=words):
            signer.follow(size, compact)
        refused(signer, 1, "`follow` comes first")


def test_it_follows_once(keys: KeysHome) -> None:
    signer = Asked(keys).begin()
    with pytest.raises(Refusal, match="followed already"):
        signer.follow(1, keys.start)


def test_another_first_event_is_not_followed(keys: KeysHome) -> None:
    genesis = json.loads(keys.records[0])["data"] | {"operators": [{"id": "eve", "public_key": ""}]}
    change(
        keys, "UPDATE event SET data = ? WHERE seq = 0", make_record(0, "guardian.created", genesis)
    )
    tree = LogTree()
    tree.extend([make_record(0, "guardian.created", genesis)])
    signer = Asked(keys)
    with pytest.raises(Refusal, match="no checkpoint of the log's key"):
        signer.follow(1, tree.range)
