"""What was acknowledged survives a `kill -9`, and only one daemon serves a home."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.service.in_process import STRANGER, WALLETS_PASSPHRASE, frame, make_home

from holdfast.service.home.folder import Home
from holdfast.service.journal.open import open_reader
from holdfast.service.journal.verify import verify

START_S = 60.0
SERVE = (sys.executable, "-m", "holdfast", "serve")


class Daemon:
    """The real daemon in a process of its own. Its chain's node is not there."""

    def __init__(
        self, home: Home, passphrase: bytes = WALLETS_PASSPHRASE, *, files: int = 4096
    ) -> None:
        self.home = home
        read_end, write_end = os.pipe()
        os.write(write_end, passphrase + b"\n")
        os.close(write_end)
        self.log = home.path.parent / "log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*SERVE, "--home", str(home.path), "--passphrase-fd", str(read_end)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(read_end,),
            )
        resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (files, files))
        os.close(read_end)

    def wait_ready(self) -> None:
        deadline = time.monotonic() + START_S
        while True:
            try:
                self.connect(self.home.operator_socket).close()
            except OSError:
                assert self.process.poll() is None, self.words()
                assert time.monotonic() < deadline, self.words()
                time.sleep(0.01)
            else:
                return

    def words(self) -> str:
        return self.log.read_text()

    def connect(self, path: Path) -> socket.socket:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.settimeout(20)
        try:
            line.connect(str(path))
        except OSError:
            line.close()
            raise
        return line

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


@contextmanager
def spawned(
    home: Home, passphrase: bytes = WALLETS_PASSPHRASE, *, files: int = 4096
) -> Iterator[Daemon]:
    """A daemon that may refuse to start; it never outlives the test."""
    made = Daemon(home, passphrase, files=files)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
            made.process.wait()


@contextmanager
def daemon(home: Home) -> Iterator[Daemon]:
    """A daemon that serves."""
    with spawned(home) as made:
        made.wait_ready()
        yield made


def pay_until_killed(served: Daemon, after: int, first: int) -> list[str]:
    """Ids of payments that were answered, until the daemon is killed after so many of them.

    The amounts begin at `first`.
    """
    told: list[str] = []
    with served.connect(served.home.agent_socket("agent")) as line:
        answers = line.makefile("rb")
        while True:
            payment = {"to": STRANGER, "value": hex(first + len(told))}
            try:
                line.sendall(frame("eth_sendTransaction", [payment]))
                answer = answers.readline()
            except OSError:
                return told
            if not answer:
                return told
            told.append(json.loads(answer)["error"]["data"]["requestId"])
            if len(told) == after:
                served.process.kill()


def test_every_acknowledged_decision_survives_kill_9(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    told: list[str] = []
    for after in (1, 40, 173):
        with daemon(home) as served:
            told += pay_until_killed(served, after, 1 + len(told))
    assert len(told) == len(set(told)) >= 214
    with daemon(home) as served:
        assert served.end() == 0
    reader = open_reader(home.journal_path)
    for each in told:
        record = json.loads(reader.records(int(each[1:]), 1)[0])
        assert (record["kind"], record["data"]["id"]) == ("request.decided", each)
    reader.close()
    report = verify(home.path)
    assert report.ok, report.faults


def test_a_clean_stop_signs_and_stores_the_end(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    with daemon(home) as served:
        wait_for(served, '"event": "signing"')
        assert served.end() == 0
    report = verify(home.path)
    assert report.ok, report.faults
    assert (report.signed_size, report.snapshots) == (report.size, 1)
    reader = open_reader(home.journal_path)
    assert b'"kind":"guardian.stopped"' in reader.records(report.size - 1, 1)[0]
    reader.close()
    with daemon(home):
        pass


def test_a_start_after_kill_9_goes_on_from_the_stored_state(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    text = "version = 1\n[journal]\nsnapshot_events = 100\ncheckpoint_events = 20\n"
    home.config_path.write_text(text)
    with daemon(home) as served:
        wait_for(served, '"event": "signing"')
        with served.connect(home.agent_socket("agent")) as line:
            answers = line.makefile("rb")
            reader = open_reader(home.journal_path)
            deadline = time.monotonic() + START_S
            value = 0
            # A state is stored some events after the last one, when its turn comes.
            while reader.snapshot_size() < 300:
                assert time.monotonic() < deadline
                value += 1
                line.sendall(frame("eth_sendTransaction", [{"to": STRANGER, "value": hex(value)}]))
                answers.readline()
            answers.close()
        reader.close()
    with daemon(home) as served:
        assert served.end() == 0
        assert "passed over" not in served.words()
    report = verify(home.path)
    assert report.ok, report.faults
    assert report.checkpoints > 0


def wait_for(served: Daemon, words: str) -> None:
    deadline = time.monotonic() + START_S
    while words not in served.words():
        assert time.monotonic() < deadline, served.words()
        assert served.process.poll() is None, served.words()
        time.sleep(0.01)


def test_a_second_daemon_refuses_with_words(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    with daemon(home) as served:
        with spawned(home) as second:
            assert second.process.wait(60) != 0
            assert f"another guardian (process {served.process.pid})" in second.words()
        served.connect(home.operator_socket).close()


def test_agents_that_take_every_file_leave_the_operator_its_own(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    with spawned(home, files=200) as served, ExitStack() as lines:
        served.wait_ready()
        refused = 0
        for agent in ("agent", "other") * 60:
            line = lines.enter_context(served.connect(home.agent_socket(agent)))
            try:
                line.sendall(frame("eth_chainId"))
                refused += not line.recv(100)
            except OSError:
                refused += 1
        assert refused > 0
        operator = lines.enter_context(served.connect(home.operator_socket))
        operator.sendall(b'{"id":1,"method":"freeze","params":{"scope":{"kind":"everything"}}}\n')
        assert "freeze" in json.loads(operator.makefile("rb").readline())["result"]


def test_a_signal_freezes_everything(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    with daemon(home) as served:
        served.process.send_signal(signal.SIGUSR1)
        wait_for(served, "frozen by signal")
        assert served.end() == 0
    reader = open_reader(home.journal_path)
    records = reader.records(0, 100)
    reader.close()
    assert sum(b'"kind":"freeze.set"' in each for each in records) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_asked_for_at_once_is_a_clean_one(tmp_path: Path, number: int) -> None:
    home = make_home(tmp_path)
    with daemon(home) as served:
        assert served.end(number) == 0
    assert not home.operator_socket.exists()
    assert verify(home.path).ok


def test_the_log_is_json_lines_without_the_passphrase(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    with daemon(home) as served:
        assert served.end() == 0
        lines = served.words().splitlines()
    assert "ready" in [json.loads(line)["event"] for line in lines]
    assert WALLETS_PASSPHRASE.decode() not in served.words()


def test_a_bad_policy_keeps_the_daemon_from_starting(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    home.policy_path.write_text(home.policy_path.read_text() + "\nnonsense = 1\n")
    with spawned(home) as refused:
        assert refused.process.wait(60) == 1
        assert "policy.toml:" in refused.words().splitlines()[-1]


def test_a_wrong_passphrase_ends_the_daemon_with_words(tmp_path: Path) -> None:
    with spawned(make_home(tmp_path), b"another one here") as refused:
        assert refused.process.wait(60) == 1
        assert "passphrase" in refused.words().splitlines()[-1]
