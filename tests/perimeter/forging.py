"""What somebody who can write to a stopped guardian's journal, but holds no key, writes into it."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.service.in_process import STRANGER

from holdfast.service.home.folder import Home

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
    with database(home) as db:
        db.execute("INSERT INTO event VALUES(?, ?)", (seq, written(event)))
    return seq


def written(event: Json) -> bytes:
    """The bytes of an event; the guardian's own are canonical in the same way."""
    return json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


Event = tuple[str, Json]  # kind and data


def approval(found: list[Json], request: str) -> list[Event]:
    """An operator's approval whose signature is 64 zero bytes."""
    data = {"approvals": 1, "quorum": 1, "id": request, "signature": NOTHING}
    return [("request.approved", data | _command(found, "approve"))]


def thaw(found: list[Json], freeze: int) -> list[Event]:
    """A thaw without the operator's key."""
    data = {"freeze": freeze, "signature": NOTHING}
    return [("freeze.lifted", data | _command(found, "thaw"))]


def order(found: list[Json], request: str, to: str = STRANGER, value: int = 10**18) -> list[Event]:
    """An approval, and an order that has nothing to do with what was decided."""
    decided = next(
        event["data"]
        for event in found
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
    return [*approval(found, request), ("request.authorised", data)]


def _command(found: list[Json], action: str) -> Json:
    genesis = found[0]["data"]
    operator = genesis["operators"][0]["id"]
    members = {
        "action": action,
        "expires_at": time.time_ns() // 1_000_000 + 60_000,
        "guardian": genesis["log_key"],
        "key": operator,
    }
    return {"by": operator, "command": json.dumps(members, sort_keys=True, separators=(",", ":"))}
