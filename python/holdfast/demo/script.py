"""What a sample agent is told at its start: one JSON object, as its only argument."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, field

UNIT = 10**6  # The demo's token has six decimals, like USDC.


@dataclass(frozen=True)
class Script:
    """`pace_s` is the rest between two steps; with `forever` the agent starts again at its end."""

    agent: str
    socket: str
    wallet: str
    token: str
    pace_s: float = 0.0
    forever: bool = False
    names: dict[str, str] = field(default_factory=dict)
    """Addresses and amounts by name: vendors, the attacker, other wallets."""

    def dump(self) -> str:
        """As the one argument of an agent's process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_argv(cls) -> Script:
        """The script this process was started with."""
        return cls(**json.loads(sys.argv[1]))


ERC20_ABI = [
    {
        "type": "function",
        "name": "transfer",
        "stateMutability": "nonpayable",
        "inputs": [{"name": "to", "type": "address"}, {"name": "amount", "type": "uint256"}],
        "outputs": [{"name": "", "type": "bool"}],
    },
    {
        "type": "function",
        "name": "balanceOf",
        "stateMutability": "view",
        "inputs": [{"name": "owner", "type": "address"}],
        "outputs": [{"name": "", "type": "uint256"}],
    },
]
