"""An operator's hands on payments that hang, on a real chain: bump, cancel, nonce."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Result, Run
from tests.docs.terminal import Terminal

from holdfast.agent import Client, Pending
from holdfast.demo.chain import Chain
from holdfast.demo.guardian import OPERATOR_PASSPHRASE, DemoGuardian

pytestmark = pytest.mark.timeout(180)

GWEI = 10**9
OWN = ("--passphrase-fd", "{0}")
KEY = (OPERATOR_PASSPHRASE,)
ASKED = """
[[rule]]
id = "others"
effects = ["transfer"]
assets = ["eth"]
to = ["{}"]
tier = "approval"
timeout = "30m"
"""
ROOM = {
    '\nfee_per_gas_max = "10 gwei"': '\nfee_per_gas_max = "100 gwei"',
    'priority_fee_per_gas_max = "2 gwei"': 'priority_fee_per_gas_max = "5 gwei"',
    'max = "0.04"': 'max = "1"',
}
OWN_TO_SEND = """
[[rule]]
id = "own"
effects = ["transfer"]
assets = ["eth"]
to = ["{}"]
tier = "instant"
released = "agent"
"""


@contextmanager
def _guardian(config: str) -> Iterator[DemoGuardian]:
    """What goes to the first payee is let through at once, and mined when a test wants it."""
    with (
        Chain() as chain,
        tempfile.TemporaryDirectory(prefix="hf-") as folder,
        DemoGuardian(Path(folder), chain) as made,
    ):
        made.config(config)
        policy = made.home.policy_path.read_text().replace('timeout = "30m"\n', "")
        instant = f'tier = "instant"\nto = ["{chain.accounts[1]}"]'
        policy = policy.replace('tier = "approval"', instant)
        # Room to bump twice: the starter's caps are near what the chain asks.
        for cap, roomy in ROOM.items():
            assert cap in policy
            policy = policy.replace(cap, roomy)
        policy += ASKED.format(chain.accounts[2]) + OWN_TO_SEND.format(chain.accounts[3])
        made.policy(policy)
        made.start()
        yield made
        assert made.stop() == 0, made.last_words()


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoGuardian]:
    with _guardian("[gate]\nhold_ms = 2000\n") as made:
        yield made


@pytest.fixture
def forgetful() -> Iterator[DemoGuardian]:
    """What is older than a second is not sent again when its chain lost it."""
    with _guardian("[gate]\nhold_ms = 2000\n\n[sending]\nwithin_ms = 1000\n") as made:
        yield made


class Payment:
    """One that is out and not mined."""

    def __init__(self, run: Run, demo: DemoGuardian, value: int) -> None:
        self._run, self._house = run, demo
        self._chain = demo.chain
        self._chain.call("evm_setAutomine", [False])
        payee = demo.chain.accounts[1]
        self.before = demo.chain.balance(payee)
        with Client(demo.agent_socket("agent")) as agent:
            self.hash = agent.send_transaction({"to": payee, "value": hex(value)}, wait_s=10)
        found = [each for each in self.listed() if each["hash"] == self.hash]
        self.id: str = found[0]["id"]
        self.nonce: int = found[0]["nonce"]

    def listed(self) -> list[dict[str, Any]]:
        (row,) = self._run("nonce", "--home", self._house.home.path, "--json").lines
        return list(row["out"])

    @property
    def view(self) -> dict[str, Any]:
        done = self._run("show", self.id, "--home", self._house.home.path, "--json")
        return dict(done.json)

    def command(self, action: str, *more: str) -> Result:
        at = ("--digest", self.view["digest"], "--home", self._house.home.path, "--json", *OWN)
        return self._run(action, self.id, *more, *at, secrets=KEY)

    def until(self, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Its view, once that is so."""
        view = self.view
        deadline = time.monotonic() + 30
        while not true(view):
            assert time.monotonic() < deadline, view
            view = self.view
        return view

    def mined(self) -> dict[str, Any]:
        self._chain.call("evm_mine", [])
        return self.until(lambda view: view["outcome"] is not None)

    @property
    def received(self) -> int:
        return self._chain.balance(self._house.chain.accounts[1]) - self.before


def test_a_bump_pays_more_and_pays_once(run: Run, demo: DemoGuardian) -> None:
    payment = Payment(run, demo, 2_000)
    first = payment.view
    done = payment.command("bump", "--max-fee", "30 gwei", "--tip", "2 gwei")
    assert done.code == 0, done.err
    assert done.json["max_fee_per_gas"] == str(30 * GWEI)
    view = payment.until(lambda view: view["hash"] != payment.hash)
    assert view["earlier"] == [payment.hash]
    assert (view["nonce"], view["fee_per_gas"]) == (first["nonce"], str(30 * GWEI))
    shown = run("show", payment.id, "--home", demo.home.path).out
    assert f"earlier {payment.hash}, which can be mined instead" in shown
    assert "fee 30 gwei per gas, tip 2 gwei" in shown
    assert "waits to be mined for 0:" in shown
    payment.until(lambda view: demo.chain.call("eth_getTransactionByHash", [view["hash"]]))
    assert payment.mined()["state"] == "confirmed"
    assert payment.received == 2_000


def test_a_cancelled_payment_moves_nothing(run: Run, demo: DemoGuardian) -> None:
    payment = Payment(run, demo, 2_001)
    done = payment.command("cancel")
    assert done.code == 0, done.err
    view = payment.until(lambda view: view.get("cancelling", False))
    assert "CANCELLING" in run("show", payment.id, "--home", demo.home.path).out
    payment.until(lambda _: demo.chain.call("eth_getTransactionByHash", [view["hash"]]))
    assert payment.mined()["state"] == "cancelled"
    assert payment.received == 0
    again = payment.command("cancel")
    assert (again.code, again.json["error"]["code"]) == (1, "wrong_state")


def test_what_its_agent_alone_sends_is_shown_as_such_and_taken_back(
    run: Run, demo: DemoGuardian
) -> None:
    payee = demo.chain.accounts[3]
    demo.chain.call("evm_setAutomine", [True])
    before = demo.chain.balance(payee)
    at = ("--home", demo.home.path)
    with Client(demo.agent_socket("agent")) as agent:
        agent.call("eth_signTransaction", [{"to": payee, "value": hex(2_004)}])
    (row,) = run("nonce", *at, "--json").lines
    (out,) = [each for each in row["out"] if each["state"] == "released"]
    assert out["agent_alone"]
    assert "sent only by its agent" in run("nonce", *at).out
    assert "sent   only by its agent" in run("show", out["id"], *at).out
    digest = run("show", out["id"], *at, "--json").json["digest"]
    done = run("cancel", out["id"], "--digest", digest, *at, "--json", *OWN, secrets=KEY)
    assert done.code == 0, done.err
    deadline = time.monotonic() + 30
    while run("show", out["id"], *at, "--json").json["state"] != "cancelled":
        assert time.monotonic() < deadline
    assert "sent   only by its agent" not in run("show", out["id"], *at).out
    assert demo.chain.balance(payee) == before


def test_a_payment_that_is_mined_before_its_cancellation_is_paid(
    run: Run, demo: DemoGuardian
) -> None:
    payment = Payment(run, demo, 2_002)
    events = run("journal", "export", "--home", demo.home.path).lines
    signed = [each["data"] for each in events if each["kind"] == "request.signed"]
    raw = next(each["raw"] for each in signed if each["id"] == payment.id)
    assert payment.command("cancel").code == 0
    view = payment.until(lambda view: view.get("cancelling", False))
    payment.until(lambda _: demo.chain.call("eth_getTransactionByHash", [view["hash"]]))
    demo.chain.call("anvil_dropTransaction", [view["hash"]])
    demo.chain.call("eth_sendRawTransaction", [raw])
    ended = payment.mined()
    assert (ended["state"], ended["hash"]) == ("confirmed", payment.hash)
    assert payment.received == 2_002


def test_fees_that_no_node_would_take_are_refused_before_the_key_is_asked_for(
    run: Run, demo: DemoGuardian
) -> None:
    payment = Payment(run, demo, 2_003)
    cases = [
        (("--max-fee", "3"), "usage", "write it as `30 gwei`"),
        (("--max-fee", "1 wei", "--tip", "1 wei"), "fee_refused", "at least a tenth higher"),
        (("--max-fee", "100000 gwei"), "fee_refused", "exceeds the chain's caps"),
        (("--max-fee", "20 gwei", "--tip", "21 gwei"), "fee_refused", "cannot exceed the fee"),
    ]
    for more, code, words in cases:
        refused = payment.command("bump", *more)
        assert refused.json["error"]["code"] == code, refused.out
        assert words in refused.err
    assert payment.view["hash"] == payment.hash
    unasked = run("bump", payment.id, "--home", demo.home.path, "--json", *OWN, secrets=KEY)
    assert (unasked.code, unasked.json["error"]["code"]) == (2, "usage")
    other = run("bump", payment.id, "--digest", "0x" + "00" * 32, "--home", demo.home.path)
    assert other.code == 1
    assert "not the one given" in other.err
    payment.mined()


def test_a_person_sees_what_can_happen_and_answers(run: Run, demo: DemoGuardian) -> None:
    payment = Payment(run, demo, 2_004)
    command = [sys.executable, "-m", "holdfast", "cancel", payment.id]
    answers = {"? [y/N]: ": "y", "Passphrase of your operator key: ": OPERATOR_PASSPHRASE}
    with Terminal([*command, "--home", str(demo.home.path)], dict(os.environ), answers) as person:
        assert person.finish() == 0, person.screen
        screen = person.screen
    assert "Both transactions have the same nonce: only one of them can be mined." in screen
    assert "If the payment is mined first, it is paid." in screen
    assert "costs    at most 0." in screen
    payment.until(lambda view: view.get("cancelling", False))
    with Terminal([*command, "--home", str(demo.home.path)], dict(os.environ), answers) as person:
        assert person.finish() == 0, person.screen
    view = payment.until(lambda view: len(view["earlier"]) == 2)
    payment.until(lambda _: demo.chain.call("eth_getTransactionByHash", [view["hash"]]))
    assert payment.mined()["state"] == "cancelled"


def test_what_is_out_is_listed_with_its_nonce(run: Run, demo: DemoGuardian) -> None:
    one, two = Payment(run, demo, 2_005), Payment(run, demo, 2_006)
    assert two.nonce == one.nonce + 1
    shown = run("nonce", "--home", demo.home.path).out
    assert f"next     {two.nonce + 1} in the guardian's ledger" in shown
    assert f"{one.nonce}: {one.id} sent for" in shown
    taken = _set(run, demo, one.nonce)
    assert taken.json["error"]["code"] == "nonce_out"
    assert f"holdfast bump {one.id}" in taken.err
    two.mined()
    one.until(lambda view: view["outcome"] is not None)


def test_a_chain_that_was_reset_goes_on_where_an_operator_says(
    run: Run, forgetful: DemoGuardian
) -> None:
    demo, home = forgetful, ("--home", forgetful.home.path)
    Payment(run, demo, 2_007).mined()
    chain, wallet = demo.chain, demo.wallets[0]
    chain.call("anvil_setNonce", [wallet, "0x0"])
    _until(lambda: "chain_behind" in run("status", *home).out)
    (row,) = run("nonce", *home, "--json").lines
    assert [each["mined"] for each in row["endpoints"]] == [0]
    assert row["ledger"] == 1
    unasked = run("nonce", "set", wallet, 31337, *home, *OWN, secrets=KEY)
    assert unasked.code == 2
    assert "set to   0: the next payment takes it" in unasked.out
    nobody = run("nonce", "set", chain.accounts[1], 31337, 0, *home, "--json")
    assert nobody.json["error"]["code"] == "wallet_unknown"
    done = _set(run, demo, 0)
    assert done.code == 0, done.err
    chain.call("anvil_dropAllTransactions", [])
    after = Payment(run, demo, 2_008)
    assert after.nonce == 0
    assert after.mined()["state"] == "confirmed"


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 40
    while not true():
        assert time.monotonic() < deadline


def _set(run: Run, demo: DemoGuardian, nonce: int) -> Result:
    where = (demo.wallets[0], 31337, nonce, "--yes", "--home", demo.home.path, "--json")
    return run("nonce", "set", *where, *OWN, secrets=KEY)


def test_what_is_not_signed_yet_is_denied_and_not_cancelled(run: Run, demo: DemoGuardian) -> None:
    payment = {"to": demo.chain.accounts[2], "value": "0x7d9"}
    with Client(demo.agent_socket("agent")) as agent, pytest.raises(Pending) as waiting:
        agent.send_transaction(payment)
    ident = waiting.value.request_id
    refused = run("cancel", ident, "--home", demo.home.path, "--json", *OWN, secrets=KEY)
    assert refused.json["error"]["code"] == "wrong_state"
    assert f"holdfast deny {ident}" in refused.err
    (row,) = run("pending", "--home", demo.home.path, "--json").lines
    assert row["waits"]["for"] == "person"
    assert row["waits"]["until"] == row["expires_at"]
    assert "ends by itself in" in run("show", ident, "--home", demo.home.path).out


def test_what_waits_for_lower_fees_is_listed_with_its_reason(run: Run, demo: DemoGuardian) -> None:
    chain, home = demo.chain, ("--home", demo.home.path)
    _base_fee(demo, 200 * GWEI)
    payment = {"to": chain.accounts[1], "value": "0x7da"}
    with Client(demo.agent_socket("agent")) as agent, pytest.raises(Pending) as waiting:
        agent.send_transaction(payment)
    ident = waiting.value.request_id
    _until(lambda: ident in run("pending", *home).out)
    (row,) = [each for each in run("pending", *home, "--json").lines if each["id"] == ident]
    assert row["waits"]["for"] == waiting.value.data["waitsFor"] == "fee"
    assert row["waits"]["until"] - row["waits"]["since"] == 600_000
    assert "base fee" in row["waits"]["why"]
    assert "waits for lower fees for 0:" in run("show", ident, *home).out
    chain.call("evm_setAutomine", [True])
    _base_fee(demo, GWEI)
    with Client(demo.agent_socket("agent")) as agent:
        sent = agent.send_transaction(payment, wait_s=30)
    assert chain.receipt(sent)["status"] == "0x1"
    assert ident not in run("pending", *home).out


def _base_fee(demo: DemoGuardian, wei: int) -> None:
    demo.chain.call("anvil_setNextBlockBaseFeePerGas", [hex(wei)])
    demo.chain.call("evm_mine", [])
