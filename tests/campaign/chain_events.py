"""Chain campaign: three agents pay while nodes, fees and the daemon fail.

Nodes fail and lie, fees rise, blocks are undone and the daemon is killed; the chain is the truth.

    python -m tests.campaign.chain_events --payments 300 --minutes 30 --seed 7

Each payment has a recipient of its own. At the end nobody was paid twice, what agents were told is
on the chain, and every agent can still pay.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from tests.campaign.crash import Payer, open_requests, wait_until
from tests.campaign.setup import CampaignSetup
from tests.support.proxy import NodeProxy, error, result

from holdfast.agent.client import Denied
from holdfast.demo.chain import CHAIN_ID, Chain
from holdfast.demo.guardian import OPERATOR_PASSPHRASE, DemoGuardian
from holdfast.demo.token import deploy
from holdfast.service.offline import sign_config

AGENTS = ("careful-1", "careful-2", "stubborn-1")
GWEI = 10**9
# How long what is done to the nodes lasts.
EVENT_S = 2.0
# Ends that an agent may be told of a payment that is not on the chain.
UNPAID = {"frozen", "dropped"}

Call = dict[str, Any]
Hook = Callable[[Call, Callable[[], bytes]], bytes | None]


@dataclass
class World(CampaignSetup):
    """Two nodes of one chain, each of which can be made to fail and to lie."""

    nodes: tuple[NodeProxy, NodeProxy]
    chance: random.Random
    did: list[str] = field(default_factory=list)

    def restart(self) -> None:
        """Kills the daemon and starts it again."""
        self.guardian.kill()
        self.guardian.start()

    def during(self, hook: Hook, *nodes: NodeProxy) -> None:
        """Lets a node answer in another way for a while."""
        for node in nodes:
            node.hook = hook
        time.sleep(EVENT_S)  # how long it lasts, not synchronisation
        for node in nodes:
            node.hook = None


@contextlib.contextmanager
def world(seed: int) -> Iterator[World]:
    """A running guardian behind two nodes."""
    with (
        tempfile.TemporaryDirectory(prefix="hf-") as folder,
        Chain("--block-time", "1") as chain,
        DemoGuardian(Path(folder) / "home", chain) as demo,
    ):
        nodes = NodeProxy(chain.url), NodeProxy(chain.url)
        token = deploy(chain)
        token.give(demo.wallets[0], token.supply // 2)
        entries = "\n".join(
            f'[[agent]]\nid = "{name}"\nwallets = ["purse"]\nchain = {CHAIN_ID}\n'
            "requests_per_minute = 1000000\nconnections_max = 128\n"
            for name in AGENTS
        )
        text = Path(__file__).with_name("policy.toml").read_text()
        names = {"wallet": demo.wallets[0], "token": token.address}
        demo.policy(Template(text).substitute(names, agents=entries, most=100_000))
        tables = "".join(
            f'[[endpoint]]\nchain = {CHAIN_ID}\nrpc_url = "{node.url}"\npoll_ms = 100\n'
            "confirmations = 1\n"
            for node in nodes
        )
        gate = "[gate]\nhold_ms = 4000\nretry_after_s = 1\n"
        sign_config(demo.home, f"version = 1\n{gate}{tables}", OPERATOR_PASSPHRASE.encode())
        demo.start()
        try:
            yield World(chain, demo, token, nodes, random.Random(seed))
        finally:
            for node in nodes:
                node.stop()


class Buyer(Payer):
    """Pays so many recipients, and notes what it was refused."""

    def __init__(self, setup: CampaignSetup, agent: str, place: int, over: threading.Event) -> None:
        super().__init__(setup, agent, place, over)
        self.unpaid: dict[str, str] = {}

    def run(self) -> None:
        """Until it is over; a payment under way is finished first."""
        for to in self._recipients:
            if self._over.is_set():
                break
            self._to = to
            self._pay(to)
            self._over.wait(self._random.uniform(0.05, 0.3))
        if self._client is not None:
            self._client.close()

    def pay_once(self) -> None:
        """One payment, in the thread of the caller."""
        self._over = threading.Event()
        self._to = next(self._recipients)
        self._pay(self._to)
        if self._client is not None:
            self._client.close()

    def _refused(self, no: Denied) -> None:
        status = str(no.data.get("status"))
        codes = [reason.get("code") for reason in no.data.get("reasons", [])]
        if status in UNPAID or codes == ["frozen"]:
            self.unpaid[self._to] = status
        else:
            self.told.odd.append(f"{no} {codes}")


def kill(here: World) -> None:
    """The daemon dies and is started again."""
    here.restart()


def one_in_five_fails(here: World) -> None:
    """A node that answers every fifth call with an error."""
    numbers = itertools.count()

    def hook(call: Call, forward: Callable[[], bytes]) -> bytes:
        if next(numbers) % 5 == 0:
            return error(call, -32603, "internal error")
        return forward()

    here.during(hook, here.nodes[0])


def one_node_is_down(here: World) -> None:
    """The preferred node answers nothing."""
    here.during(lambda call, _: error(call, -32000, "no"), here.nodes[0])


def pools_are_full(here: World) -> None:
    """No node takes anything."""

    def hook(call: Call, forward: Callable[[], bytes]) -> bytes:
        if call["method"] == "eth_sendRawTransaction":
            return error(call, -32000, "txpool is full")
        return forward()

    here.during(hook, *here.nodes)


def fees_rise(here: World) -> None:
    """The base fee jumps above what is out."""
    here.chain.call("anvil_setNextBlockBaseFeePerGas", [hex(40 * GWEI)])


def a_pool_is_lost(here: World) -> None:
    """What waits in the pool is gone."""
    here.chain.call("anvil_dropAllTransactions", [])


def blocks_are_undone(here: World) -> None:
    """A reorganisation past the confirmations."""
    here.chain.call("anvil_reorg", [here.chance.randint(1, 3), []])


def a_receipt_lies(here: World) -> None:
    """One node says that payments were undone."""

    def hook(call: Call, forward: Callable[[], bytes]) -> bytes:
        if call["method"] != "eth_getTransactionReceipt":
            return forward()
        receipt = json.loads(forward()).get("result")
        return result(call, receipt and receipt | {"status": "0x0"})

    here.during(hook, here.nodes[here.chance.randint(0, 1)])


def a_nonce_lies(here: World) -> None:
    """One node says that the wallet sent a million transactions, or none."""
    number = here.chance.choice(["0x100000", "0x0"])

    def hook(call: Call, forward: Callable[[], bytes]) -> bytes:
        if call["method"] == "eth_getTransactionCount":
            return result(call, number)
        return forward()

    here.during(hook, here.nodes[here.chance.randint(0, 1)])


def an_answer_is_lost(here: World) -> None:
    """The bytes arrive and the answer does not."""

    def hook(call: Call, forward: Callable[[], bytes]) -> bytes:
        answer = forward()
        if call["method"] == "eth_sendRawTransaction":
            return error(call, -32603, "timeout")
        return answer

    here.during(hook, *here.nodes)


def a_freeze(here: World) -> None:
    """Everything is stopped, and goes on when an operator says so."""
    with here.guardian.connect() as operator:
        frozen = operator.freeze("everything")
        time.sleep(1.0)  # how long it stands, not synchronisation
        operator.thaw(frozen)
        for wallet in operator.call("nonces")["nonces"]:
            for each in wallet["out"]:
                if each["state"] == "held":
                    operator.answer("approve", each["id"])


EVENTS = (
    kill,
    one_in_five_fails,
    one_node_is_down,
    pools_are_full,
    fees_rise,
    a_pool_is_lost,
    blocks_are_undone,
    a_receipt_lies,
    a_nonce_lies,
    an_answer_is_lost,
    a_freeze,
)


def judge(here: World, buyers: list[Buyer]) -> list[str]:
    """What is wrong, by the chain and by the journal; empty when nothing is."""
    wrong = []
    paid = here.paid()
    by_recipient: dict[str, str] = {to: tx_hash for to, _, tx_hash in paid}
    if len(by_recipient) != len(paid):
        wrong.append(f"paid twice: {len(paid) - len(by_recipient)} recipients")
    with here.guardian.connect(key=False) as operator:
        health = operator.call("status")["health"]
    told = {to: h for buyer in buyers for to, h in buyer.told.paid.items()}
    named = " ".join(each["text"] for each in health["conditions"])
    for to, tx_hash in told.items():
        # Bytes with a higher fee may have taken the place of those that were told.
        if to not in by_recipient and tx_hash not in named:
            wrong.append(f"{tx_hash} was told for {to}: not on the chain, and no alarm names it")
    for buyer in buyers:
        wrong += [f"{buyer.name}: {odd}" for odd in buyer.told.odd]
        wrong += [
            f"{to} is paid and {end}" for to, end in buyer.unpaid.items() if to in by_recipient
        ]
    known = set(told) | {to for buyer in buyers for to in buyer.unpaid}
    wrong += [f"{to} is paid and nobody was told" for to in by_recipient if to not in known]
    grave = [each for each in health["conditions"] if each["severity"] != "warning"]
    wrong += [f"still an alarm: {each['code']}: {each['text']}" for each in grave]
    return wrong


def run(payments: int, seconds: float, seed: int) -> dict[str, Any]:
    """One campaign: `{"ok", "seed", "wrong", "paid", "unpaid", "did"}`."""
    with world(seed) as here:
        over = threading.Event()
        buyers = [Buyer(here, agent, place, over) for place, agent in enumerate(AGENTS)]
        for buyer in buyers:
            buyer.start()
        wrong: list[str] = []
        began = time.monotonic()
        rounds = itertools.cycle(EVENTS)
        try:
            while time.monotonic() - began < seconds or _made(buyers) < payments:
                event = next(rounds) if len(here.did) < len(EVENTS) else here.chance.choice(EVENTS)
                here.did.append(event.__name__)
                event(here)
                time.sleep(here.chance.uniform(0.2, 1.5))  # what happens meanwhile
                if time.monotonic() - began > 4 * seconds + 240:
                    wrong.append(f"too slow: {_made(buyers)} of {payments} payments")
                    break
        finally:
            over.set()
            for buyer in buyers:
                buyer.join(180)
        wrong += [f"{buyer.name} hangs" for buyer in buyers if buyer.is_alive()]
        wait_until("everything settled", lambda: open_requests(here) == 0, wrong)
        last = [Buyer(here, agent, place + 16, over) for place, agent in enumerate(AGENTS)]
        for buyer in last:
            buyer.pay_once()
        wait_until("the last ones settled", lambda: open_requests(here) == 0, wrong)
        wait_until("no alarm", lambda: not _grave(here), wrong)
        wrong += judge(here, [*buyers, *last])
        wrong += [f"{buyer.name} cannot pay" for buyer in last if not buyer.told.paid]
        if here.guardian.stop() != 0:
            wrong.append(f"the last stop failed: {here.guardian.last_words()}")
        code, said = here.guardian.verify()
        if code != 0:
            wrong.append(f"at the end: {said}")
        return {
            "ok": not wrong,
            "seed": seed,
            "wrong": wrong,
            "paid": sum(len(buyer.told.paid) for buyer in buyers),
            "unpaid": sum(len(buyer.unpaid) for buyer in buyers),
            "did": here.did,
        }


def _made(buyers: list[Buyer]) -> int:
    return sum(len(buyer.told.paid) + len(buyer.unpaid) for buyer in buyers)


def _grave(here: World) -> list[str]:
    with here.guardian.connect(key=False) as operator:
        found = operator.call("status")["health"]["conditions"]
    return [each["code"] for each in found if each["severity"] != "warning"]


def main() -> int:
    """Prints the result as JSON; 1 when something is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--payments", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    found = run(given.payments, given.minutes * 60, given.seed)
    print(json.dumps(found, indent=1))
    return 0 if found["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
