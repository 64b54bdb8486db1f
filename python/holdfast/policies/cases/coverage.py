"""Which rules, forbids, reviews and limits the decisions of cases name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from holdfast.codes import Code
from holdfast.policies.declared import Declared

# Ids are unique only among tables of one kind; these codes say which kind they name.
_OF_FORBIDS = {str(Code.FORBIDDEN)}
_OF_LIMITS = {str(Code.LIMIT_EXCEEDED), str(Code.LIMIT_NOTICE), str(Code.AMOUNT_OVERFLOW)}
_OF_REVIEWS = {str(Code.REVIEW)}
# A price can be missing to each kind.
_OF_ANY = {str(Code.PRICE_UNKNOWN)}


@dataclass(frozen=True)
class Coverage:
    """Tables that no decision named, as (`rule`, id); `total` is how many there are."""

    missed: tuple[tuple[str, str], ...]
    total: int

    @property
    def percent(self) -> int:
        """Rounded down; 100 only when all are reached."""
        return 100 if not self.total else (self.total - len(self.missed)) * 100 // self.total


def coverage(declared: Declared, decisions: Iterable[dict[str, Any]]) -> Coverage:
    """Of all that was decided."""
    tables = [
        *(("rule", each) for each in declared.rules),
        *(("forbid", each) for each in declared.forbids),
        *(("review", each) for each in declared.reviews),
        *(("limit", each) for each in declared.limits),
    ]
    reached = {
        (kind, str(reason["rule"]))
        for result in decisions
        for reason in result.get("reasons", [])
        if reason.get("rule")
        for kind in _kinds(str(reason["code"]))
    }
    return Coverage(tuple(each for each in tables if each not in reached), len(tables))


def _kinds(code: str) -> tuple[str, ...]:
    if code in _OF_ANY:
        return ("rule", "forbid", "review", "limit")
    if code in _OF_FORBIDS:
        return ("forbid",)
    if code in _OF_REVIEWS:
        return ("review",)
    return ("limit",) if code in _OF_LIMITS else ("rule",)
