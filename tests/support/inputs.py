"""What a chain is asked about, without a guardian."""

from dataclasses import dataclass

GWEI = 10**9


@dataclass(frozen=True)
class Inputs:
    """`TransactionInputs` of a chain."""

    wallet: str
    to: str | None
    value: int = 0
    data: str = "0x"
    gas: int | None = None
    chain_id: int = 31337
    gas_max: int = 500_000
    fee_per_gas_max: int = 100 * GWEI
    priority_fee_per_gas_max: int = 2 * GWEI
    l1_fee_max: int = 0
