"""Which fees a payment that is out needs now. No I/O and no clock."""

from __future__ import annotations

from dataclasses import dataclass

# Nodes take a replacement that pays a tenth more; an eighth is safe with all of them.
MORE, THAN = 9, 8
LEAST_MORE, LEAST_THAN = 11, 10


@dataclass(frozen=True, slots=True)
class Offer:
    """wei per gas; the tip is part of the fee."""

    fee: int
    tip: int


def higher(now: Offer, base: int, tip: int) -> Offer:
    """What takes the place of `now` and pays for twice the base fee of the chain."""
    new_tip = max(_eighth_more(now.tip), tip)
    return Offer(max(_eighth_more(now.fee), 2 * base + new_tip), new_tip)


def within(wanted: Offer, now: Offer, base: int, cap: Offer) -> Offer | None:
    """As much of `wanted` as the caps leave.

    None when that is no replacement for `now`, or still below the base fee.
    """
    tip = min(wanted.tip, cap.tip, cap.fee)
    fee = min(wanted.fee, cap.fee)
    if fee < base or not _is_more(fee, now.fee) or not _is_more(tip, now.tip):
        return None
    return Offer(fee, tip)


def _eighth_more(value: int) -> int:
    return -(-value * MORE // THAN)


def _is_more(new: int, old: int) -> bool:
    """As the core asks for it."""
    return new * LEAST_THAN >= old * LEAST_MORE and (new > old or old == 0)
