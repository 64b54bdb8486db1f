"""The demo's set: a local chain, a token, a guardian with three agents, and who is who."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template
from types import TracebackType
from typing import Self

from holdfast.demo.chain import Chain, ChainError
from holdfast.demo.guardian import DemoGuardian
from holdfast.demo.script import UNIT, Script
from holdfast.demo.token import Token, calldata, deploy
from holdfast.process import child

AGENTS = {"payer": "operations", "buyer": "operations", "hijacked": "community"}
PURSE = {"operations": 5_000 * UNIT}  # The community wallet holds all the rest of the supply.


@dataclass(frozen=True)
class Cast:
    """Addresses by name; none of these keys is the guardian's except the two wallets."""

    operations: str
    community: str
    vendor_a: str
    vendor_b: str
    vendor_c: str
    shop: str
    mixer: str
    attacker: str

    def named(self) -> dict[str, str]:
        """Name to address."""
        return dict(vars(self))


class Scenario:
    """Everything the sample agents need. Leaving it ends every process and removes the home."""

    def __init__(self, home: str | Path | None = None) -> None:
        """Sets up chain, token and home (a temporary one unless given); starts the guardian."""
        with ExitStack() as undo:
            folder = Path(tempfile.mkdtemp(prefix="holdfast-"))
            undo.callback(shutil.rmtree, folder, ignore_errors=True)
            self.chain = undo.enter_context(Chain())
            place = Path(home).expanduser().absolute() if home else folder / "home"
            self.guardian = undo.enter_context(DemoGuardian(place, self.chain, wallets=2))
            self.token = self._fund()
            self.guardian.policy(self._policy())
            self.guardian.config("[gate]\nhold_ms = 1500\nretry_after_s = 1\n")
            self.guardian.start()
            self._undo = undo.pop_all()

    def _fund(self) -> Token:
        accounts = self.chain.accounts
        names = ("vendor_a", "vendor_b", "vendor_c", "shop", "mixer")
        others = dict(zip(names, accounts[1:6], strict=True))
        wallets = self.guardian.wallets
        self.cast = Cast(
            operations=wallets[0], community=wallets[1], attacker=accounts[9], **others
        )
        token = deploy(self.chain)
        rest = token.supply - sum(PURSE.values())
        for name, amount in {**PURSE, "community": rest}.items():
            token.give(self.cast.named()[name], amount)
        return token

    def _policy(self) -> str:
        text = resources.files("holdfast.demo").joinpath("policy.toml").read_text()
        names = {
            **self.cast.named(),
            "token": self.token.address,
            "symbol": self.token.symbol,
        }
        return Template(text).substitute(names)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.guardian.kill()
        self._undo.close()

    def script(self, agent: str, *, pace_s: float = 0.0, forever: bool = False) -> Script:
        """What `agent` is told."""
        cast = self.cast.named()
        wallet = AGENTS[agent]
        wanted = {"payer": ("vendor_a", "vendor_b", "vendor_c"), "buyer": ("shop",)}
        names = {name: cast[name] for name in wanted.get(agent, ("attacker", "mixer"))}
        if agent == "hijacked":
            names |= self._lures()
        return Script(
            agent=agent,
            socket=self.guardian.agent_socket(agent),
            wallet=cast[wallet],
            token=self.token.address,
            pace_s=pace_s,
            forever=forever,
            names=names,
        )

    def _lures(self) -> dict[str, str]:
        """Amounts and calldata the drains are made of."""
        attacker = self.cast.attacker
        five_percent = str(self.token.supply // 20)
        tip = calldata("transfer(address,uint256)", attacker, 1_000_000)
        dirty = tip[:10] + "dead" + tip[14:]
        return {
            "other_wallet": self.cast.operations,
            "five_percent": five_percent,
            "tip_call": tip,
            "drain_call": calldata("transfer(address,uint256)", attacker, int(five_percent)),
            "dirty_call": dirty,
        }

    def start_agent(self, script: Script) -> child.Popen[str]:
        """The sample agent as its own process; its report comes out of its stdout."""
        command = child.own(f"holdfast.demo.{script.agent}", script.dump())
        return child.start(command, session=False, stdout=child.PIPE, stderr=child.PIPE, text=True)

    def balances(self) -> dict[str, dict[str, str]]:
        """Wei and token base units of everybody, from the chain itself."""
        return {
            name: {
                "wei": str(self.chain.balance(address)),
                "token": str(self.token.balance(address)),
            }
            for name, address in self.cast.named().items()
        }

    def attacker_pulls(self) -> bool:
        """Whether the attacker could now move the community's tokens itself."""
        call = calldata(
            "transferFrom(address,address,uint256)",
            self.cast.community,
            self.cast.attacker,
            1,
        )
        try:
            self.chain.view(self.token.address, call, self.cast.attacker)
        except ChainError:
            return False
        return True
