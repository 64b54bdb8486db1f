"""Crash campaign: agents pay while the daemon is killed at random moments; the chain is the truth.

    python -m tests.campaign.crash --kills 100 --seed 7

Each payment has a recipient of its own, so a second payment of the same thing shows on the chain.
After a lost connection careful agents resend under an idempotency key, stubborn ones resend without
one, and timid ones never do.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from tests.campaign.setup import UNIT, CampaignSetup, setup

from holdfast.agent.client import Client, Denied, Pending, RpcError

AGENTS = ("careful-1", "careful-2", "stubborn-1", "stubborn-2", "timid-1")
# The longest a daemon lives between two kills: every other time until just after its keys are open.
LIVES_S = (1.0, 4.0)
TOKENS_PER_KILL = 12
QUIET_S = 240.0


@dataclass
class Told:
    """What the guardian told agents: by recipient, and the ids of denied requests."""

    paid: dict[str, str] = field(default_factory=dict)
    denied: list[tuple[str, str]] = field(default_factory=list)
    lost: int = 0
    odd: list[str] = field(default_factory=list)


class Payer(threading.Thread):
    """One agent: a token to a new recipient, again and again, through every crash."""

    def __init__(
        self, field_: CampaignSetup, agent: str, place: int, over: threading.Event
    ) -> None:
        super().__init__(name=agent, daemon=True)
        self._field, self._agent, self._over = field_, agent, over
        self._socket = str(field_.guardian.home.agent_socket(agent))
        self._recipients = (f"0x{(place + 1) << 64 | n:040x}" for n in itertools.count(1))
        self._random = random.Random(agent)
        self._client: Client | None = None
        self.told = Told()
        self.exhausted = threading.Event()

    def run(self) -> None:
        """Until it is over; a payment under way is finished first."""
        while not self._over.is_set():
            self._pay(next(self._recipients))
            self._over.wait(self._random.uniform(0.0, 0.08))
        if self._client is not None:
            self._client.close()

    def _pay(self, to: str) -> None:
        careful, timid = self._agent.startswith("careful"), self._agent.startswith("timid")
        payment = self._field.payment(to, UNIT)
        while True:
            try:
                if self._client is None:
                    self._client = Client(self._socket, timeout_s=60)
                self.told.paid[to] = self._client.send_transaction(
                    payment, wait_s=30, idempotency_key=to if careful else None
                )
                return
            except Denied as no:
                self._refused(no)
                return
            except Pending:
                pass  # Asked for long enough: asking again joins the same payment.
            except RpcError as odd:
                self.told.odd.append(str(odd))
                self._over.wait(0.05)
                if self._over.is_set():
                    return
            except OSError:
                sent = self._client is not None
                if self._client is not None:
                    self._client.close()
                    self._client = None
                self.told.lost += sent
                if (sent and timid) or self._over.wait(0.02):
                    return

    def _refused(self, no: Denied) -> None:
        codes = [reason.get("code") for reason in no.data.get("reasons", [])]
        if "limit_exceeded" in codes:
            self.told.denied.append((str(no.data.get("requestId")), self._agent))
            self.exhausted.set()
            self._over.wait(0.1)
        else:
            self.told.odd.append(f"{no} {codes}")


def kill_again_and_again(field_: CampaignSetup, kills: int, chance: random.Random) -> list[str]:
    """Kills and restarts the daemon; gives what `journal verify` did not like."""
    faults = []
    for number in range(kills):
        time.sleep(
            chance.uniform(0.0, LIVES_S[number % 2])
        )  # the moment of the crash, not synchronisation
        field_.guardian.kill()
        code, said = field_.guardian.verify()
        if code != 0:
            faults.append(f"after kill {number + 1}: {said}")
        if number % 4 == 3 and number + 1 < kills:
            field_.guardian.spawn()  # the next kill may come while it starts
        else:
            field_.guardian.start()
    return faults


def open_requests(field_: CampaignSetup) -> int:
    """How many requests are not at an end."""
    with field_.guardian.connect(key=False) as operator:
        counts = operator.call("status")["counts"]
    ends = {"confirmed", "reverted", "dropped", "released", "denied", "expired"}
    ends |= {"cancelled", "failed", "frozen"}
    return sum(count for state, count in counts.items() if state not in ends)


def judge(field_: CampaignSetup, payers: list[Payer], most: int) -> list[str]:
    """What is wrong, by the chain and by the journal; empty when nothing is."""
    wrong = []
    paid = field_.paid()
    by_recipient = {to: tx_hash for to, _, tx_hash in paid}
    if len(by_recipient) != len(paid):
        wrong.append(f"paid twice: {len(paid) - len(by_recipient)} recipients")
    total = sum(amount for _, amount, _ in paid)
    if total != most * UNIT:
        wrong.append(f"the limit is {most * UNIT}, the chain says {total}")
    with field_.guardian.connect(key=False) as operator:
        events = operator.events()
    decided = {one["data"]["id"]: one["data"] for one in events if one["kind"] == "request.decided"}
    for payer in payers:
        for to, tx_hash in payer.told.paid.items():
            if by_recipient.get(to) != tx_hash:
                wrong.append(f"{payer.name} was told {tx_hash} for {to}: not on the chain")
        for request, agent in payer.told.denied:
            found = decided.get(request)
            if found is None or (found["agent"], found["state"]) != (agent, "denied"):
                wrong.append(f"{agent} was told that {request} was denied: not in the journal")
        wrong += [f"{payer.name}: {odd}" for odd in payer.told.odd]
    signed = [one["data"] for one in events if one["kind"] == "request.signed"]
    if len({one["id"] for one in signed}) != len(signed):
        wrong.append("a request was signed twice")
    return wrong


def wait_until(what: str, condition: Any, faults: list[str]) -> None:
    """Polls until true; notes a fault after four minutes."""
    deadline = time.monotonic() + QUIET_S
    while not condition():
        if time.monotonic() > deadline:
            faults.append(f"not in time: {what}")
            return
        time.sleep(0.1)


def run(kills: int, seed: int) -> dict[str, Any]:
    """One campaign: `{"ok", "kills", "seed", "wrong", "paid", "denied", "lost", …}`."""
    most = TOKENS_PER_KILL * kills
    began = time.monotonic()
    with setup(AGENTS, str(most), "--block-time", "1") as field_:
        over = threading.Event()
        payers = [Payer(field_, agent, place, over) for place, agent in enumerate(AGENTS)]
        for payer in payers:
            payer.start()
        try:
            wrong = kill_again_and_again(field_, kills, random.Random(seed))
            # Without crashes now: what is left of the limit must still be usable to the last token.
            for payer in payers:
                wait_until(f"{payer.name} meets the limit", payer.exhausted.is_set, wrong)
            wait_until("everything settled", lambda: open_requests(field_) == 0, wrong)
        finally:
            over.set()
            for payer in payers:
                payer.join(90)
        wrong += judge(field_, payers, most)
        if field_.guardian.stop() != 0:
            wrong.append(f"the last stop failed: {field_.guardian.last_words()}")
        code, said = field_.guardian.verify()
        if code != 0:
            wrong.append(f"at the end: {said}")
    return {
        "ok": not wrong,
        "kills": kills,
        "seed": seed,
        "wrong": wrong,
        "limit": most,
        "paid": sum(len(payer.told.paid) for payer in payers),
        "denied": sum(len(payer.told.denied) for payer in payers),
        "lost_connections": sum(payer.told.lost for payer in payers),
        "seconds": round(time.monotonic() - began, 1),
    }


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    result = run(given.kills, given.seed)
    print(json.dumps(result, indent=2))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
