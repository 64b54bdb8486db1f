"""What waits, as the command line lists it: also what is out and not mined."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.cli.conftest import Run
from tests.support.operator_thread import ThreadedOperator

from holdfast.service.home.folder import Home

MINUTE_MS = 60_000


@pytest.fixture
def guardian(home: Home) -> Iterator[ThreadedOperator]:
    """A scripted guardian, so that no test waits for minutes."""
    made = ThreadedOperator(home.path, "busy")
    yield made
    made.close()


def sent(guardian: ThreadedOperator, ident: str, ago_ms: int) -> dict[str, Any]:
    """The request's view, once it is out for so long."""
    snapshot = guardian.server.snapshot
    view: dict[str, Any] = next(each for each in snapshot["requests"] if each["id"] == ident)
    view |= {"state": "sent", "since": snapshot["status"]["now_ms"] - ago_ms, "waits": None}
    return view


def test_what_is_sent_and_not_mined_is_listed_with_what_to_do(
    run: Run, home: Home, guardian: ThreadedOperator
) -> None:
    sent(guardian, "r26", 3 * MINUTE_MS)
    sent(guardian, "r25", MINUTE_MS // 2)
    done = run("pending", "--home", home.path)
    assert done.code == 0, done.err
    (row,) = [each for each in done.out.splitlines() if each.startswith("r26 ")]
    assert "sent" in row
    assert "3:00" in row
    assert "a block" in row
    said = done.out + done.err
    assert "r26: sent, not mined for 3 min: `holdfast bump r26`" in said
    assert "`holdfast cancel r26` cancels it" in said
    assert "r25" not in said, "it is mined within a moment"
    rows = run("pending", "--home", home.path, "--json").lines
    assert [each["id"] for each in rows if each["state"] == "sent"] == ["r26"]
