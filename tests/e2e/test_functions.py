"""A function the operator vouches for: its calls go out at once, others of the contract wait."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from tests.e2e.conftest import wait_for

from holdfast.agent import Denied, Pending, connect
from holdfast.demo.chain import Chain
from holdfast.demo.guardian import DemoGuardian

pytestmark = pytest.mark.timeout(240)

GOVERNOR = "0x976EA74026E726554dB657fA54763abd0C3a0aa9"
POLICY = """
version = 1
name = "functions"
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
[[function]]
id = "vote"
chain = 31337
contract = "{governor}"
signature = "castVote(uint256 proposal, uint8 support)"
[[function.argument]]
name = "support"
in = ["0", "1"]
[[function]]
id = "pay"
chain = 31337
contract = "{governor}"
signature = "pay((address to, uint256 amount)[] orders)"
[[function.argument]]
name = "orders[].to"
in = ["wallet"]
[[rule]]
id = "votes"
effects = ["call"]
functions = ["vote", "pay"]
tier = "instant"
[[rule]]
id = "calls"
effects = ["call"]
not_functions = ["vote", "pay"]
tier = "approval"
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


def vote(support: int) -> str:
    arguments = encode(["uint256", "uint256"], [7, support])
    return "0x" + (keccak(text="castVote(uint256,uint8)")[:4] + arguments).hex()


def test_a_vote_goes_out_at_once_and_another_one_waits(demo: DemoGuardian, chain: Chain) -> None:
    wallet = demo.wallets[0]
    demo.policy(POLICY.format(wallet=wallet, governor=GOVERNOR))
    demo.start()
    demo.agent_socket("shopper")

    def asked(data: str) -> dict[str, Any]:
        return {"from": wallet, "to": GOVERNOR, "data": data}

    with demo.connect() as operator, connect(demo.home.path, "shopper") as agent:
        mined = chain.receipt(agent.send_transaction(asked(vote(1)), wait_s=30))
        assert (mined["status"], mined["to"]) == ("0x1", GOVERNOR.lower())

        with pytest.raises(Pending) as pending:
            agent.send_transaction(asked(vote(2)))
        view = operator.call("request", id=pending.value.request_id)
        assert {each["code"] for each in view["warnings"]} == {"unknown_contract", "not_vouched"}
        assert {"label": "Argument support", "value": "2"} in view["display"]
        operator.answer("approve", pending.value.request_id)
        wait_for("the person's word", lambda: operator.call("request", id=view["id"])["hash"])

        with pytest.raises(Denied) as denied:
            agent.send_transaction(asked(vote(257)))
        assert "dirty_calldata" in str(denied.value.data)
    assert demo.stop() == 0, demo.last_words()


def pay(*recipients: str) -> str:
    orders = encode(["(address,uint256)[]"], [[(each, 5) for each in recipients]])
    return "0x" + (keccak(text="pay((address,uint256)[])")[:4] + orders).hex()


def test_one_wrong_recipient_in_a_list_makes_the_whole_call_wait(
    demo: DemoGuardian, chain: Chain
) -> None:
    wallet = demo.wallets[0]
    demo.policy(POLICY.format(wallet=wallet, governor=GOVERNOR))
    demo.start()
    demo.agent_socket("shopper")

    def asked(data: str) -> dict[str, Any]:
        return {"from": wallet, "to": GOVERNOR, "data": data}

    with demo.connect() as operator, connect(demo.home.path, "shopper") as agent:
        mined = chain.receipt(agent.send_transaction(asked(pay(wallet, wallet)), wait_s=30))
        assert mined["status"] == "0x1"

        for recipients, why in [((wallet, GOVERNOR), "orders[1].to"), ((), "empty")]:
            with pytest.raises(Pending) as pending:
                agent.send_transaction(asked(pay(*recipients)))
            view = operator.call("request", id=pending.value.request_id)
            (told,) = [each for each in view["warnings"] if each["code"] == "not_vouched"]
            assert why in told["text"]
            operator.answer("deny", pending.value.request_id)
    assert demo.stop() == 0, demo.last_words()
