"""The command line as a user runs it: in a process of its own, with its real streams."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from holdfast.secrets.passphrase import wipe
from holdfast.service.home.folder import Home
from holdfast.service.new_home import Init, init_home

POLICY = Path(__file__).with_name("policy.toml")
PASSPHRASE = "wallets of the tests"
OPERATOR_PASSPHRASE = "operator of the tests"


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """One JSON value a line."""
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """Runs `holdfast ARGUMENTS`; `secrets` are lines on descriptors named `{0}`, `{1}` etc."""

    def call(*arguments: object, stdin: str = "", secrets: tuple[str, ...] = ()) -> Result:
        descriptors = []
        for secret in secrets:
            read_end, write_end = os.pipe()
            os.write(write_end, secret.encode() + b"\n")
            os.close(write_end)
            descriptors.append(read_end)
        words = [str(each).format(*descriptors) if secrets else str(each) for each in arguments]
        done = subprocess.run(
            [sys.executable, "-m", "holdfast", *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            pass_fds=descriptors,
            check=False,
        )
        for descriptor in descriptors:
            os.close(descriptor)
        assert "Traceback" not in done.stderr, done.stderr
        return Result(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A new home with cheap keys and no running guardian."""
    place = Home(tmp_path_factory.mktemp("h") / "home")
    place.path.parent.chmod(0o700)
    secret = bytearray(PASSPHRASE.encode())
    own = bytearray(OPERATOR_PASSPHRASE.encode())
    init_home(place, Init(passphrase=secret, operator_passphrase=own, kdf="light"))
    wipe(secret)
    wipe(own)
    return place
