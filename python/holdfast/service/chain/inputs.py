"""What of a transaction a chain is asked about, and what it says."""

from dataclasses import dataclass
from typing import Protocol


class TransactionInputs(Protocol):
    """`holdfast._core.OrderInputs`: addresses are checksummed, amounts wei."""

    @property
    def wallet(self) -> str:
        """Who pays."""

    @property
    def chain_id(self) -> int:
        """EIP-155."""

    @property
    def to(self) -> str | None:
        """None creates a contract."""

    @property
    def value(self) -> int:
        """What it carries."""

    @property
    def data(self) -> str:
        """`0x` and hex."""

    @property
    def gas(self) -> int | None:
        """What the agent asked for."""

    @property
    def gas_max(self) -> int:
        """The most that may be signed."""

    @property
    def fee_per_gas_max(self) -> int:
        """The most that may be signed."""

    @property
    def priority_fee_per_gas_max(self) -> int:
        """The most that may be signed."""

    @property
    def l1_fee_max(self) -> int:
        """The most for data on another chain; 0 where there is no such fee."""


@dataclass(frozen=True, slots=True)
class TransactionFacts:
    """The numbers of `holdfast._core.AuthoriseFacts`; fees in wei."""

    gas: int
    max_fee_per_gas: int
    max_priority_fee_per_gas: int
    chain_nonce: int
    nonce_proved: bool
    l1_fee: int | None
