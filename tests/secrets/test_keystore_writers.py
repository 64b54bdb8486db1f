"""A keystore is imported as every common program writes it.

The files of foundry and ethers v6 were written by these programs, the others by their documented
format. All of them hold the key 0x46…46.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from tests.support.terminal import Terminal

from holdfast.secrets import keystore
from holdfast.secrets.held import held_wallets

FILES = Path(__file__).with_name("data") / "keystores"
ADDRESS = "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F"
PLAIN = "keystore-pw"
# A ligature and a digit in a circle: ethers reads both as plain letters and digits (NFKC).
TYPED = "\ufb01nance \u2460"
WRITERS = {
    "ethers-v5": TYPED,
    "ethers-v6": PLAIN,
    "ethers-v6-empty": "",
    "ethers-v6-nfkc": TYPED,
    "foundry": PLAIN,
    "foundry-empty": "",
    "geth": PLAIN,
    "geth-empty": "",
    "geth-raw-unicode": TYPED,
    "metamask": PLAIN,
    "version-as-text": PLAIN,
    "web3js": PLAIN,
    "web3js-pbkdf2": PLAIN,
    "without-address": PLAIN,
}


def test_every_file_has_its_case() -> None:
    assert {path.stem for path in FILES.iterdir()} == set(WRITERS)


@pytest.mark.parametrize("writer", WRITERS)
def test_the_keystore_of_every_program_opens(writer: str) -> None:
    data = (FILES / f"{writer}.json").read_bytes()
    opened = keystore.import_keystore(data, bytearray(WRITERS[writer].encode()))
    assert opened.address == ADDRESS
    with pytest.raises(keystore.WrongPassphrase):
        keystore.import_keystore(data, b"another \xef\xac\x81")


@pytest.mark.parametrize("version", [1, 4, "1", "3.0", None, True])
def test_another_version_is_refused_in_words(version: object) -> None:
    data = json.loads((FILES / "geth.json").read_text()) | {"version": version}
    with pytest.raises(keystore.KeystoreError, match="not a Web3 v3 keystore"):
        keystore.import_keystore(json.dumps(data).encode(), PLAIN.encode())


def test_init_takes_a_keystore_with_an_empty_passphrase_from_the_terminal(tmp_path: Path) -> None:
    home = tmp_path / "home"
    command = [sys.executable, "-m", "holdfast", "init", "--kdf", "light", "--home", str(home)]
    command += ["--passphrase-command", "echo wallets-pass"]
    command += ["--operator-passphrase-command", "echo operators-pass"]
    terminal = Terminal(
        [*command, "--import", str(FILES / "foundry-empty.json")],
        {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TERM": "xterm"},
        controlling=True,
    )
    try:
        terminal.wait_for("Passphrase of `foundry-empty.json`")
        terminal.type("\n")
        assert terminal.wait_exit() == 0, bytes(terminal.output)
    finally:
        terminal.close()
    assert held_wallets(home / "keys" / "wallets") == [ADDRESS]
