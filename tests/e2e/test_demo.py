"""The demonstration without a screen ends as told: on the chain and in the journal."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from holdfast.demo.hijacked import load_drains


def test_the_hijacked_agent_has_twenty_different_drains() -> None:
    drains = load_drains()
    assert len({drain["id"] for drain in drains}) == len(drains) == 20


@pytest.mark.timeout(400)
def test_every_sample_agent_ends_as_expected_on_the_chain() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "holdfast", "demo", "--headless", "--seconds", "120", "--json"],
        capture_output=True,
        text=True,
        timeout=380,
        check=False,
    )
    assert done.stdout, done.stderr
    summary = json.loads(done.stdout)
    problems = {name: one["problems"] for name, one in summary["agents"].items()}
    assert (summary["ok"], done.returncode) == (True, 0), (summary["problems"], problems)
    assert {step["action"] for step in summary["operator"]} == {"approve", "deny", "freeze", "thaw"}
    assert summary["journal"]["verify_exit"] == 0
