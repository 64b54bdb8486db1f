"""Sixty-four processes spend one limit through real sockets: never over it, and all of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.campaign.setup import UNIT, setup

REPO = Path(__file__).resolve().parents[2]
PROCESSES, PAYMENTS, MOST = 64, 2, 100


@pytest.mark.timeout(300)
def test_sixty_four_processes_spend_one_limit_fully_and_never_more() -> None:
    agents = [f"racer-{number}" for number in range(4)]
    with setup(agents, str(MOST)) as field:
        racers = []
        for number in range(PROCESSES):
            to = [f"0x{number * PAYMENTS + turn + 0xAAAA0000:040x}" for turn in range(PAYMENTS)]
            given = {
                "socket": field.guardian.agent_socket(agents[number % len(agents)]),
                "payments": [field.payment(one, UNIT) for one in to],
                "wait_s": 120,
            }
            racers.append(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.campaign.racer", json.dumps(given)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    cwd=REPO,
                )
            )
        try:
            for racer in racers:
                assert racer.stdout is not None
                assert racer.stdout.readline() == "ready\n"
            told = [json.loads(racer.communicate("go\n", timeout=200)[0]) for racer in racers]
        finally:
            for racer in racers:
                racer.kill()
                racer.communicate()
        answers = [answer for one in told for answer in one]
        hashes = {answer["hash"] for answer in answers if "hash" in answer}
        refused = [answer for answer in answers if "hash" not in answer]
        assert len(hashes) == MOST
        assert refused == [{"code": 4001, "reason": "limit_exceeded"}] * len(refused)
        assert len(hashes) + len(refused) == PROCESSES * PAYMENTS
        for tx_hash in hashes:
            assert field.chain.receipt(tx_hash)["status"] == "0x1"
        paid = field.paid()
        assert {tx_hash for _, _, tx_hash in paid} == hashes
        assert sum(amount for _, amount, _ in paid) == MOST * UNIT
        assert len({to for to, _, _ in paid}) == len(paid) == MOST
        assert field.guardian.stop() == 0
        code, said = field.guardian.verify()
        assert code == 0, said
