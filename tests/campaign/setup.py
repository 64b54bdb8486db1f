"""A guardian, a token and one limit over everything, for campaigns of many agents."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from holdfast.demo.chain import Chain
from holdfast.demo.guardian import DemoGuardian
from holdfast.demo.token import Token, calldata, deploy

UNIT = 10**6
TRANSFER_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"


@dataclass
class CampaignSetup:
    """`wallet` holds far more than the limit, so that only the guardian can stop it."""

    chain: Chain
    guardian: DemoGuardian
    token: Token

    @property
    def wallet(self) -> str:
        return self.guardian.wallets[0]

    def payment(self, to: str, amount: int) -> dict[str, str]:
        """A token transfer in base units, as a transaction object with gas."""
        data = calldata("transfer(address,uint256)", to, amount)
        return {"from": self.wallet, "to": self.token.address, "data": data, "gas": "0x186a0"}

    def paid(self) -> list[tuple[str, int, str]]:
        """(recipient, base units, hash) of every transfer out of the wallet, from the chain."""
        topics = [TRANSFER_TOPIC, "0x" + self.wallet[2:].lower().rjust(64, "0")]
        query = {"fromBlock": "0x0", "address": self.token.address, "topics": topics}
        return [
            ("0x" + log["topics"][2][-40:], int(log["data"], 16), log["transactionHash"])
            for log in self.chain.call("eth_getLogs", [query])
        ]


@contextlib.contextmanager
def setup(agents: Sequence[str], most: str, *options: str) -> Iterator[CampaignSetup]:
    """A running guardian; `most` is the limit in whole tokens, `options` are anvil's."""
    with (
        tempfile.TemporaryDirectory(prefix="hf-") as folder,
        Chain(*options) as chain,
        DemoGuardian(Path(folder) / "home", chain) as demo,
    ):
        token = deploy(chain)
        token.give(demo.wallets[0], token.supply // 2)
        entries = "\n".join(
            f'[[agent]]\nid = "{name}"\nwallets = ["purse"]\nchain = 31337\n'
            "requests_per_minute = 1000000\nconnections_max = 128\n"
            for name in agents
        )
        text = Path(__file__).with_name("policy.toml").read_text()
        names = {"wallet": demo.wallets[0], "token": token.address}
        demo.policy(Template(text).substitute(names, agents=entries, most=most))
        demo.config("[gate]\nhold_ms = 4000\nretry_after_s = 1\n")
        demo.start()
        yield CampaignSetup(chain, demo, token)
