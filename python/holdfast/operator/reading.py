"""A request put in order for a person. Pure.

What can leave, summed by asset and party, and the lines of inner calls as groups.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from holdfast.codes import Code, WarningCode
from holdfast.operator import format as fmt
from holdfast.operator.request import Effect, Json, Request
from holdfast.wording import LEAVING, grave_first

CALL = re.compile(r"(\d{1,6}) of (\d{1,6})")
# Lines about a request as a whole, which come after the lines of its parts.
OF_THE_WHOLE = frozenset(
    {
        "To be used until",
        "Primary type",
        "Domain (claimed)",
        "Chain",
        "Contract (claimed)",
        "Max fee",
    }
)
DEPTH_MAX = 6
# The core has bounded its lines and said what is missing: they are never cut again.
LABEL_CHARS_MAX = 4_096
VALUE_CHARS_MAX = 65_536
RETURNED = frozenset({"swap", "order", "deposit"})
SAY_OPAQUE = frozenset({Code.OPAQUE, WarningCode.UNKNOWN_CONTRACT, WarningCode.UNKNOWN_CALL})


@dataclass(slots=True)
class Sum:
    """Everything of one asset that can leave, or be owed, in the worst case."""

    parts: list[Effect] = field(default_factory=list)

    @property
    def first(self) -> Effect:
        return self.parts[0]

    @property
    def unlimited(self) -> bool:
        return any(part.unlimited for part in self.parts)

    @property
    def amount_text(self) -> str:
        """`1,050 USDC`; the sum of what has a limit is not said where something has none."""
        amounts = [part.amount or "0" for part in self.parts]
        if not all(amount.isascii() and amount.isdigit() for amount in amounts):
            return " + ".join(part.amount_text for part in self.parts)
        total = str(sum(map(int, amounts)))
        return self.first.amount_of(total, unlimited=self.unlimited)


def leaving(request: Request) -> list[Sum]:
    """What can leave the wallet, one sum an asset; what has no limit first."""
    effects = [effect for effect in request.counted if effect.kind in LEAVING and effect.moves]
    return _sums(sorted(effects, key=lambda effect: not effect.unlimited))


def owing(request: Request) -> list[Sum]:
    """What the wallet can owe afterwards."""
    return _sums(effect for effect in request.counted if effect.kind == "debt" and effect.moves)


def besides(request: Request) -> list[Effect]:
    """Every other effect; who is in charge first, the fee last."""
    rank = {"control": 0, "fee": 2}
    others = [effect for effect in request.counted if not effect.moves]
    return sorted(others, key=lambda effect: rank.get(effect.kind, 1))


def returning(request: Request) -> list[str]:
    """What surely comes back for what is swapped or offered, in words."""
    if not any(effect.kind in RETURNED for effect in request.effects):
        return []
    rows = request.rows("display")
    return [fmt.safe(row.get("value"), 80) for row in rows if row.get("label") == "Get at least"]


def action(request: Request) -> str | None:
    """What the request as a whole is, in words, if the core says it."""
    rows = request.rows("display")
    if not rows or rows[0].get("label") != "Action":
        return None
    return fmt.safe(rows[0].get("value"), 80)


def parties(sums: list[Sum], first: str | None = None) -> list[str]:
    """Everybody who can get something, each once; `first` before the others."""
    found = dict.fromkeys(part.to for each in sums for part in each.parts if part.to)
    return [first, *(each for each in found if each != first)] if first else list(found)


def counted(request: Request) -> str:
    """How much there is of it, shown or not: `15 effects, 43 lines, 1 warning`."""
    parts = (
        (len(request.effects) + request.left_out("effects"), "effect"),
        (len(request.rows("display")) + request.left_out("display"), "line"),
        (len(warned(request)) + request.left_out("warnings"), "warning"),
    )
    return ", ".join(f"{count:,} {what}{'' if count == 1 else 's'}" for count, what in parts)


def warned(request: Request) -> list[Json]:
    """Every warning, the gravest first; that it is opaque is said in any case."""
    warnings = request.warnings
    if request.opaque and not any(each.get("code") in SAY_OPAQUE for each in warnings):
        text = "it cannot be decoded fully: it may do more"
        warnings = [*warnings, {"code": Code.OPAQUE, "text": text}]
    return grave_first(warnings)


def _sums(effects: Iterable[Effect]) -> list[Sum]:
    sums: dict[object, Sum] = {}
    for effect in effects:
        sums.setdefault(effect.asset_key, Sum()).parts.append(effect)
    return list(sums.values())


@dataclass(frozen=True, slots=True)
class Line:
    """A line of words at a depth of calls inside of calls; a heading has no value."""

    depth: int
    label: str
    value: str
    heading: bool = False


def in_words(rows: list[Json], label_of: Callable[[str], str] = lambda _: "") -> list[Line]:
    """Display rows with a heading above every inner call.

    Also above every part of a document with several. Rows come flat: `Call`, `2 of 3` begins a
    call. `label_of` gives what the policy calls an address.
    """
    lines: list[Line] = []
    group: list[tuple[str, str]] = []
    opened: list[tuple[int, int]] = []
    for row in rows:
        label = fmt.safe(row.get("label"), LABEL_CHARS_MAX)
        value = fmt.safe(row.get("value"), VALUE_CHARS_MAX)
        place = _place(label, value)
        if place is None:
            group.append((label, f"{value} {label_of(value)}".rstrip()))
            continue
        lines += _parts(group, len(opened))
        group = []
        number, count = place
        # A first call is one level further in; a later one follows its sister.
        while number > 1 and opened and opened[-1] != (number - 1, count):
            opened.pop()
        opened = [*opened, place] if number == 1 else [*opened[:-1], place]
        lines.append(Line(_depth(len(opened) - 1), f"Call {number} of {count}", "", heading=True))
    return lines + _parts(group, len(opened))


def _place(label: str, value: str) -> tuple[int, int] | None:
    found = CALL.fullmatch(value) if label == "Call" else None
    return None if found is None else (int(found[1]), int(found[2]))


def _parts(group: list[tuple[str, str]], depth: int) -> list[Line]:
    """The lines of one call. Where several things are done, each begins with its action."""
    count = sum(1 for label, _ in group if label == "Action")
    number = 0
    lines = []
    for label, value in group:
        if label == "Action" and count > 1:
            number += 1
            heading = f"Part {number} of {count}"
            lines.append(Line(_depth(depth), heading, "", heading=True))
        inside = number > 0 and label not in OF_THE_WHOLE
        lines.append(Line(_depth(depth + inside), label, value))
    return lines


def _depth(depth: int) -> int:
    return min(depth, DEPTH_MAX)
