"""Journals of every format that a version wrote can be read, verified and started."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.perimeter.forging import database, events
from tests.service.in_process import SHOP, STRANGER, VENDOR, serving
from tests.support.guardian import eventually

from holdfast.service.home.folder import Home
from holdfast.service.journal.sqlite.schema import FORMAT
from holdfast.service.journal.verify import verify
from holdfast.service.runtime.clock import wall_ms

STORED = Path(__file__).parents[1] / "data" / "journals"


def stored(name: str, folder: Path) -> Home:
    """A copy with the modes of a home; git keeps none of them."""
    home = Home(folder / name)
    shutil.copytree(STORED / name, home.path)
    for path in [home.path, *home.path.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    return home.open_checked()


def format_of(home: Home) -> str:
    with database(home) as db:
        return str(db.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()[0])


async def test_a_journal_of_format_1_that_ended_well_goes_on(tmp_path: Path) -> None:
    home = stored("v1-clean", tmp_path)
    before = events(home)
    report = verify(home.path)
    assert report.ok, report.faults
    assert (report.size, report.signed_size, report.proven_size, report.unproven) == (11, 11, 11, 0)
    async with serving(home) as guardian:
        # It waited for ten minutes from when the journal was written; a chain says they are over.
        guardian.core.clock.confirm([wall_ms()])
        await eventually(lambda: guardian.core.guard.stage("r9") == "expired")
        assert json.loads(guardian.core.guard.status(0))["freezes"] == []
        assert guardian.inside.health.report()["journal"] == []
        answer = await (await guardian.agent()).pay(STRANGER)
        assert answer["error"]["code"] == 4001
    assert events(home)[:11] == before
    assert format_of(home) == FORMAT
    report = verify(home.path)
    assert report.ok, report.faults
    assert report.proven_size == report.size > 11


async def test_the_end_of_a_format_1_journal_that_no_checkpoint_covers_is_set_aside(
    tmp_path: Path,
) -> None:
    """That version proved no commit: a killed guardian's end may be anybody's."""
    home = stored("v1-crashed", tmp_path)
    before = events(home)
    report = verify(home.path)
    assert {fault.code for fault in report.faults} == {"event_unproven"}
    assert (report.size, report.proven_size, report.unproven) == (19, 11, 8)
    async with serving(home) as guardian:
        (freeze,) = json.loads(guardian.core.guard.status(0))["freezes"]
        assert freeze["actor"] == "guardian"
        assert "8 events from number 11 on" in freeze["reason"]
        (alarm,) = guardian.inside.health.report()["journal"]
        assert alarm["text"] == freeze["reason"]
        # Neither the order of the last request nor the request itself is there.
        assert guardian.core.guard.request("r17") is None
        assert guardian.core.guard.to_sign() == []
        assert guardian.core.guard.open_requests() == []
        for to in (VENDOR, SHOP):
            answer = await (await guardian.agent()).pay(to)
            assert answer["error"]["data"]["reasons"][0]["code"] == "frozen"
        operator = await guardian.operator()
        await operator.operate("command", **guardian.command("thaw", freeze=freeze["freeze"]))
        assert guardian.inside.health.report()["journal"] == []
    assert events(home)[:11] == before[:11]
    with database(home) as db:
        aside = db.execute("SELECT seq, data FROM set_aside ORDER BY seq").fetchall()
    assert [json.loads(data) for _, data in aside] == before[11:]
    report = verify(home.path)
    assert report.ok, report.faults
    assert report.set_aside == 8


@pytest.mark.parametrize("name", ["v1-clean", "v1-crashed"])
def test_stored_journals_are_what_they_were(name: str, tmp_path: Path) -> None:
    """Reading changes nothing: not even the format."""
    home = stored(name, tmp_path)
    verify(home.path)
    assert format_of(home) == "1"
