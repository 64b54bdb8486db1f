"""What a policy of a first-match list is about, and what is left of it behind earlier ones.

Holdfast looks at every rule and takes the strictest. Where each rule is only about what no
earlier one matches, both ways of reading come to the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

# What a transaction can be there, with its effect here.
EFFECTS = {
    "transfer": "transfer",
    "approve": "allowance",
    "swap": "swap",
    "deposit": "deposit",
    "contract_call": "call",
}
ALL = frozenset(EFFECTS)
SMALLEST = Decimal("0.000001")


@dataclass(frozen=True)
class Box:
    """Kinds, recipients (`to` None is all but `not_to`), and USD above / up to and including."""

    kinds: frozenset[str] = ALL
    to: frozenset[str] | None = None
    not_to: frozenset[str] = frozenset()
    above: Decimal | None = None
    most: Decimal | None = None

    @property
    def empty(self) -> bool:
        if not self.kinds or self.to == frozenset():
            return True
        return self.most is not None and self.above is not None and self.most <= self.above


def beyond(box: Box, earlier: Iterable[Box]) -> list[Box]:
    """The parts of `box` that none of `earlier` matches; no two of them overlap."""
    parts = list(_kept(box))
    for other in earlier:
        parts = [part for each in parts for part in _without(each, other)]
    return parts


def _without(box: Box, other: Box) -> Iterator[Box]:
    """Cuts off side by side what is outside of `other`; what remains is inside, and goes."""
    yield from _kept(replace(box, kinds=box.kinds - other.kinds))
    inside = replace(box, kinds=box.kinds & other.kinds)
    if other.to is not None:
        yield from _kept(_not_to(inside, other.to))
        inside = _only_to(inside, other.to)
    if other.not_to:
        yield from _kept(_only_to(inside, other.not_to))
        inside = _not_to(inside, other.not_to)
    if other.above is not None:
        low = other.above if inside.most is None else min(inside.most, other.above)
        yield from _kept(replace(inside, most=low))
        start = other.above if inside.above is None else max(inside.above, other.above)
        inside = replace(inside, above=start)
    if other.most is not None:
        start = other.most if inside.above is None else max(inside.above, other.most)
        yield from _kept(replace(inside, above=start))


def _kept(box: Box) -> Iterator[Box]:
    if not box.empty:
        yield box


def _not_to(box: Box, addresses: frozenset[str]) -> Box:
    if box.to is not None:
        return replace(box, to=box.to - addresses)
    return replace(box, not_to=box.not_to | addresses)


def _only_to(box: Box, addresses: frozenset[str]) -> Box:
    if box.to is not None:
        return replace(box, to=box.to & addresses)
    return replace(box, to=addresses - box.not_to, not_to=frozenset())
