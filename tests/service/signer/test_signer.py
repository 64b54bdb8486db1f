"""The process with the keys.

It signs what is journalled and right, nothing else, and keeps its memory to itself.
"""

import asyncio
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import SignableMessage, encode_defunct, encode_typed_data
from eth_account.typed_transactions import TypedTransaction
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from tests.support.homes import PASSPHRASE, KeysHome, make_keys_home, make_record

from holdfast._core import checkpoint_body, open_note
from holdfast.service.journal.signed_notes import LogIdentity, Snapshot
from holdfast.service.journal.sqlite import schema
from holdfast.service.signer.channel import prove
from holdfast.service.signer.client import (
    Signed,
    Signer,
    SignerError,
    SignerGone,
    SignerRefused,
    WrongPassphrase,
)
from holdfast.service.signer.process import Signer as Process
from holdfast.service.signer.process import serve

MAIL = (
    '{"types":{"EIP712Domain":[{"name":"name","type":"string"}],'
    '"Mail":[{"name":"to","type":"address"},{"name":"amount","type":"uint256"}]},'
    '"primaryType":"Mail","domain":{"name":"Post"},'
    '"message":{"to":"0x70997970C51812dc3A010C7d01b50e0d17dc79C8","amount":"12345678901234567890"}}'
)

OUT_OF_RANGE: list[tuple[str, Any]] = [
    ("chain_id", 0),
    ("chain_id", 1 << 53),
    ("nonce", (1 << 64) - 1),
    ("nonce", -1),
    ("gas", 20_999),
    ("gas", 30_000_001),
    ("gas", True),
    ("gas", "21e3"),
    ("max_fee_per_gas", str(1 << 96)),
    ("max_priority_fee_per_gas", "2000000001"),
    ("value", str(1 << 256)),
    ("value", "-1"),
    ("value", " 1"),
    ("value", None),
    ("to", "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"),
    ("to", "0x70997970C51812dc3A010C7d01b50e0d17dc79"),
    ("to", ""),
    ("to", None),
    ("data", "0x" + "00" * (128 * 1024 + 1)),
    ("data", "0xabc"),
    ("data", ""),
    ("wallet", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
    ("kind", "legacy"),
    ("access_list", []),
]


@pytest.fixture
def keys(tmp_path: Path) -> KeysHome:
    return make_keys_home(tmp_path / "home")


@pytest.fixture
async def signer(keys: KeysHome) -> AsyncIterator[Signer]:
    started = await keys.signer()
    yield started
    await started.close()


async def test_a_journalled_payment_is_signed_by_its_wallet(keys: KeysHome, signer: Signer) -> None:
    signed = await signer.sign(keys.authorised(keys.payment(nonce=7, data="0xa9059cbb")))
    assert Account.recover_transaction(signed.payload) == keys.wallet.address
    assert signed.hash == "0x" + keccak(signed.payload).hex()
    found = TypedTransaction.from_bytes(HexBytes(signed.payload)).as_dict()
    assert found["type"] == 2
    assert (found["chainId"], found["nonce"], found["gas"]) == (31337, 7, 21_000)
    assert (found["value"], found["data"]) == (1000, bytes.fromhex("a9059cbb"))
    assert (found["maxFeePerGas"], found["maxPriorityFeePerGas"]) == (2 * 10**9, 10**9)
    assert found["to"] == bytes.fromhex("70997970C51812dc3A010C7d01b50e0d17dc79C8")


async def test_the_same_event_gives_the_same_bytes_again_and_in_a_new_life(
    keys: KeysHome, signer: Signer
) -> None:
    seq = keys.authorised(keys.payment())
    first, again = await asyncio.gather(signer.sign(seq), signer.sign(seq))
    reborn = await keys.signer()
    assert first == again == await reborn.sign(seq)
    await reborn.close()


async def test_questions_may_overlap(keys: KeysHome, signer: Signer) -> None:
    seqs = [keys.authorised(keys.payment(nonce=nonce)) for nonce in range(20)]
    signed = await asyncio.gather(*(signer.sign(seq) for seq in seqs))
    nonces = [
        TypedTransaction.from_bytes(HexBytes(each.payload)).as_dict()["nonce"] for each in signed
    ]
    assert nonces == list(range(20))


@pytest.mark.parametrize("compare", [False, True], ids=["alone", "compared with eth-account"])
async def test_orders_of_every_kind_in_one_question_are_signed_one_by_one(
    keys: KeysHome, compare: bool
) -> None:
    def digest_of(message: SignableMessage) -> str:
        return "0x" + keccak(b"\x19" + message.version + message.header + message.body).hex()

    content = {"chain_id": 31337, "wallet": keys.wallet.address}
    mail, text = encode_typed_data(full_message=json.loads(MAIL)), encode_defunct(text="héllo")
    typed = content | {"kind": "typed-data", "json": MAIL, "digest": digest_of(mail)}
    message = content | {"kind": "message", "message": "0x" + "héllo".encode().hex()}
    orders = [typed, message | {"digest": digest_of(text)}, keys.payment(), keys.payment(nonce=1)]
    orders.append(keys.payment(nonce=2, to=None, data="0x6001", gas=100_000))
    seqs = [keys.authorised(each) for each in orders]
    signer = await keys.signer(compare=compare)
    found = await asyncio.gather(*(signer.sign(seq) for seq in [*seqs, 1]), return_exceptions=True)
    await signer.close()
    assert isinstance(found.pop(), SignerError)
    signed = [each for each in found if isinstance(each, Signed)]
    assert [each.is_transaction for each in signed] == [False, False, True, True, True]
    for original, each in zip([mail, text], signed, strict=False):
        assert Account.recover_message(original, signature=each.payload) == keys.wallet.address
    for each in signed[2:]:
        assert Account.recover_transaction(each.payload) == keys.wallet.address


async def test_only_an_authorised_request_is_signed(keys: KeysHome, signer: Signer) -> None:
    for kind in ("request.decided", "request.approved", "request.signed", "guardian.started"):
        seq = keys.append(kind, {"id": "r1", "order": keys.payment()})
        with pytest.raises(SignerError, match=r"not an order followed"):
            await signer.sign(seq)
    with pytest.raises(SignerError, match="number from 1"):
        await signer.sign(0)
    with pytest.raises(SignerError, match="not in the journal"):
        await signer.sign(len(keys.records))
    for name in ("r1", "r900", "1", "", "r\u0661"):
        with pytest.raises(SignerError, match=r"decided|not the one that was authorised"):
            await signer.sign(keys.append("request.authorised", {"id": name, "order": {}}))


async def test_an_order_that_is_asked_for_before_its_proof_is_signed_after_it(
    keys: KeysHome, signer: Signer
) -> None:
    honest = keys.authorised(keys.payment())
    data = json.loads(keys.records[honest])["data"]
    early = keys.append("request.authorised", data, proven=False)
    with pytest.raises(SignerError, match="no proof of the guardian covers it") as raised:
        await signer.sign(early)
    assert not isinstance(raised.value, SignerRefused), "asked again, it may be signed"
    keys.append("guardian.started", {"version": "0"})
    assert await signer.sign(early) == await signer.sign(honest)


async def test_an_order_out_of_range_is_refused_by_name(keys: KeysHome, signer: Signer) -> None:
    for member, value in OUT_OF_RANGE:
        with pytest.raises(SignerError, match=f"`{member}`"):
            await signer.sign(keys.authorised(keys.payment(**{member: value})))
    incomplete = keys.payment()
    del incomplete["value"]
    with pytest.raises(SignerError, match="`value` is missing"):
        await signer.sign(keys.authorised(incomplete))
    await signer.sign(keys.authorised(keys.payment()))


async def test_a_deployment_is_signed_only_with_code(keys: KeysHome, signer: Signer) -> None:
    signed = await signer.sign(keys.authorised(keys.payment(to=None, data="0x6001", gas=100_000)))
    assert TypedTransaction.from_bytes(HexBytes(signed.payload)).as_dict()["to"] == b""


async def test_typed_data_is_signed_only_if_its_digest_is_the_decided_one(
    keys: KeysHome, signer: Signer
) -> None:
    message = encode_typed_data(full_message=json.loads(MAIL))
    digest = "0x" + keccak(b"\x19" + message.version + message.header + message.body).hex()
    order = {
        "kind": "typed-data",
        "chain_id": 31337,
        "wallet": keys.wallet.address,
        "json": MAIL,
        "digest": digest,
    }
    signed = await signer.sign(keys.authorised(order))
    assert signed.hash == digest
    assert Account.recover_message(message, signature=signed.payload) == keys.wallet.address
    for wrong in (
        order | {"json": MAIL.replace("12345678901234567890", "12345678901234567891")},
        order | {"digest": "0x" + "11" * 32},
        order | {"digest": "0x"},
    ):
        with pytest.raises(SignerError, match="not what would be signed"):
            await signer.sign(keys.authorised(wrong))
    for broken in ("{", "[]", "{}", MAIL.replace("uint256", "uint257")):
        with pytest.raises(SignerError, match="`json`"):
            await signer.sign(keys.authorised(order | {"json": broken}))


async def test_a_message_is_signed_with_its_prefix(keys: KeysHome, signer: Signer) -> None:
    text = encode_defunct(text="hello\n\x1b[31m")
    digest = "0x" + keccak(b"\x19" + text.version + text.header + text.body).hex()
    order = {
        "kind": "message",
        "chain_id": 31337,
        "wallet": keys.wallet.address,
        "message": "0x" + b"hello\n\x1b[31m".hex(),
        "digest": digest,
    }
    signed = await signer.sign(keys.authorised(order))
    assert Account.recover_message(text, signature=signed.payload) == keys.wallet.address
    with pytest.raises(SignerError, match="not what would be signed"):
        await signer.sign(keys.authorised(order | {"message": "0x68656c6c6f"}))


async def test_checkpoints_are_signed_for_a_log_that_only_grows(
    keys: KeysHome, signer: Signer
) -> None:
    for _ in range(4):
        keys.append("guardian.started", {})
    root = keys.tree.root
    note = await signer.checkpoint(5, root)
    key = bytes(keys.log_key.verify_key)
    assert open_note(note, "holdfast.local/test", key) == ("holdfast.local/test", 5, root)
    assert note.startswith(checkpoint_body("holdfast.local/test", 5, root))
    assert await signer.checkpoint(5, root) == note
    for size, wrong in ((5, bytes(32)), (4, root), (5, root[:31])):
        with pytest.raises(SignerError, match="another root"):
            await signer.checkpoint(size, wrong)
    with pytest.raises(SignerError, match="not in the journal"):
        await signer.checkpoint(6, root)
    keys.append("guardian.stopped", {})
    await signer.checkpoint(6, keys.tree.root)
    assert await signer.checkpoint(5, root) == note


async def test_a_snapshot_note_binds_the_state_to_the_log(keys: KeysHome, signer: Signer) -> None:
    data, root = b"a state", keys.tree.root
    sha256 = hashlib.sha256(data).digest()
    note = await signer.snapshot_note(1, root, sha256)
    log = LogIdentity.of_genesis(keys.records[0])
    log.check_snapshot(Snapshot(1, root, sha256, data, note))


async def test_a_log_key_of_another_journal_signs_nothing(keys: KeysHome) -> None:
    other = {"origin": "elsewhere", "log_key": "00" * 32, "operators": [], "version": "0"}
    connection = schema.connect(keys.home.journal_path, write=True)
    changed = make_record(0, "guardian.created", other)
    connection.execute("UPDATE event SET data = ? WHERE seq = 0", (changed,))
    connection.close()
    with pytest.raises(SignerError, match="another log key"):
        await keys.signer()


async def test_a_wrong_passphrase_ends_the_start_in_words(keys: KeysHome) -> None:
    passphrase = bytearray(b"not the passphrase")
    with pytest.raises(WrongPassphrase, match="passphrase is wrong"):
        await Signer.start(keys.home, passphrase)
    assert passphrase == bytes(len(passphrase))


async def test_a_home_without_wallets_ends_the_start_in_words(keys: KeysHome) -> None:
    for file in keys.home.wallets_dir.iterdir():
        file.unlink()
    with pytest.raises(SignerError, match="no wallet"):
        await Signer.start(keys.home, bytearray(PASSPHRASE))


async def test_when_the_process_dies_everyone_who_waits_is_told(
    keys: KeysHome, signer: Signer
) -> None:
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    signer.on_gone(told.set_result)
    os.kill(signer.pid, signal.SIGSTOP)
    waiting = asyncio.create_task(signer.sign(keys.authorised(keys.payment())))
    await asyncio.sleep(0)
    os.kill(signer.pid, signal.SIGKILL)
    with pytest.raises(SignerGone):
        await waiting
    assert "restart the guardian" in await asyncio.wait_for(told, 10)
    assert not signer.alive
    with pytest.raises(SignerGone):
        await signer.sign(1)


def test_bad_lines_are_answered_and_never_end_it(keys: KeysHome) -> None:
    ours, theirs = socket.socketpair()
    process = Process(keys.home.journal_path, {}, keys.log_key)
    secret = b"s" * 32
    thread = threading.Thread(target=serve, args=(process, theirs, secret))
    thread.start()
    lines = [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"op":"sign"}',
        b'{"op":"sign","seq":1}',
        b'{"op":"sign","seqs":[]}',
        b'{"op":"sign","seqs":1}',
        b'{"op":"sign","seqs":[true]}',
        b'{"op":"sign","seqs":[1.0]}',
        b'{"op":"sign","seqs":[1],"raw":"0x"}',
        b'{"op":"checkpoint","size":1,"root":7}',
        b'{"op":"snapshot","size":1,"root":"","sha256":""}',
        b'{"op":"exec"}',
        b'{"op":{}}',
        b'{"op":"follow","size":1,"range":7}',
        b"[" * 4000,
    ]
    ping = b'{"op":"ping"}'
    with ours, ours.makefile("rb") as answers:
        for number, line in enumerate(lines):
            ours.sendall(prove(secret, number, line) + b"\n")
            assert "error" in json.loads(answers.readline()), line[:60]
        ours.sendall(prove(secret, len(lines), ping) + b"\n")
        assert json.loads(answers.readline())["pong"] is True
        ours.shutdown(socket.SHUT_WR)
    thread.join(10)
    assert not thread.is_alive()
    theirs.close()


@pytest.mark.parametrize(
    "line",
    [
        b'{"op":"ping"}',
        prove(b"another secret of thirty-two byte", 1, b'{"op":"ping"}'),
        prove(b"s" * 32, 0, b'{"op":"ping"}'),
        prove(b"s" * 32, 2, b'{"op":"ping"}'),
        prove(b"s" * 32, 1, b'{"op":"ping"} ')[:-1],
        prove(b"s" * 32, 1, b"x" * 100_000),
        b"",
    ],
)
def test_a_question_that_the_guardian_did_not_ask_ends_it(keys: KeysHome, line: bytes) -> None:
    """A process that took the guardian's end of the socket, such as by `pidfd_getfd`, gets nothing.

    Neither by its own words nor by those it saw.
    """
    ours, theirs = socket.socketpair()
    process = Process(keys.home.journal_path, {}, keys.log_key)
    thread = threading.Thread(target=serve, args=(process, theirs, b"s" * 32))
    thread.start()
    with ours, ours.makefile("rb") as answers:
        ours.sendall(prove(b"s" * 32, 0, b'{"op":"ping"}') + b"\n")
        assert json.loads(answers.readline())["pong"] is True
        ours.sendall(line + b"\n")
        assert "did not ask" in json.loads(answers.readline())["error"]
        thread.join(10)
        assert not thread.is_alive()
    theirs.close()


async def test_its_memory_cannot_be_looked_into(
    keys: KeysHome, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await signer.ping())["dumpable"] is False
    proc = Path("/proc") / str(signer.pid)
    # The kernel gives the files of a process that is not dumpable to root; proc(5).
    assert (proc / "environ").stat().st_uid == 0
    limits = (proc / "limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]
    status = (proc / "status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert signer.memory_locked == (int(status.split("VmLck:")[1].split()[0]) > 0)


async def test_no_secret_is_in_its_environment_its_arguments_or_its_descriptors(
    keys: KeysHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "do-not-pass-on")
    monkeypatch.setenv("LD_PRELOAD", "")
    leaked, _ = os.pipe()
    os.set_inheritable(leaked, True)
    signer = await Signer.start(keys.home, bytearray(PASSPHRASE))
    proc = Path("/proc") / str(signer.pid)
    seen = (proc / "environ").read_bytes() + (proc / "cmdline").read_bytes()
    assert b"do-not-pass-on" not in seen
    assert PASSPHRASE not in seen
    names = {part.split(b"=")[0] for part in (proc / "environ").read_bytes().split(b"\0") if part}
    assert names == {b"PATH", b"LANG", b"LC_ALL"}
    targets = [os.readlink(each) for each in (proc / "fd").iterdir() if int(each.name) > 2]
    assert len(targets) == 1
    assert targets[0].startswith("socket:")
    assert os.getsid(signer.pid) == signer.pid
    await signer.close()
    os.close(leaked)


def test_it_dies_with_the_process_that_started_it(keys: KeysHome) -> None:
    script = (
        "import asyncio, os, sys\n"
        "from pathlib import Path\n"
        "from holdfast.service.home.folder import Home\n"
        "from holdfast.service.signer.client import Signer\n"
        "async def main():\n"
        f"    signer = await Signer.start(Home(Path({str(keys.home.path)!r})), "
        f"bytearray({PASSPHRASE!r}))\n"
        "    print(signer.pid, flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == -9
    pid = int(done.stdout)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        if "State:\tZ" in Path(f"/proc/{pid}/status").read_text():
            return
        time.sleep(0.01)
    assert not Path(f"/proc/{pid}").exists()
