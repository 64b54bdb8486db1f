"""The typed check before a large approval: four characters from the middle of an address.

A poisoned address has the same first and last characters as the one that is meant, which is all
that most people and screens compare. Its middle costs an attacker as much as any other address.
"""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.operator import format as fmt
from holdfast.operator.request import Request

GAP_CHARS = 4
# An address is shown whole around its gap; of a digest this much on each side.
BESIDE_MAX = 18
END_CHARS = 6
HEX = frozenset("0123456789abcdefABCDEF")


@dataclass(frozen=True, slots=True)
class Gap:
    """What is typed to approve. `name` is what the value is: payee, spender, contract, digest."""

    name: str
    value: str

    @classmethod
    def of(cls, request: Request) -> Gap:
        """Of the worthiest party that is on no list, or of the digest where no party is named."""
        party = request.sums.worthiest
        if party is not None and party.address:
            return cls(party.role, party.address)
        return cls("digest", request.digest)

    @property
    def missing(self) -> str:
        """The four characters."""
        start = self._start
        return self.value[start : start + GAP_CHARS]

    def fits(self, typed: str) -> bool:
        """Whether these are the characters; case does not matter."""
        return len(typed) == GAP_CHARS and typed.lower() == self.missing.lower()

    def text(self, typed: str = "") -> str:
        """`0x70997970C51812dc3A ____ 7d01b50e0d17dc79C8`, with what is typed so far in the gap."""
        start = self._start
        before, after = self.value[:start], self.value[start + GAP_CHARS :]
        if len(after) > BESIDE_MAX:
            before = f"{before[:END_CHARS]}…{before[-END_CHARS:]}"
            after = f"{after[:END_CHARS]}…{after[-END_CHARS:]}"
        shown = fmt.safe(typed, GAP_CHARS).ljust(GAP_CHARS, "_")
        return f"{fmt.safe(before, 24)} {shown} {fmt.safe(after, 24)}"

    @property
    def _start(self) -> int:
        return len(self.value) // 2 - 1
