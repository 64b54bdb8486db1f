"""The fee caps that `holdfast init` writes for a chain: a few times what it usually asks.

An agent may name any fee up to the cap, and limits count it. A cap far above the chain's fees lets
a few fees use up a limit, one below them lets payments wait. They are a start: the operator raises
them where the chain got dearer.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

# Enough for a transfer of any token, and for most calls of one contract.
GAS_MAX = 200_000
# So many transactions at the caps are the fees of a day that need no approval.
FEES_A_DAY = 20


@dataclass(frozen=True, slots=True)
class FeeCaps:
    """Tenths of a gwei for one unit of gas: in all, and the tip in it."""

    fee_tenths: int
    tip_tenths: int

    @property
    def fee(self) -> str:
        """The cap as a policy writes it."""
        return f"{_decimal(self.fee_tenths, 1)} gwei"

    @property
    def tip(self) -> str:
        """The cap of the tip as a policy writes it."""
        return f"{_decimal(self.tip_tenths, 1)} gwei"

    @property
    def day(self) -> str:
        """The fees of a day at these caps, in whole units of the chain's coin."""
        return _decimal(self.fee_tenths * GAS_MAX * FEES_A_DAY, 10)


def _decimal(number: int, places: int) -> str:
    """`number` without its last `places` digits, which stand behind the point."""
    whole, rest = divmod(number, 10**places)
    return f"{whole}.{rest:0{places}d}".rstrip("0").rstrip(".")


# Ethereum, and every chain that is not known here.
CAREFUL = FeeCaps(300, 30)

_TABLE = (
    # Chains on this machine: anvil and Hardhat begin at 1 and 2 gwei.
    (FeeCaps(100, 20), (1337, 31337)),
    (CAREFUL, (1, 11155111, 17000, 560048)),
    # Gnosis.
    (FeeCaps(200, 30), (100, 10200)),
    # BNB Smart Chain.
    (FeeCaps(50, 30), (56, 97)),
    # Polygon asks for at least 25 gwei as tip.
    (FeeCaps(3_000, 600), (137, 80002)),
    # Avalanche.
    (FeeCaps(500, 50), (43114, 43113)),
    # Celo asks for at least 25 gwei.
    (FeeCaps(1_000, 50), (42220,)),
    # Rollups: hundredths of a gwei as a rule.
    (
        FeeCaps(10, 5),
        (
            *(10, 8453, 7777777, 34443, 81457, 480, 1868, 252, 1135, 11155420, 84532),
            *(130, 57073, 1301, 763373, 42161, 42170, 421614, 59144, 59141, 324, 300),
            *(534352, 534351),
        ),
    ),
)
_OF_CHAIN = {chain: caps for caps, chains in _TABLE for chain in chains}


# Besides gas, transactions of these pay for their data on Ethereum: the OP Stack, and Scroll. The
# core's lint `no_l1_fee` has the same list.
_L1_FEE_CHAINS = frozenset(
    (
        *(10, 130, 252, 291, 480, 690, 1135, 1868, 8453, 34443, 57073, 81457, 84532),
        *(534351, 534352, 7777777, 11155420, 168587773),
    )
)
L1_FEE_ETHER = Decimal("0.001")


def l1_fee_max(chain_id: int) -> str | None:
    """The most that data may cost where it costs extra, as a policy writes it."""
    return f"{L1_FEE_ETHER} ether" if chain_id in _L1_FEE_CHAINS else None


def fees_a_day(chain_id: int) -> str:
    """The fees of a day, data included, in whole units of the chain's coin."""
    day = Decimal(fee_caps(chain_id).day)
    if chain_id in _L1_FEE_CHAINS:
        day += FEES_A_DAY * L1_FEE_ETHER
    return f"{day.normalize():f}"


def fee_caps(chain_id: int) -> FeeCaps:
    """What a new policy allows on this chain."""
    return _OF_CHAIN.get(chain_id, CAREFUL)
