"""The pages' commands and programs, run in order as a reader would, on a real chain."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.docs.blocks import ROOT, Block, blocks
from tests.docs.terminal import Terminal
from tests.service.alerts.receivers import HttpReceiver

from holdfast.agent import connect
from holdfast.cli.link import Link, NoGuardian
from holdfast.demo.chain import Chain
from holdfast.service.home.folder import Home

pytestmark = pytest.mark.timeout(300)

WALLETS, OPERATOR = "the wallets of the reader", "the key of the reader"
START_S = 60.0
# What is typed where an approval asks for the middle of the vendor's address.
GAPS = {"0x70997970C51812dc3A ____ 7d01b50e0d17dc79C8": "010C"}


class Reader:
    """Someone with an empty home folder who does what a page says."""

    def __init__(self, folder: Path, chain: Chain) -> None:
        self.chain = chain
        self.home = Home(folder / ".local" / "share" / "holdfast")
        path = f"{Path(sys.executable).parent}:{ROOT}/.tools/bin:{os.environ['PATH']}"
        self.env = {
            "HOME": str(folder),
            "PATH": path,
            "LANG": "C.UTF-8",
            "NODE_PATH": str(ROOT / ".tools/npm/node_modules"),
        }
        self.answers = {
            "Passphrase of the wallets: ": WALLETS,
            "Passphrase of your operator key: ": OPERATOR,
            "? [y/N]: ": "y",
            **{f"{gap}; four characters: ": typed for gap, typed in GAPS.items()},
        }

    def do(self, block: Block, **values: str) -> str:
        """Runs a block to its end; gives what was on the screen."""
        with self.begin(block, **values) as terminal:
            code = terminal.finish()
        assert code == 0, f"{block} ended with {code}:\n{terminal.screen}"
        return terminal.screen

    def begin(self, block: Block, **values: str) -> Terminal:
        """Starts a block."""
        text = block.text.replace("http://127.0.0.1:8545", self.chain.url)
        for name, value in values.items():
            text = text.replace(name, value)
        return Terminal(_command(block.language, text), self.env, self.answers)


def _command(language: str, text: str) -> list[str]:
    match language:
        case "sh":
            return ["bash", "-euo", "pipefail", "-c", text]
        case "python":
            return [sys.executable, "-c", text]
        case "js":
            return ["node", "-e", text]
    raise AssertionError(f"nobody knows how to run `{language}`")


@pytest.fixture
def reader() -> Iterator[Reader]:
    with Chain() as chain, tempfile.TemporaryDirectory(prefix="hf-") as folder:
        yield Reader(Path(folder), chain)


def _wait_for_guardian(home: Home, terminal: Terminal) -> None:
    deadline = time.monotonic() + START_S
    while True:
        terminal.pump()
        try:
            Link(home.operator_socket).close()
        except NoGuardian:
            assert time.monotonic() < deadline, terminal.screen
        else:
            return


def test_the_quick_start_leads_to_a_guarded_payment_and_to_own_rules(reader: Reader) -> None:
    """Every block of the page in its order, in one home with its guardian running."""
    page = ROOT / "docs" / "quick-start.md"
    steps = [each for each in blocks(page) if each.use != "add"]
    init, fund, serve, pay, pending, approve, policy, check, apply, rules, freeze, thaw = steps

    made = reader.do(init)
    assert str(reader.home.keys_dir) in made, "it says what to back up"
    wallet = re.search(r"wallet\s+(0x[0-9a-fA-F]{40})", made)
    assert wallet, made
    reader.do(fund, WALLET=wallet[1])
    with reader.begin(serve) as guardian:
        _wait_for_guardian(reader.home, guardian)
        asked = reader.do(pay)
        ident = re.search(r"(r\d+) is pending", asked)
        assert ident, asked
        assert ident[1] in reader.do(pending)
        approved = re.search(
            rf"{ident[1]}  (sent|confirmed)  (0x[0-9a-f]{{64}})", reader.do(approve, r4=ident[1])
        )
        assert approved
        assert approved[2] in reader.do(pay)
        sent = reader.chain.call("eth_getTransactionByHash", [approved[2]])
        assert sent["value"] == hex(10**15)

        foreign = re.search(r'address = "(0x[0-9a-fA-F]{40})"', policy.text)
        assert foreign
        reader.home.policy_path.write_text(policy.text)
        with reader.begin(check) as refused:
            assert refused.finish() == 1, "the page's wallet is not the reader's"
            assert wallet[1] in refused.screen
        reader.home.policy_path.write_text(policy.text.replace(foreign[1], wallet[1]))
        checked = reader.do(check)
        assert "valid" in checked
        assert ": note: " not in checked, "the page recommends nothing that is warned about"
        assert "in force now" in reader.do(apply)
        small, large, other = reader.do(rules).splitlines()
        assert re.fullmatch(r"0x[0-9a-f]{64}", small), small
        assert "denied" in large
        assert "is pending" in other

        reader.do(freeze)
        assert "frozen" in reader.do(pay, **{"10**15": "10**14"})
        reader.do(thaw)
        paid = reader.do(pay, **{"10**15": "2 * 10**14"})
        assert re.search(r"0x[0-9a-f]{64}", paid), paid


def test_the_examples_of_the_other_pages_run(reader: Reader) -> None:
    init, fund = blocks(ROOT / "docs" / "quick-start.md", use="run")[:2]
    made = reader.do(init)
    wallet = re.search(r"wallet\s+(0x[0-9a-fA-F]{40})", made)
    assert wallet
    reader.do(fund, WALLET=wallet[1])
    receiver = HttpReceiver()
    with reader.home.config_path.open("a") as config:
        config.write(f'\n[[alert]]\nid = "web"\nurl = "{receiver.url}"\n')
    (serve,) = blocks(ROOT / "docs" / "quick-start.md", use="serve")
    try:
        with reader.begin(serve) as guardian:
            _wait_for_guardian(reader.home, guardian)
            for name in ("protocol.md", "operations.md"):
                for block in blocks(ROOT / "docs" / name, use="run"):
                    shown = reader.do(block)
                    guardian.pump(0.0)
                    assert "Traceback" not in shown, f"{block}:\n{shown}"
    finally:
        receiver.stop()
    assert any(item["title"] == "Holdfast: test" for item in receiver.arrivals.items)


def test_the_guardian_of_up_ends_with_its_console(reader: Reader) -> None:
    """What `holdfast up` started is not left behind."""
    init = blocks(ROOT / "docs" / "quick-start.md", use="run")[0]
    reader.do(init)
    (serve,) = blocks(ROOT / "docs" / "quick-start.md", use="serve")
    with reader.begin(serve) as guardian:
        _wait_for_guardian(reader.home, guardian)
        with connect(reader.home.path, "shopper") as agent:
            assert agent.call("eth_chainId") == "0x7a69"
    with pytest.raises(NoGuardian):
        Link(reader.home.operator_socket)
    assert not _processes_about(reader.home)


def _processes_about(home: Home) -> list[str]:
    """Command lines that name the home."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = entry.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            if str(home.path) in words:
                found.append(words)
    return found
