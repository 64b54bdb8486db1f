"""What somebody who can write to a stopped guardian's journal, but holds no key, writes into it."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.service.guardian import STRANGER

from holdfast.service.home import Home

NOTHING = "0x" + "00" * 64

Json = dict[str, Any]


@contextmanager
def database(home: Home) -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(home.journal_path)
    try:
        yield db
        db.commit()
    finally:
        db.close()


def events(home: Home) -> list[Json]:
    with database(home) as db:
        rows = db.execute("SELECT data FROM event ORDER BY seq").fetchall()
    return [json.loads(row[0]) for row in rows]


def kinds(home: Home) -> list[str]:
    return [event["kind"] for event in events(home)]


def append(home: Home, kind: str, data: Json) -> int:
    """Puts a well-formed event behind the newest one; gives its number."""
    found = events(home)
    seq = len(found)
    at = max(time.time_ns() // 1_000_000, found[-1]["at"])
    event = {"at": at, "data": data, "kind": kind, "seq": seq, "v": found[-1]["v"]}
    raw = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    with database(home) as db:
        db.execute("INSERT INTO event VALUES(?, ?)", (seq, raw.encode()))
    return seq


def approve(home: Home, request: str) -> None:
    """An operator's approval whose signature is 64 zero bytes."""
    data = {"approvals": 1, "quorum": 1, "id": request, "signature": NOTHING}
    append(home, "request.approved", data | _command(home, "approve"))


def thaw(home: Home, freeze: int) -> None:
    """A thaw without the operator's key."""
    data = {"freeze": freeze, "signature": NOTHING}
    append(home, "freeze.lifted", data | _command(home, "thaw"))


def order(home: Home, request: str, to: str = STRANGER, value: int = 10**18) -> None:
    """An approval, and an order that has nothing to do with what was decided."""
    approve(home, request)
    decided = next(
        event["data"]
        for event in events(home)
        if event["kind"] == "request.decided" and event["data"]["id"] == request
    )
    fixed = {
        "chain_id": decided["chain_id"],
        "data": "0x",
        "gas": 21_000,
        "kind": "transaction",
        "max_fee_per_gas": "100000000000",
        "max_priority_fee_per_gas": "1000000000",
        "nonce": 0,
        "to": to,
        "value": str(value),
        "wallet": decided["wallet"],
    }
    data = {"digest": decided["digest"], "id": request, "order": fixed}
    append(home, "request.authorised", data)


def _command(home: Home, action: str) -> Json:
    genesis = events(home)[0]["data"]
    operator = genesis["operators"][0]["id"]
    members = {
        "action": action,
        "expires_at": time.time_ns() // 1_000_000 + 60_000,
        "guardian": genesis["log_key"],
        "key": operator,
    }
    return {"by": operator, "command": json.dumps(members, sort_keys=True, separators=(",", ":"))}
