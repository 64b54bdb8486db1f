"""A journal that cannot be written seals the guardian: no verdict leaves any more."""

import json
import sqlite3

import pytest
from tests.service.in_process import STRANGER, VENDOR, Guardian, serving
from tests.support.facts import NO_FACTS

from holdfast.service.guardian.core import Sealed
from holdfast.service.home.folder import Home
from holdfast.service.journal.open import open_reader


def fill_disk(guardian: Guardian) -> None:
    """From now on the database may not grow, as on a full disk."""
    db: sqlite3.Connection = guardian.inside.journal._tables._db
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count = {pages}")


async def seal(guardian: Guardian) -> dict[str, object]:
    """Asks for verdicts until the disk is full; gives the answer that told of it."""
    fill_disk(guardian)
    line = await guardian.agent()
    for value in range(1, 2_000):
        answer = await line.pay(STRANGER, value)
        if answer["error"]["code"] != 4001:
            return dict(answer["error"])
    raise AssertionError("the disk never was full")


async def test_no_verdict_leaves_that_is_not_on_disk(home: Home) -> None:
    async with serving(home) as guardian:
        error = await seal(guardian)
        assert error["code"] == -32603
        assert error["data"] == {"status": "sealed", "code": "sealed"}
        assert "started again" in str(error["message"])
        size = guardian.core.durable_size
        reader = open_reader(home.journal_path)
        assert reader.size() == size
        reader.close()


async def test_a_sealed_guardian_refuses_everything_but_reads_and_a_freeze(home: Home) -> None:
    async with serving(home) as guardian:
        await seal(guardian)
        line = await guardian.agent()
        assert (await line.pay(VENDOR))["error"]["code"] == -32603
        assert "result" in await line.call("eth_accounts")
        with pytest.raises(Sealed):
            guardian.core.submit("agent", "eth_sendTransaction", b"[]", NO_FACTS)
        operator = await guardian.operator()
        assert "started again" in (await operator.operate("status"))["sealed"]
        command = await operator.operate_raw("command", {"payload": "{}", "signature": "0x00"})
        assert command["error"]["code"] == "sealed"
        frozen = await operator.operate(
            "freeze", scope={"kind": "everything"}, reason="disk", actor="test"
        )
        assert frozen["freeze"] is None
        assert home.freeze_file.exists()


async def test_a_sealed_guardian_comes_back_by_a_new_start_and_keeps_its_freeze(home: Home) -> None:
    async with serving(home) as guardian:
        await seal(guardian)
        operator = await guardian.operator()
        await operator.operate("freeze", scope={"kind": "everything"}, reason="disk", actor="test")
        size = guardian.core.durable_size
    async with serving(home) as guardian:
        assert guardian.core.durable_size > size
        status = json.loads(guardian.core.guard.status(0))
        assert [each["scope"]["kind"] for each in status["freezes"]] == ["everything"]
        assert not home.freeze_file.exists()
        error = (await (await guardian.agent()).pay(VENDOR))["error"]
        assert [each["code"] for each in error["data"]["reasons"]] == ["frozen"]


async def test_an_error_nobody_foresaw_in_the_core_seals(home: Home) -> None:
    async with serving(home) as guardian:
        with pytest.raises(Sealed, match="the core failed"):
            guardian.core.submit("agent", "eth_sendTransaction", b"[]", None)  # type: ignore[arg-type]
        assert (await (await guardian.agent()).pay(VENDOR))["error"]["code"] == -32603
