"""A token whose code is pinned by `assets add --pin-code`: an upgrade of it needs a person."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import wait_for
from tests.support.token import transfer_data

from holdfast.agent import Pending, connect
from holdfast.demo.chain import Chain
from holdfast.demo.guardian import DemoGuardian
from holdfast.demo.token import deploy

pytestmark = pytest.mark.timeout(240)

POLICY = """
version = 1
name = "pinned"
[[chain]]
id = 31337
name = "local"
gas_max = 500_000
fee_per_gas_max = "100 gwei"
priority_fee_per_gas_max = "5 gwei"
[[wallet]]
id = "purse"
address = "{wallet}"
[[agent]]
id = "shopper"
wallets = ["purse"]
chain = 31337
[[rule]]
id = "all"
effects = ["transfer"]
to = ["{payee}"]
tier = "instant"
"""


@pytest.fixture
def demo(chain: Chain) -> Iterator[DemoGuardian]:
    """Sockets need a short path, so the home is not in pytest's own folder."""
    with (
        tempfile.TemporaryDirectory(prefix="hf-") as folder,
        DemoGuardian(Path(folder) / "home", chain) as made,
    ):
        made.config("[gate]\nhold_ms = 700\nretry_after_s = 1\n")
        yield made


def holdfast(*words: object) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "holdfast", *map(str, words), "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return dict(json.loads(done.stdout or "{}")) | {"code": done.returncode, "said": done.stderr}


def test_an_upgrade_of_a_pinned_token_needs_a_person(demo: DemoGuardian, chain: Chain) -> None:
    wallet, payee = demo.wallets[0], chain.accounts[5]
    dollars = deploy(chain)
    dollars.give(wallet, 10**9)
    token = dollars.address
    demo.policy(POLICY.format(wallet=wallet, payee=payee))
    path = demo.home.policy_path
    flags = ("--chain", 31337, "--rpc", chain.url, "--policy", path, "--yes", "--pin-code")
    added = holdfast("assets", "add", token, *flags)
    assert added["code"] == 0, added["said"]
    assert f'code_hash = "{added["code_hash"]}"' in path.read_text()
    demo.policy(path.read_text())
    demo.start()

    def pay(amount: int) -> dict[str, Any]:
        return {"from": wallet, "to": token, "data": transfer_data(payee, amount)}

    def verdict() -> str:
        asked = [{"method": "eth_sendTransaction", "params": [pay(1)]}]
        return str(agent.call("holdfast_check", asked)["verdict"])

    demo.agent_socket("shopper")
    with demo.connect() as operator, connect(demo.home.path, "shopper") as agent:
        wait_for("the first look", lambda: verdict() == "instant")
        first = agent.send_transaction(pay(1), wait_s=30)
        assert chain.receipt(first)["status"] == "0x1"

        code = chain.call("eth_getCode", [token, "latest"])
        chain.call("anvil_setCode", [token, code + "00"])
        # A policy that is loaded is a reason to look again.
        demo.policy(path.read_text() + "# looked at\n")
        wait_for("the next look", lambda: verdict() == "approval")
        wait_for("the alarm", lambda: operator.call("status")["health"]["code"])
        (alarm,) = operator.call("status")["health"]["code"]
        assert alarm["code"] == "code_changed"
        status = holdfast("status", "--home", demo.home.path)
        assert status["health"]["code"] == [alarm]
        with pytest.raises(Pending) as pending:
            agent.send_transaction(pay(2))
        request = pending.value.request_id
        view = operator.call("request", id=request)
        assert [each["code"] for each in view["reasons"]] == ["code_changed", "granted"]
        assert view["state"] == "waiting-approval"
        operator.answer("approve", request)
        wait_for("the person's word", lambda: operator.call("request", id=request)["hash"])
        mined = operator.call("request", id=request)["hash"]
        assert chain.receipt(mined)["status"] == "0x1"
    assert demo.stop() == 0, demo.last_words()
    assert "pinned code" in demo.log.read_text()
