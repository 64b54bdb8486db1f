import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.console import nested
from tests.service.alerts.receivers import HttpReceiver, SmtpReceiver
from tests.support.homes import make_record

from holdfast._core import canonical_json
from holdfast.service.alerts.reader import Alerts
from holdfast.service.alerts.routes import Route
from holdfast.service.journal.open import create, open_reader
from holdfast.service.journal.sqlite.schema import connect

# What a record has besides what a test says of it.
BESIDES: dict[str, dict[str, Any]] = {
    "clock.set": {"command": "{}", "signature": "0x"},
    "freeze.set": {"freeze": 1},
}


def whole_record(seq: int, kind: str, data: dict[str, Any]) -> bytes:
    """A record as the core writes it."""
    record = {"at": 1_700_000_000_000 + seq, "kind": kind, "seq": seq, "v": 4}
    return canonical_json(json.dumps(record | {"data": BESIDES.get(kind, {}) | data}).encode())


class Events:
    """A journal on disk that grows, and alerts over it that can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal.sqlite"
        self.outbox = folder / "outbox.sqlite"
        self.size = 1
        create(self.path, make_record(0, "guardian.created", {"origin": "o"}))
        self.alerts: Alerts | None = None

    def add(self, kind: str, /, **data: Any) -> int:
        """One more durable event; gives its seq."""
        seq = self.size
        db = connect(self.path, write=True)
        db.execute("INSERT INTO event VALUES (?, ?)", (seq, whole_record(seq, kind, data)))
        db.close()
        self.size += 1
        if self.alerts is not None:
            self.alerts.more()
        return seq

    def start(self, *routes: Route, retry_first_ms: int = 5) -> Alerts:
        reader = open_reader(self.path)
        self.alerts = Alerts(routes, self.outbox, reader, retry_first_ms=retry_first_ms)
        self.alerts.start(self.size)
        return self.alerts

    def stop(self) -> None:
        if self.alerts is not None:
            self.alerts.stop()
            self.alerts = None


@pytest.fixture
def events(tmp_path: Path) -> Iterator[Events]:
    journal = Events(tmp_path)
    yield journal
    journal.stop()


@pytest.fixture
def http() -> Iterator[HttpReceiver]:
    receiver = HttpReceiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def smtp() -> Iterator[SmtpReceiver]:
    receiver = SmtpReceiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def second_http() -> Iterator[HttpReceiver]:
    receiver = HttpReceiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def decided() -> Callable[..., dict[str, Any]]:
    """The data of a `request.decided` with changes."""

    def make(seq: int, **changes: Any) -> dict[str, Any]:
        data = {
            "id": f"r{seq}",
            "agent": "shopper",
            "verdict": {"tier": "approval", "quorum": 1, "timeout_ms": 1_800_000},
            "state": "waiting-approval",
            "display": [{"label": "Pay", "value": "12.5 USDC to Acme data"}],
            "effects": [],
            "warnings": [],
            "note": None,
        }
        return nested.decided("multicall") | data | changes

    return make
