"""A policy while it is written: tables as values, and the TOML they become."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from holdfast.policies.head import Surroundings, fee_limit, head, quoted

TIERS = ("instant", "notify", "delay", "approval", "deny")
# What the core takes as the delay of a rule.
DELAY_S_MIN, DELAY_S_MAX = 180, 86_400
TIMEOUT_S_MAX = 7 * 86_400
# The longest rolling window.
WINDOW_S_MAX = 31 * 86_400
_NOT_ID = re.compile(r"[^a-z0-9]+")


class Number(str):
    """Written without quotes."""

    __slots__ = ()


@dataclass(frozen=True)
class Tier:
    """How something is granted; `seconds` is the delay, or the timeout of an approval."""

    name: str
    seconds: int | None = None

    @property
    def rank(self) -> tuple[int, int]:
        """Stricter ones are larger: a longer delay, a shorter timeout."""
        seconds = self.seconds or (1_800 if self.name == "approval" else 0)
        return TIERS.index(self.name), -seconds if self.name == "approval" else seconds


INSTANT, NOTIFY, APPROVAL, DENY = Tier("instant"), Tier("notify"), Tier("approval"), Tier("deny")


def stricter(one: Tier, other: Tier) -> Tier:
    return max(one, other, key=lambda tier: tier.rank)


@dataclass(frozen=True)
class Row:
    """One table: its kind, and its keys in order."""

    kind: str
    id: str
    keys: dict[str, Any]


@dataclass
class Draft:
    """Rules, forbids and limits in order, and the lists they name."""

    name: str
    place: Surroundings
    cooldown_s: int | None = None
    rows: list[Row] = field(default_factory=list)
    lists: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def add(self, kind: str, ident: str, **keys: Any) -> None:
        """A table; keys with None are left out; an empty list is an error of the core."""
        taken = {row.id for row in self.rows if row.kind == kind}
        unique, number = slug(ident), 2
        while unique in taken:
            unique, number = f"{slug(ident)}-{number}", number + 1
        held = {key: value for key, value in keys.items() if value is not None}
        self.rows.append(Row(kind, unique, held))

    def rule(self, ident: str, tier: Tier, **keys: Any) -> None:
        """A rule for the agent; nothing for what is denied."""
        if tier.name == "deny":
            return
        more: dict[str, Any] = {"tier": tier.name}
        if tier.name == "delay":
            more["delay"] = seconds(tier.seconds or DELAY_S_MIN)
        if tier.name == "approval" and tier.seconds:
            more["timeout"] = seconds(min(tier.seconds, TIMEOUT_S_MAX))
        self.add("rule", ident, agents=[self.place.agent], **keys, **more)

    def _head(self) -> str:
        cooldown = None if self.cooldown_s is None else seconds(self.cooldown_s)
        return head(self.name, self.place, cooldown)

    def text(self, comment: str) -> str:
        """The TOML of the whole policy, below a comment."""
        parts = ["".join(f"# {line}\n" for line in comment.splitlines()) + self._head()]
        for name, entries in self.lists.items():
            lines = [f'[[list]]\nid = "{name}"\n']
            lines += [
                f'[[list.entry]]\naddress = "{address}"\n'
                + (f"label = {quoted(label[:64])}\n" if label else "")
                for label, address in entries
            ]
            parts.append("".join(lines))
        parts += [_table(row) for row in self.rows]
        parts.append(fee_limit(self.place))
        return "\n".join(parts)


def _table(row: Row) -> str:
    lines = [f"[[{row.kind}]]", f'id = "{row.id}"']
    lines += [f"{key} = {_value(value)}" for key, value in row.keys.items()]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return json.dumps(list(value))
    if isinstance(value, Number):
        return value
    if isinstance(value, Decimal):
        return f'"{plain(value)}"'
    return quoted(value) if isinstance(value, str) else str(value)


def plain(value: Decimal) -> str:
    """Without an exponent or zeros at the end."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def units(base: int, decimals: int) -> Decimal:
    """Base units in whole ones, exactly: arithmetic would round after 28 digits."""
    return Decimal(f"{base}E-{decimals}")


def slug(text: str) -> str:
    """An id from any text."""
    return _NOT_ID.sub("-", text.lower()).strip("-")[:48].rstrip("-") or "x"


def seconds(value: int) -> str:
    """A duration as a policy writes it."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if value % size == 0:
            return f"{value // size}{unit}"
    return f"{value}s"


def listed(names: Iterable[str]) -> str:
    """`a`, `b` for a report."""
    return ", ".join(f"`{name}`" for name in names)
