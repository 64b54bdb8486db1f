"""Fees per gas as people write them. Pure."""

from __future__ import annotations

import re

from holdfast.operator import format as fmt

_WRITTEN = re.compile(r"\s*([0-9]{1,20})(?:\.([0-9]{1,9}))?\s*(gwei|wei)\s*")
DECIMALS = {"gwei": 9, "wei": 0}


def wei_of(written: str) -> int:
    """`30 gwei`, `1.5 gwei`, `7 wei`, as wei. Raises ValueError in words."""
    match = _WRITTEN.fullmatch(written)
    if match is None:
        raise ValueError(f"`{fmt.safe(written, 60)}` is not a fee: write it as `30 gwei`")
    whole, part, unit = match[1], match[2] or "", match[3]
    decimals = DECIMALS[unit]
    if len(part) > decimals:
        raise ValueError(f"`{fmt.safe(written, 60)}` has a part of a wei")
    return int(whole + part.ljust(decimals, "0"))


def gwei(wei: int) -> str:
    """Exactly: `30 gwei`, `1.50 gwei`."""
    return f"{fmt.decimal(wei, 9)} gwei"
