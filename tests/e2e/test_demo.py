"""The demonstration without a screen ends as told: on the chain and in the journal."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time

import pytest

from holdfast.demo import words
from holdfast.demo.hijacked import load_drains
from holdfast.demo.pace import FROZEN_FIRST_S
from holdfast.demo.scenario import Scenario


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
    ending = words(summary)
    assert "`hijacked` was stopped in 22 of 27 attempts; the attacker got 20.00 dUSD" in ending
    assert "all that the policy lets this agent lose in a day (limit `tips-day`)" in ending


@pytest.mark.timeout(180)
def test_sample_agents_rest_longer_and_longer_while_they_are_frozen() -> None:
    """A frozen agent that asks on at its pace buries what its operator has to read."""
    with Scenario() as scenario:
        with scenario.guardian.connect() as operator:
            operator.freeze("everything", "", "nothing is signed")
        script = scenario.script("payer", pace_s=0.01, forever=True)
        agent = scenario.start_agent(script)
        try:
            assert agent.stdout is not None
            arrived = []
            for line in itertools.islice(agent.stdout, 4):
                assert "frozen" in json.loads(line)["codes"]
                arrived.append(time.monotonic())
        finally:
            agent.kill()
            agent.communicate()
    # The tip comes before the first rest; then half a second, and twice that.
    rests = [later - one for one, later in itertools.pairwise(arrived[1:])]
    assert rests[0] > FROZEN_FIRST_S * 0.9
    assert rests[1] > FROZEN_FIRST_S * 1.8
