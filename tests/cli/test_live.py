"""The commands that talk to a running guardian, on a real chain."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Run
from tests.docs.terminal import Terminal
from tests.service.alerts.receivers import HttpReceiver

from holdfast.agent import Client, Denied, Pending
from holdfast.demo.chain import Chain
from holdfast.demo.guardian import OPERATOR_PASSPHRASE, DemoGuardian

pytestmark = pytest.mark.timeout(180)

OWN = ("--passphrase-fd", "{0}")
KEY = (OPERATOR_PASSPHRASE,)


@pytest.fixture(scope="module")
def receiver() -> Iterator[HttpReceiver]:
    http = HttpReceiver()
    yield http
    http.stop()


@pytest.fixture(scope="module")
def demo(receiver: HttpReceiver) -> Iterator[DemoGuardian]:
    """The starter policy: every payment asks."""
    with (
        Chain() as chain,
        tempfile.TemporaryDirectory(prefix="hf-") as folder,
        DemoGuardian(Path(folder), chain) as made,
    ):
        alert = f'[[alert]]\nid = "web"\nurl = "{receiver.url}"\nmin_severity = "info"\n'
        made.config(f"[gate]\nhold_ms = 200\n\n{alert}")
        made.start()
        yield made
        assert made.stop() == 0, made.last_words()


@pytest.fixture
def agent(demo: DemoGuardian) -> Iterator[Client]:
    with Client(demo.agent_socket("agent")) as client:
        yield client


class Waiting:
    """A payment that waits for a person."""

    def __init__(self, agent: Client, demo: DemoGuardian, value: int) -> None:
        self.agent = agent
        self.payment = {"to": demo.chain.accounts[1], "value": hex(value)}
        try:
            agent.send_transaction(self.payment)
        except Pending as pending:
            self.id = pending.request_id

    def outcome(self) -> str:
        return self.agent.send_transaction(self.payment, wait_s=30)


def _view(run: Run, demo: DemoGuardian, ident: str) -> dict[str, Any]:
    view: dict[str, Any] = run("show", ident, "--home", demo.home.path, "--json").json
    return view


def test_status_says_how_it_is(run: Run, demo: DemoGuardian) -> None:
    result = run("status", "--home", demo.home.path, "--json")
    assert result.code == 0
    assert result.json["sealed"] is None
    assert result.json["hello"]["operators"]
    text = run("status", "--home", demo.home.path)
    assert "policy    starter" in text.out


def test_approve_binds_what_was_shown_and_the_same_request_gets_its_hash(
    run: Run, demo: DemoGuardian, agent: Client
) -> None:
    waiting = Waiting(agent, demo, 1_000)
    (listed,) = run("pending", "--home", demo.home.path, "--json").lines
    assert listed["id"] == waiting.id
    assert waiting.id in run("pending", "--home", demo.home.path).out
    digest = _view(run, demo, waiting.id)["digest"]
    at = ("--home", demo.home.path, "--json", *OWN)
    wrong = run("approve", waiting.id, "--digest", "0x" + "00" * 32, *at, secrets=KEY)
    assert wrong.code == 1
    assert wrong.json["error"]["code"] == "digest_mismatch"
    unasked = run("approve", waiting.id, *at, secrets=KEY)
    assert unasked.code == 2
    right = run("approve", waiting.id, "--digest", digest, *at, secrets=KEY)
    assert right.code == 0, right.err
    sent = waiting.outcome()
    assert demo.chain.call("eth_getTransactionByHash", [sent])["value"] == hex(1_000)


def test_approve_says_what_became_of_it(run: Run, demo: DemoGuardian, agent: Client) -> None:
    waiting = Waiting(agent, demo, 1_010)
    digest = _view(run, demo, waiting.id)["digest"]
    at = ("--digest", digest, "--home", demo.home.path, *OWN)
    approved = run("approve", waiting.id, *at, secrets=KEY)
    assert approved.code == 0, approved.err
    sent = re.fullmatch(rf"{waiting.id}  (sent|confirmed)  (0x[0-9a-f]{{64}})\n", approved.out)
    assert sent, approved.out
    assert waiting.outcome() == sent[2]
    far = Waiting(agent, demo, 10**24)
    digest = _view(run, demo, far.id)["digest"]
    at = ("--digest", digest, "--home", demo.home.path, *OWN)
    failed = run("approve", far.id, *at, secrets=KEY)
    assert failed.code == 1
    assert failed.out.startswith(f"{far.id}  failed")
    assert "insufficient funds for amount plus fee" in failed.err


def test_approve_asks_for_what_the_console_asks_for(demo: DemoGuardian, agent: Client) -> None:
    """Without a price the gap in the payee's address, which its poisoned likes do not have."""
    payee = demo.chain.accounts[1]
    for typed, agrees, ends in (
        (payee[-4:], False, "not in the middle"),
        (payee[20:24], False, "nothing was sent"),
        (payee[20:24], True, "  0x"),
    ):
        waiting = Waiting(agent, demo, 1_020)
        command = [sys.executable, "-m", "holdfast", "approve", waiting.id]
        command += ["--home", str(demo.home.path)]
        with Terminal(command, dict(os.environ), {}) as terminal:
            gap = f"fill in the payee: {payee[:20]} ____ {payee[24:]}; four characters: "
            terminal.ask(gap, typed)
            if typed == payee[20:24]:
                terminal.ask("? [y/N]: ", "y" if agrees else "")
            if agrees:
                terminal.ask("Passphrase of your operator key: ", OPERATOR_PASSPHRASE)
            assert terminal.finish() == (0 if agrees else 1), terminal.screen
            assert ends in terminal.screen
    assert waiting.outcome()


def test_approve_with_a_wrong_passphrase_sends_nothing(
    run: Run, demo: DemoGuardian, agent: Client
) -> None:
    waiting = Waiting(agent, demo, 1_001)
    digest = _view(run, demo, waiting.id)["digest"]
    at = ("--digest", digest, "--home", demo.home.path, *OWN)
    result = run("approve", waiting.id, *at, secrets=("wrong wrong",))
    assert result.code == 1
    assert "passphrase" in result.err
    assert _view(run, demo, waiting.id)["state"] == "waiting-approval"
    assert run("deny", waiting.id, *at, secrets=KEY).code == 0


def test_deny_ends_it(run: Run, demo: DemoGuardian, agent: Client) -> None:
    waiting = Waiting(agent, demo, 1_002)
    digest = _view(run, demo, waiting.id)["digest"]
    at = ("--digest", digest, "--home", demo.home.path, *OWN)
    assert run("deny", waiting.id, "--reason", "no", *at, secrets=KEY).code == 0
    with pytest.raises(Denied):
        waiting.outcome()
    assert _view(run, demo, waiting.id)["state"] == "denied"
    assert "denied" in run("show", waiting.id, "--home", demo.home.path).out


def test_freeze_needs_no_key_and_thaw_does(run: Run, demo: DemoGuardian, agent: Client) -> None:
    home = ("--home", demo.home.path)
    frozen = run("freeze", "--reason", "drill", *home, "--json")
    assert frozen.code == 0
    number = frozen.json["freeze"]
    assert run("status", *home).code == 1
    assert f"FROZEN    {number}" in run("status", *home).out
    with pytest.raises(Denied) as denied:
        agent.send_transaction({"to": demo.chain.accounts[1], "value": "0x1"})
    assert "frozen" in json.dumps(denied.value.data)
    wrong = run("thaw", *home, *OWN, secrets=("wrong wrong",))
    assert wrong.code == 1
    assert f"lifting: {number}  everything: drill, by " in wrong.err
    assert run("thaw", *home, *OWN, secrets=KEY).code == 0
    assert run("status", *home).code == 0
    nothing = run("thaw", *home, "--json", *OWN, secrets=KEY)
    assert nothing.json["error"]["code"] == "not_frozen"


def test_a_freeze_of_a_name_that_is_not_there_freezes_and_names_the_nearest(
    run: Run, demo: DemoGuardian
) -> None:
    home = ("--home", demo.home.path)
    wrong = run("freeze", "--agent", "agnet", *home)
    assert wrong.code == 1, "a script must not take it for done"
    assert wrong.out.startswith("frozen  ")
    assert "WARNING: no agent is named `agnet`" in wrong.err
    assert "holdfast freeze --agent agent" in wrong.err
    told = run("freeze", "--agent", "nobody-like-it", *home, "--json")
    assert (told.code, told.json["frozen"]) == (1, "guardian")
    assert "nobody-like-it" in told.json["unknown"]
    right = run("freeze", "--agent", "agent", *home, "--json")
    assert (right.code, "unknown" in right.json) == (0, False)
    for number in (int(wrong.out.split()[1]), told.json["freeze"], right.json["freeze"]):
        assert run("thaw", number, *home, *OWN, secrets=KEY).code == 0


def test_watch_shows_each_event_from_a_number_on(run: Run, demo: DemoGuardian) -> None:
    result = run("watch", "--from-seq", 0, "--count", 3, "--home", demo.home.path, "--json")
    assert [record["seq"] for record in result.lines] == [1, 2, 3]
    text = run("watch", "--from-seq", 0, "--count", 3, "--home", demo.home.path)
    assert len(text.out.splitlines()) == 3


def test_watch_ends_when_the_reader_goes(demo: DemoGuardian) -> None:
    command = [sys.executable, "-m", "holdfast", "watch", "--from-seq", "0", "--json"]
    with subprocess.Popen(
        [*command, "--home", str(demo.home.path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        stop = threading.Timer(10, child.kill)
        stop.start()
        demo.chain.call("anvil_mine", ["0x1"])
        child.terminate()
        assert b"Traceback" not in child.stderr.read()
        stop.cancel()


def test_an_unknown_request_is_one_sentence(run: Run, demo: DemoGuardian) -> None:
    result = run("show", "r999999", "--home", demo.home.path, "--json")
    assert result.code == 1
    assert result.json["error"]["text"]


def test_alerts_arrive_from_the_running_guardian(
    run: Run, demo: DemoGuardian, agent: Client, receiver: HttpReceiver
) -> None:
    waiting = Waiting(agent, demo, 1_003)
    wanted = f"approval needed: agent {waiting.id}"
    receiver.arrivals.wait(lambda here: any(wanted in item["title"] for item in here.items))
    assert run("alerts", "status", "--home", demo.home.path, "--json").json["failed"] == []
    tried = run("alerts", "test", "--home", demo.home.path, "--json")
    assert tried.code == 0
    assert tried.json == {"route": "web", "ok": True, "error": None}


def test_the_journal_verifies_exports_and_replays_while_it_runs(
    run: Run, demo: DemoGuardian, agent: Client, tmp_path: Path
) -> None:
    Waiting(agent, demo, 1_004)
    home = ("--home", demo.home.path)
    verified = run("journal", "verify", *home, "--json")
    assert verified.code == 0, verified.out
    anchor = f"{verified.json['size']}:{verified.json['root']}"
    assert run("journal", "verify", "--anchor", anchor, *home).code == 0
    assert run("journal", "verify", "--anchor", "00" * 32, *home).code == 1
    events = run("journal", "export", *home).lines
    assert [event["seq"] for event in events] == list(range(len(events)))
    assert run("journal", "export", "--format", "csv", *home).out.startswith("seq,")
    same = run("journal", "replay", "--policy", demo.home.policy_path, *home, "--json")
    assert same.code == 0, same.err
    assert same.out == ""
    policy = demo.home.policy_path.read_text()
    wider = tmp_path / "wider.toml"
    at_once = policy.replace('tier = "approval"', 'tier = "instant"')
    wider.write_text(at_once.replace('timeout = "30m"', ""))
    flips = run("journal", "replay", "--policy", wider, *home, "--json")
    assert flips.code == 2, flips.err
    found = {(flip["then"], flip["now"], flip["wider"]) for flip in flips.lines}
    assert found == {("approval", "instant", True)}
    stricter = tmp_path / "stricter.toml"
    stricter.write_text(policy + '\n[[forbid]]\nid = "no-transfer"\neffects = ["transfer"]\n')
    flips = run("journal", "replay", "--policy", stricter, *home, "--json")
    assert flips.code == 0, flips.err
    assert {(flip["now"], flip["wider"]) for flip in flips.lines} == {("deny", False)}
    assert ", 0 of them a milder one" in flips.err
