"""What stands in the journal's file counts only under a signature: forged events pay nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey
from tests.perimeter import forging
from tests.perimeter.forging import database, events
from tests.service.guardian.test_restart import Daemon, daemon
from tests.service.in_process import (
    OPERATOR_PASSPHRASE,
    SHOP,
    STRANGER,
    VENDOR,
    WALLETS_PASSPHRASE,
    Guardian,
    frame,
    log_key,
    make_home,
    serving,
)
from tests.support.anvil import Anvil

from holdfast._core import CommitKey, Guard, LogTree, checkpoint_body
from holdfast.operator import keys
from holdfast.secrets.keystore import open_log_key
from holdfast.service.home.folder import Home
from holdfast.service.journal.interface import JournalError
from holdfast.service.journal.signed_notes import session_body, sign_note
from holdfast.service.journal.verify import verify
from holdfast.service.offline import sign_config

WAIT_S = 90.0


@pytest.fixture
def chained(tmp_path: Path, anvil: Anvil) -> Home:
    """A home on a real chain, its wallet funded."""
    home = make_home(tmp_path)
    anvil.fund(next(home.wallets_dir.iterdir()).stem)
    endpoint = f'[[endpoint]]\nchain = 31337\nrpc_url = "{anvil.url}"\nconfirmations = 1\n'
    sign_config(home, f"version = 1\n{endpoint}", OPERATOR_PASSPHRASE)
    return home


@contextmanager
def signing(home: Home) -> Iterator[Daemon]:
    """A real daemon whose signer is ready."""
    before = home.path.parent.joinpath("log")
    ready = before.read_text().count('"event": "signing"') if before.exists() else 0
    with daemon(home) as served:
        deadline = time.monotonic() + WAIT_S
        while served.words().count('"event": "signing"') == ready:
            assert time.monotonic() < deadline, served.words()
            assert served.process.poll() is None, served.words()
            time.sleep(0.01)
        yield served


def pay(served: Daemon, to: str, value: int) -> Any:
    with served.connect(served.home.agent_socket("agent")) as line:
        line.sendall(frame("eth_sendTransaction", [{"to": to, "value": hex(value)}]) + b"\n")
        return json.loads(line.makefile("rb").readline())


def operate(served: Daemon, method: str, **params: Any) -> Any:
    with served.connect(served.home.operator_socket) as line:
        line.sendall(json.dumps({"id": 1, "method": method, "params": params}).encode() + b"\n")
        answer = json.loads(line.makefile("rb").readline())
    assert "error" not in answer, answer
    return answer["result"]


def thaw(served: Daemon, freeze: int) -> None:
    """The operator's own thaw, with the key."""
    key = keys.load(served.home.operator_key_path, bytearray(OPERATOR_PASSPHRASE))
    signed = key.sign_command(
        "thaw",
        guardian=operate(served, "hello")["guardian"],
        now_ms=time.time_ns() // 1_000_000,
        freeze=freeze,
    )
    operate(served, "command", payload=signed.payload, signature=signed.signature)


def ask_the_shop(served: Daemon, value: int) -> str:
    """A payment that waits for a person; gives its id."""
    answer: list[Any] = []
    with served.connect(served.home.agent_socket("agent")) as line:
        call = {"method": "eth_sendTransaction", "params": [{"to": SHOP, "value": hex(value)}]}
        line.sendall(frame("holdfast_submit", [call]) + b"\n")
        answer.append(json.loads(line.makefile("rb").readline()))
    return str(answer[0]["result"]["requestId"])


def forge(home: Home, form: str, request: str, freeze: int) -> list[str]:
    """Appends forged events; gives their kinds."""
    found = events(home)
    forms = {"approve": forging.approval, "order": forging.order}
    forged = forging.thaw(found, freeze) if form == "thaw" else forms[form](found, request)
    for kind, data in forged:
        forging.append(home, kind, data)
    return [kind for kind, _ in forged]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("form", "end"), [("approve", "killed"), ("thaw", "clean"), ("order", "killed")]
)
def test_forged_events_are_shown_and_pay_nothing(
    chained: Home, anvil: Anvil, form: str, end: str
) -> None:
    with signing(chained) as served:
        request = ask_the_shop(served, 10**18)
        freeze = -1
        if form == "thaw":
            scope = {"kind": "agent", "id": "other"}
            freeze = operate(served, "freeze", scope=scope, reason="stop", actor="t")["freeze"]
        if end == "clean":
            assert served.end() == 0
        else:
            served.process.kill()
            served.process.wait()
    assert verify(chained.path).ok
    honest = len(events(chained))
    forged = forge(chained, form, request, freeze)

    report = verify(chained.path)
    assert [fault.code for fault in report.faults] == ["event_unproven"] * len(forged)
    assert [fault.seq for fault in report.faults] == list(range(honest, honest + len(forged)))
    assert [kind in fault.text for kind, fault in zip(forged, report.faults, strict=True)]
    assert (report.unproven, report.proven_size) == (len(forged), honest)

    with signing(chained) as served:
        status = operate(served, "status")
        (alarm,) = status["health"]["journal"]
        assert alarm["code"] == "journal_unproven"
        assert all(kind in alarm["text"] for kind in forged)
        assert f"number {honest} " in alarm["text"]
        mine = [each for each in status["freezes"] if each["actor"] == "guardian"]
        assert [each["scope"]["kind"] for each in mine] == ["everything"]
        assert pay(served, VENDOR, 1)["error"]["data"]["reasons"][0]["code"] == "frozen"
        code, words = holdfast("status", home=chained)
        assert (code, "ALARM" in words, "no proof of the guardian" in words) == (1, True, True)

        thaw(served, mine[0]["freeze"])
        assert operate(served, "status")["health"]["journal"] == []
        assert pay(served, VENDOR, 5)["result"].startswith("0x")
        if form == "thaw":
            # The freeze that was forged away still stands.
            assert freeze in [each["freeze"] for each in operate(served, "status")["freezes"]]
        assert served.end() == 0
    assert anvil.balance(SHOP) == anvil.balance(STRANGER) == 10_000 * 10**18
    signed = [each["data"]["id"] for each in events(chained) if each["kind"] == "request.signed"]
    assert request not in signed
    report = verify(chained.path)
    assert report.ok, report.faults
    assert report.set_aside == len(forged)


@pytest.mark.timeout(300)
def test_an_order_from_before_a_kill_is_not_signed_when_the_policy_forbids_it_by_now(
    chained: Home, anvil: Anvil
) -> None:
    with signing(chained) as served:
        assert "result" in pay(served, VENDOR, 5)
        (signer,) = children(served.process.pid)
        os.kill(signer, signal.SIGSTOP)
        with served.connect(chained.agent_socket("agent")) as line:
            call = frame("eth_sendTransaction", [{"to": VENDOR, "value": "0x7"}])
            line.sendall(call + b"\n")
            request = until_event(chained, "request.authorised", 2)["id"]
            served.process.kill()
            served.process.wait()
    text = chained.policy_path.read_text()
    forbid = '[[forbid]]\nid = "nothing-leaves"\neffects = ["transfer"]\n'
    chained.policy_path.write_text(f"{text}\n{forbid}")
    with signing(chained) as served:
        assert until_event(chained, "request.denied", 1)["id"] == request
        assert served.end() == 0
    about = [each["kind"] for each in events(chained) if each["data"].get("id") == request]
    assert "request.reopened" in about
    assert "request.signed" not in about
    assert anvil.balance(VENDOR) == 10_000 * 10**18 + 5
    assert verify(chained.path).ok


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def until_event(home: Home, kind: str, count: int) -> Any:
    """The data of the `count`-th event of this kind, once it is on disk."""
    deadline = time.monotonic() + WAIT_S
    while True:
        found = [each["data"] for each in events(home) if each["kind"] == kind]
        if len(found) >= count:
            return found[count - 1]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def holdfast(*arguments: str, home: Home) -> tuple[int, str]:
    command = [sys.executable, "-m", "holdfast", *arguments, "--home", str(home.path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


async def crashed(tmp_path: Path) -> tuple[Home, str]:
    """A home whose guardian was killed: proofs cover everything, no checkpoint covers the end.

    The request waits for a person.
    """
    home = make_home(tmp_path)
    async with serving(home):
        pass
    async with serving(home) as guardian:
        line = await guardian.agent()
        for value in range(1, 6):
            await line.pay(STRANGER, value)
        request = await waiting(guardian)
    return home, request


async def waiting(guardian: Guardian) -> str:
    line = await guardian.agent()
    call = {"method": "eth_sendTransaction", "params": [{"to": SHOP, "value": "0x7"}]}
    answer = await line.call("holdfast_submit", [call])
    return str(answer["result"]["requestId"])


Change = Callable[[Home], None]


def statement(*statements: str) -> Change:
    def change(home: Home) -> None:
        with database(home) as db:
            for each in statements:
                db.execute(each)

    return change


def proof_of_another_size(home: Home) -> None:
    forging.append(home, "guardian.started", {"version": "0"})
    with database(home) as db:
        size = db.execute("SELECT max(size) FROM proof").fetchone()[0]
        db.execute(
            "INSERT INTO proof SELECT ?, signature FROM proof WHERE size = ?", (size + 1, size)
        )


def forged_proof(home: Home) -> None:
    seq = forging.append(home, "guardian.started", {"version": "0"})
    with database(home) as db:
        db.execute("INSERT INTO proof VALUES(?, ?)", (seq + 1, os.urandom(64)))


def own_session(home: Home) -> None:
    """A run of the forger's own: its key, certified by a log key that is not this log's."""
    origin = events(home)[0]["data"]["origin"]
    key, mine = CommitKey(origin, os.urandom(32)), SigningKey.generate()
    size = len(events(home))
    forging.append(home, "guardian.started", {"version": "0"})
    tree = LogTree()
    with database(home) as db:
        tree.extend([row[0] for row in db.execute("SELECT data FROM event ORDER BY seq")])
        note = sign_note(mine, origin, session_body(origin, size, key.public_key))
        db.execute("INSERT INTO session VALUES(?, ?, ?)", (size, key.public_key, note))
        proof = key.sign(tree.size, tree.root)
        db.execute("INSERT INTO proof VALUES(?, ?)", (tree.size, proof))


def another_key_under_the_certificate(home: Home) -> None:
    origin = events(home)[0]["data"]["origin"]
    key = CommitKey(origin, os.urandom(32))
    with database(home) as db:
        db.execute("UPDATE session SET public_key = ?", (key.public_key,))


def own_log(home: Home) -> None:
    """A journal made anew, sound in itself, under a log key of the forger's and his operator."""
    mine = SigningKey.generate()
    genesis = events(home)[0]["data"] | {"log_key": bytes(mine.verify_key).hex()}
    guard, record = Guard.create(json.dumps(genesis).encode(), 1)
    origin = genesis["origin"]
    note = sign_note(mine, origin, checkpoint_body(origin, 1, guard.root))
    with database(home) as db:
        for table in ("event", "proof", "session", "checkpoint", "snapshot"):
            db.execute(f"DELETE FROM {table}")
        db.execute("INSERT INTO event VALUES(0, ?)", (record,))
        db.execute("INSERT INTO checkpoint VALUES(1, ?)", (note,))


def own_operator(home: Home) -> None:
    """The first event with the forger's operator, in a journal that claims an older format."""
    genesis = events(home)[0]
    mine = "0x" + bytes(SigningKey.generate().verify_key).hex()
    genesis["data"]["operators"][0]["public_key"] = mine
    raw = json.dumps(genesis, sort_keys=True, separators=(",", ":")).encode()
    with database(home) as db:
        for table in ("event", "proof", "session", "checkpoint", "snapshot"):
            db.execute(f"DELETE FROM {table}")
        db.execute("INSERT INTO event VALUES(0, ?)", (raw,))
        db.execute("UPDATE meta SET value = '1' WHERE key = 'format'")


EDIT = (
    "UPDATE event SET data = CAST(replace(CAST(data AS TEXT), 'deny', 'dony') AS BLOB)"
    " WHERE seq = (SELECT max(seq) - 3 FROM event)"
)
REFUSED: list[tuple[str, Change, set[str]]] = [
    ("changed row", statement(EDIT), {"proof_mismatch", "replay_record"}),
    (
        "removed row",
        statement("DELETE FROM event WHERE seq = (SELECT max(seq) - 3 FROM event)"),
        {"journal_gap"},
    ),
    (
        "removed end",
        statement("DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)"),
        {"journal_cut"},
    ),
    (
        "removed end with every signature over it",
        statement(
            "DELETE FROM event WHERE seq > 0",
            "DELETE FROM proof",
            "DELETE FROM checkpoint WHERE size > 1",
        ),
        {"journal_cut"},
    ),
    (
        "removed end, and a run that claims to have begun earlier",
        statement(
            "DELETE FROM event WHERE seq > 0",
            "DELETE FROM proof",
            "DELETE FROM checkpoint WHERE size > 1",
            "UPDATE session SET from_size = 1",
        ),
        {"session_bad"},
    ),
    ("forged proof", forged_proof, {"proof_mismatch"}),
    ("proof of another size", proof_of_another_size, {"proof_mismatch"}),
    ("spoilt proof", statement("UPDATE proof SET signature = x'00'"), {"proof_mismatch"}),
    ("run of another log key", own_session, {"session_bad"}),
    ("another key under the certificate", another_key_under_the_certificate, {"session_bad"}),
    ("no run", statement("DELETE FROM session"), {"proof_bad"}),
    ("another log", own_log, {"log_key_other"}),
    ("another operator, as of an older format", own_operator, {"journal_unsigned"}),
    (
        "no signature at all",
        statement("DELETE FROM checkpoint", "DELETE FROM proof", "DELETE FROM session"),
        {"journal_unsigned"},
    ),
    ("spoilt checkpoint", statement("UPDATE checkpoint SET note = x'00'"), {"checkpoint_bad"}),
]


@pytest.mark.parametrize(
    ("change", "codes"), [row[1:] for row in REFUSED], ids=[r[0] for r in REFUSED]
)
async def test_what_does_not_verify_does_not_start(
    tmp_path: Path, change: Change, codes: set[str]
) -> None:
    home, _ = await crashed(tmp_path)
    assert verify(home.path).ok
    change(home)
    report = verify(home.path)
    if change is not own_log:  # sound in itself: only the keys of this home tell
        assert not report.ok
    with pytest.raises(JournalError) as refused:
        async with serving(home):
            pass
    assert refused.value.code in codes, refused.value
    assert len(str(refused.value)) > 40


SET_ASIDE: list[tuple[str, Change]] = [
    ("a downgrade of the format", statement("UPDATE meta SET value = '1' WHERE key = 'format'")),
    (
        "a downgrade without the newer tables",
        statement(
            "UPDATE meta SET value = '1' WHERE key = 'format'",
            "DROP TABLE proof",
            "DROP TABLE session",
            "DROP TABLE set_aside",
        ),
    ),
    (
        "a row before the first",
        statement("INSERT INTO event SELECT -1, data FROM event WHERE seq = 2"),
    ),
    (
        "a row far behind the last",
        statement("INSERT INTO event SELECT 1 << 60, data FROM event WHERE seq = 2"),
    ),
    ("a row of nothing", statement("INSERT INTO event SELECT max(seq) + 1, x'' FROM event")),
    (
        "the newest proof removed",
        statement("DELETE FROM proof WHERE size = (SELECT max(size) FROM proof)"),
    ),
]


@pytest.mark.parametrize("change", [row[1] for row in SET_ASIDE], ids=[row[0] for row in SET_ASIDE])
async def test_what_no_signature_covers_is_set_aside_and_everything_is_frozen(
    tmp_path: Path, change: Change
) -> None:
    home, request = await crashed(tmp_path)
    before = events(home)
    change(home)
    if not changed(home, before):
        forge(home, "approve", request, 0)
    async with serving(home) as guardian:
        status = json.loads(guardian.core.guard.status(0))
        assert [each["actor"] for each in status["freezes"]] == ["guardian"]
        (alarm,) = guardian.inside.health.report()["journal"]
        assert "no proof of the guardian" in alarm["text"]
        view = guardian.core.guard.request(request)
        assert view is None or json.loads(view)["state"] == "frozen"
        assert guardian.core.guard.to_sign() == []
    after = events(home)
    frozen = next(seq for seq, event in enumerate(after) if event["kind"] == "freeze.set")
    assert after[:frozen] == before[:frozen]
    report = verify(home.path)
    assert report.ok, report.faults
    assert report.set_aside > 0


def changed(home: Home, before: list[Any]) -> bool:
    """Whether there is something to set aside by now."""
    with database(home) as db:
        rows = db.execute("SELECT count(*) FROM event").fetchone()[0]
        proof = db.execute("SELECT name FROM sqlite_master WHERE name = 'proof'").fetchone()
        newest = db.execute("SELECT max(size) FROM proof").fetchone()[0] if proof else 0
    return bool(rows != len(before) or newest != len(before))


async def test_everything_is_frozen_even_if_the_guardian_dies_right_after_it_set_events_aside(
    tmp_path: Path,
) -> None:
    """The rows are gone from the events by then, but the reason to freeze is not."""
    from holdfast.service.guardian.session import begin
    from holdfast.service.journal.open import open_writer
    from holdfast.service.journal.replay import restore

    home, request = await crashed(tmp_path)
    forge(home, "approve", request, 0)
    journal = open_writer(home.journal_path)
    begin(journal, restore(journal.reader), log_key(home))
    journal.close()
    async with serving(home) as guardian:
        assert len(json.loads(guardian.core.guard.status(0))["freezes"]) == 1
        assert guardian.inside.health.report()["journal"]
    async with serving(home) as guardian:
        assert len(json.loads(guardian.core.guard.status(0))["freezes"]) == 1


async def test_every_commit_of_an_honest_guardian_is_proven(tmp_path: Path) -> None:
    home, _ = await crashed(tmp_path)
    with database(home) as db:
        checkpoint = db.execute("SELECT max(size) FROM checkpoint").fetchone()[0]
        sessions = db.execute("SELECT from_size FROM session").fetchall()
    report = verify(home.path)
    assert report.ok
    assert report.signed_size == checkpoint < report.proven_size == report.size
    assert sessions == [(checkpoint,)]
    async with serving(home):
        pass
    with database(home) as db:
        assert db.execute("SELECT from_size FROM session").fetchall() == [(report.size,)]
        assert db.execute("SELECT min(size) FROM proof").fetchone()[0] > report.size
    assert verify(home.path).ok


def test_a_new_home_is_proven_from_its_first_event(tmp_path: Path) -> None:
    report = verify(make_home(tmp_path).path)
    assert report.ok
    assert report.signed_size == report.size == report.proven_size > 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root reads the memory of a hardened process")
def test_the_key_that_proves_commits_is_never_on_disk(chained: Home) -> None:
    """Not even the daemon's own process keeps the log's key after the start."""
    with signing(chained) as served:
        seed = bytes(open_log_key(chained.log_key_path, WALLETS_PASSPHRASE))
        assert seed not in memory_of(served.process.pid)
        assert served.end() == 0
    with database(chained) as db:
        public = db.execute("SELECT public_key FROM session").fetchone()[0]
    assert public not in (log_key(chained).verify_key, WALLETS_PASSPHRASE)


def memory_of(pid: int) -> bytes:
    """Everything that the process has written to: private, writable memory."""
    found = bytearray()
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            span, mode, *_ = line.split()
            if not mode.startswith("rw"):
                continue
            low, high = (int(end, 16) for end in span.split("-"))
            try:
                memory.seek(low)
                found += memory.read(high - low)
            except (OSError, ValueError, OverflowError):
                continue
    return bytes(found)
