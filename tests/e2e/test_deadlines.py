"""A permit that ends soon is signed at once; one that lasts longer waits for a person."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from holdfast.agent import Pending, connect
from holdfast.demo.chain import Chain
from holdfast.demo.guardian import DemoGuardian

pytestmark = pytest.mark.timeout(240)

TOKEN = "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc"
SHOP = "0x976EA74026E726554dB657fA54763abd0C3a0aa9"
POLICY = """
version = 1
name = "deadlines"
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
[[asset]]
id = "usdc"
chain = 31337
address = "{token}"
decimals = 6
symbol = "USDC"
price_usd = "1"
[[rule]]
id = "short"
effects = ["allowance"]
deadline_within = "30m"
tier = "instant"
[[rule]]
id = "long"
effects = ["allowance"]
deadline_beyond = "30m"
tier = "approval"
"""
MEMBERS = {
    "EIP712Domain": {"chainId": "uint256", "verifyingContract": "address"},
    "Permit": {
        "owner": "address",
        "spender": "address",
        "value": "uint256",
        "nonce": "uint256",
        "deadline": "uint256",
    },
}


@pytest.fixture
def demo(chain: Chain) -> Iterator[DemoGuardian]:
    """Sockets need a short path, so the home is not in pytest's own folder."""
    with (
        tempfile.TemporaryDirectory(prefix="hf-") as folder,
        DemoGuardian(Path(folder) / "home", chain) as made,
    ):
        made.config("[gate]\nhold_ms = 5_000\nretry_after_s = 1\n")
        yield made


def test_the_deadline_of_a_permit_decides_whether_a_person_is_asked(
    demo: DemoGuardian, chain: Chain
) -> None:
    wallet = demo.wallets[0]
    demo.policy(POLICY.format(wallet=wallet, token=TOKEN))
    demo.start()
    demo.agent_socket("shopper")

    def permit(life_s: int) -> dict[str, Any]:
        named = {
            kind: [{"name": name, "type": of} for name, of in members.items()]
            for kind, members in MEMBERS.items()
        }
        return {
            "types": named,
            "primaryType": "Permit",
            "domain": {"chainId": 31337, "verifyingContract": TOKEN},
            "message": {
                "owner": wallet,
                "spender": SHOP,
                "value": "5",
                "nonce": "0",
                "deadline": str(int(time.time()) + life_s),
            },
        }

    with demo.connect() as operator, connect(demo.home.path, "shopper") as agent:
        short = permit(1_200)
        signature = agent.call("eth_signTypedData_v4", [wallet, short])
        signable = encode_typed_data(full_message=short)
        assert Account.recover_message(signable, signature=signature) == wallet

        with pytest.raises(Pending) as pending:
            agent.call("eth_signTypedData_v4", [wallet, permit(7_200)])
        view = operator.call("request", id=pending.value.request_id)
        assert [reason["rule"] for reason in view["reasons"]] == ["long"]
        operator.answer("deny", pending.value.request_id)
    assert demo.stop() == 0, demo.last_words()
