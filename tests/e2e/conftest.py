"""A guardian on a local chain, shared by the tests of a module."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import pytest
from tests.e2e.clients import CLIENTS

from holdfast.agent import RequestKey
from holdfast.demo.chain import Chain
from holdfast.demo.guardian import DemoGuardian
from holdfast.demo.operator_connection import OperatorConnection

WAIT_S = 30.0
SIGNER = RequestKey(bytes.fromhex("42" * 32))


def wait_for(what: str, condition: Callable[[], Any], wait_s: float = WAIT_S) -> Any:
    """The first true value of `condition`; fails when there is none in time."""
    deadline = time.monotonic() + wait_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.02)
    return value


@dataclass
class World:
    """Chain, guardian, the operator's connection, and the payees by name."""

    chain: Chain
    guardian: DemoGuardian
    operator: OperatorConnection
    known: str
    shop: str
    slow: str
    stranger: str

    @property
    def wallet(self) -> str:
        return self.guardian.wallets[0]

    def state(self, request: str) -> str:
        return str(self.operator.call("request", id=request)["state"])

    def ended(self, request: str, state: str) -> dict[str, Any]:
        """The view of a request once it is in `state`."""
        wait_for(f"{request} {state}", lambda: self.state(request) == state)
        return self.operator.call("request", id=request)


@pytest.fixture(scope="module")
def chain() -> Iterator[Chain]:
    with Chain() as running:
        yield running


@pytest.fixture(scope="module")
def world(chain: Chain) -> Iterator[World]:
    """Sockets need a short path, so the home is not in pytest's own folder."""
    known, shop, slow, stranger = (chain.accounts[n] for n in (1, 2, 3, 4))
    with (
        tempfile.TemporaryDirectory(prefix="hf-") as folder,
        DemoGuardian(Path(folder) / "home", chain) as demo,
    ):
        agents = "\n".join(
            f'[[agent]]\nid = "{name}"\nwallets = ["purse"]\nchain = 31337\n' for name in CLIENTS
        )
        agents += '[[agent]]\nid = "signed"\nwallets = ["purse"]\nchain = 31337\n'
        agents += f'public_key = "{SIGNER.public_key}"\n'
        text = Path(__file__).with_name("policy.toml").read_text()
        names = {"known": known, "shop": shop, "slow": slow, "agents": agents}
        demo.policy(Template(text).substitute(names, wallet=demo.wallets[0]))
        demo.config("[gate]\nhold_ms = 700\nretry_after_s = 1\n")
        demo.start()
        with demo.connect() as operator:
            yield World(chain, demo, operator, known, shop, slow, stranger)
        assert demo.stop() == 0, demo.last_words()
