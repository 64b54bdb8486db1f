"""No condition is silent.

Each is in health, in `status`, and in the operator's manual; the console and the alerts have theirs
in tests/console and tests/service/alerts.
"""

import asyncio
import sys
from pathlib import Path

import pytest
from tests.service.in_process import serving
from tests.support.conditions import examples, raised

from holdfast.service.home.folder import Home

MANUAL = Path(__file__).parents[3] / "docs" / "operations.md"


def test_there_are_conditions() -> None:
    codes = {code for code, _ in raised()}
    assert {"foreign_transaction", "nonce_gap", "nodes_disagree", "clock_ahead"} <= codes
    assert {"endpoint_down", "endpoint_lags"} <= codes
    assert len(codes) >= 14


@pytest.mark.parametrize(("code", "severity"), sorted(raised()))
def test_each_condition_is_in_the_manual_with_what_to_do(code: str, severity: str) -> None:
    rows = [line for line in MANUAL.read_text().splitlines() if line.startswith(f"| `{code}` |")]
    assert len(rows) == 1, f"{code} needs one row in docs/operations.md"
    _, _, severities, means, step, _ = rows[0].split("|")
    assert f"`{severity}`" in severities
    assert means.strip()
    assert step.strip()


async def test_each_condition_is_in_health_and_in_status_which_fails(home: Home) -> None:
    found = examples()
    async with serving(home) as guardian:
        guardian.inside.health.conditions.put("test", found)
        operator = await guardian.operator()
        told = (await operator.operate("status"))["health"]["conditions"]
        assert {each["code"] for each in told} == {each.code for each in found}
        command = [sys.executable, "-m", "holdfast", "status", "--home", str(home.path)]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        said = (await process.communicate())[0].decode()
        assert process.returncode == 1
    for each in found:
        assert f"ALARM     {each.severity} {each.code}: " in said
        assert f"next: {each.step}" in said
