"""A key that passes through a process leaves nothing of itself there."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from holdfast.secrets import sealed
from holdfast.secrets.passing_key import PassingKey

PASSPHRASE = b"of the log"
SEED = hashlib.sha256(b"a seed").digest()

# Opens the key, signs, forgets, and looks through its own memory. The seed it looks for is given as
# two halves in hex.
LOOKS = """
import sys
from holdfast.secrets.passing_key import PassingKey
key = PassingKey(open(sys.argv[1], "rb").read(), bytearray(b"of the log"))
assert len(key.sign(b"text").signature) == 64
key.forget()
sought = [bytes.fromhex(each) for each in sys.argv[2:]]
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb") as memory:
    for line in maps:
        span, mode, *_ = line.split()
        low, high = (int(end, 16) for end in span.split("-"))
        if mode.startswith("rw") and high < 1 << 63:
            memory.seek(low)
            part = memory.read(high - low)
            at = part.find(sought[0])
            while at >= 0:
                assert part[at + 16 : at + 32] != sought[1], hex(low + at)
                at = part.find(sought[0], at + 1)
"""


@pytest.fixture
def key() -> SigningKey:
    return SigningKey(SEED)


@pytest.fixture
def file(key: SigningKey, tmp_path: Path) -> Path:
    path = tmp_path / "key.json"
    path.write_bytes(sealed.seal(key, PASSPHRASE, sealed.LIGHT))
    return path


def test_it_is_the_key_of_the_file(key: SigningKey, file: Path) -> None:
    passing = PassingKey(file.read_bytes(), bytearray(PASSPHRASE))
    assert passing.verify_key == bytes(key.verify_key)
    for text in (b"", b"text", bytes(10_000)):
        assert passing.sign(text).signature == key.sign(text).signature
    passing.forget()
    assert passing.sign(b"text").signature != key.sign(b"text").signature


def test_a_wrong_passphrase_and_a_changed_file_are_refused(file: Path) -> None:
    data = file.read_bytes()
    with pytest.raises(sealed.WrongPassphrase, match="the passphrase is wrong"):
        PassingKey(data, b"of something else")
    other = json.loads(data) | {"public_key": "0x" + bytes(SigningKey(bytes(32)).verify_key).hex()}
    with pytest.raises(sealed.SealedKeyError, match="the file was changed"):
        PassingKey(json.dumps(other).encode(), PASSPHRASE)
    with pytest.raises(sealed.SealedKeyError, match="not JSON"):
        PassingKey(b"nothing", PASSPHRASE)


def test_nothing_of_it_is_left_in_memory(file: Path) -> None:
    halves = (SEED[:16].hex(), SEED[16:].hex())
    subprocess.run([sys.executable, "-c", LOOKS, str(file), *halves], check=True, timeout=60)
