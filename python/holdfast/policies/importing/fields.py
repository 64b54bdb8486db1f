"""A table of a source's fields: one row a field, with what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.policies.importing.plan import Plan

# What a field does to the plan: its value, and its name for the report.
Apply = Callable[[Plan, Any, str], None]


@dataclass(frozen=True)
class Field:
    """`names` are all its spellings; `becomes` says in words what it is in a policy here."""

    names: tuple[str, ...]
    becomes: str
    apply: Apply


def apply_all(fields: Sequence[Field], plan: Plan, values: dict[str, Any], prefix: str) -> None:
    """Every field of an object, in the order of the table: later rows may rely on earlier ones."""
    left = dict(values)
    for row in fields:
        for name in row.names:
            if name in left:
                row.apply(plan, left.pop(name), prefix + name)
    for name in left:
        plan.unknown(prefix + name)


def label(plan: Plan, value: Any, name: str) -> None:
    """For names and ids of the document itself, which decide nothing."""
    plan.report.kept(name, f"a name of the document: `{str(value)[:64]}`")
