"""A request in one line: what leaves in all, and the worthiest party the policy does not name.

The core computes it (`summary` of a request view, docs/architecture.md, 7); here it becomes words,
the same for console, command line and alerts. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from holdfast.wording import MOVING, VERBS, amount, safe

Json = dict[str, Any]

AMOUNTS_MAX = 2
ADDRESS_CHARS_MAX = 80
# What a sum of amounts does not say.
GRAVE_KINDS = ("control", "call", "typed-data", "message", "deploy")
SPENDERS = frozenset({"allowance"})
PAYEES = frozenset({"transfer"})


@dataclass(frozen=True, slots=True)
class Party:
    """Who gets the most. `listed` is None where the policy was not asked; `usd` in micro-USD."""

    address: str
    label: str | None
    listed: bool | None
    kinds: tuple[str, ...]
    gets: tuple[str, ...]
    usd: int | None

    @classmethod
    def read(cls, data: Json) -> Party:
        label, listed = data.get("label"), data.get("listed")
        return cls(
            address=str(data.get("address", "")),
            label=safe(label, 64) if label else None,
            listed=listed if isinstance(listed, bool) else None,
            kinds=_words(data.get("kinds")),
            gets=_amounts(data.get("gets"), data.get("assets")),
            usd=_number(data.get("usd")),
        )

    @property
    def role(self) -> str:
        """What to call it: payee, spender, or the contract that is called."""
        if not self.kinds or set(self.kinds) & PAYEES:
            return "payee"
        return "spender" if set(self.kinds) <= SPENDERS else "contract"

    @property
    def standing(self) -> str:
        """What the policy says of it: its label, or that it is on no list."""
        if self.listed is None:
            return ""
        if not self.listed:
            return "on no list"
        return f"listed as {self.label}" if self.label else "listed"


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything a request can do, summed up."""

    totals: tuple[str, ...]
    kinds: tuple[str, ...]
    effects: int
    parties: int
    unlisted: int | None
    usd: int | None
    worthiest: Party | None
    # What the policy calls addresses that get something.
    labels: dict[str, str] = field(default_factory=dict)
    # Effects that were not kept: whom they pay, and how much, is in none of the members above.
    missing: int = 0

    @classmethod
    def read(cls, data: Json) -> Summary:
        """From the member `summary` of a request view."""
        worthiest = data.get("worthiest")
        return cls(
            totals=_amounts(data.get("total"), data.get("assets")),
            kinds=_words(data.get("kinds")),
            effects=_count(data.get("effects")),
            parties=_count(data.get("parties")),
            unlisted=_count(data.get("unlisted")),
            usd=_number(data.get("usd")),
            worthiest=Party.read(worthiest) if isinstance(worthiest, dict) else None,
            labels=_labels(data.get("labels")),
        )

    @classmethod
    def of(cls, data: Json, given: object) -> Summary:
        """The guardian's own summary, `given`, of a decision's record or view.

        Of a denied request the guardian keeps the first effects only, and a summary of those would
        say too little.
        """
        missing = left_out(data, "effects")
        if isinstance(given, dict) and (data.get("partial") or not missing):
            return cls.read(given)
        return cls.of_record(data, missing)

    @classmethod
    def of_record(cls, data: Json, left_out: int = 0) -> Summary:
        """From a decision's record alone, where the guardian's own summary is not to be had.

        With several parties none is named: which of them matters only the policy can say.
        `left_out` effects are not in the record.
        """
        effects = [row for row in once(data) if row.get("effect") != "fee"]
        sums: dict[tuple[object, ...], Json] = {}
        for row in effects:
            if row.get("effect") in MOVING and (row.get("unlimited") or row.get("amount") != "0"):
                asset = row.get("asset") or {}
                key = (asset.get("address"), asset.get("symbol"), row["effect"] == "debt")
                known = sums.setdefault(key, {**asset, "amount": "0", "unlimited": False})
                known["amount"] = _added(known["amount"], row.get("amount"))
                known["unlimited"] |= bool(row.get("unlimited"))
        kinds = tuple(dict.fromkeys(str(row.get("effect", "call")) for row in effects))
        # A doubted contract is taken for what it is known for, as in the core.
        getting = [row for row in effects if "doubted" not in row or row.get("effect") != "call"]
        parties = list(dict.fromkeys(row["to"] for row in getting if row.get("to") is not None))
        parties = [party for party in parties if party != data.get("wallet")]
        totals = _amounts(list(sums.values()), len(sums))
        only = None
        if len(parties) == 1 and not left_out:
            only = Party(str(parties[0]), None, None, kinds, totals, None)
        count = len(effects) + left_out
        return cls(totals, kinds, count, len(parties), None, None, only, missing=left_out)

    @property
    def verb(self) -> str:
        """`pay`, `let spend`; `at most` for several at once."""
        moving = [kind for kind in self.kinds if kind in MOVING] if self.totals else []
        if len(moving) > 1:
            return "at most"
        shown = moving or [kind for kind in GRAVE_KINDS if kind in self.kinds] or list(self.kinds)
        return VERBS.get(shown[0], safe(shown[0], 20)) if shown else ""

    @property
    def amounts(self) -> str:
        """`3.0023 ETH + 50 USDC + 1 more`; empty when nothing countable moves."""
        words = bounded(self.totals)
        return f"{words} + {self.missing:,} more effects".lstrip(" +") if self.missing else words

    @property
    def besides(self) -> list[str]:
        """Kinds that the amounts say nothing of, gravest first."""
        return [kind for kind in GRAVE_KINDS if kind in self.kinds] if self.totals else []

    def line(self, address: Callable[[str], str] | None = None, amount: str = "") -> str:
        """`3.0023 ETH → 0xeE5e00…00BeeF +13 more`, for lists.

        `address` shortens, `amount` is what is said where nothing countable moves.
        """
        paying = self.totals and self.verb == VERBS["transfer"]
        words = ["" if paying else self.verb, self.amounts or amount]
        words += [f"+{kind}" for kind in self.besides]
        if self.worthiest is not None:
            to = safe(self.worthiest.address, ADDRESS_CHARS_MAX)
            words += ["→", address(to) if address else to, self.label_of(to)]
            others = self.parties - 1
            words.append(f"+{others} more" if others > 0 else "")
        elif self.parties:
            words.append(f"→ {self._count}")
        elif "deploy" in self.kinds:
            words.append("→ new contract")
        return " ".join(word for word in words if word)

    def label_of(self, address: str) -> str:
        """`(Acme)`: what the policy calls the address; empty without a label."""
        label = self.labels.get(address)
        return f"({label})" if label else ""

    @property
    def _count(self) -> str:
        if self.missing:
            return f"{self.parties} or more parties"
        return "1 party" if self.parties == 1 else f"{self.parties} parties"

    @property
    def to_whom(self) -> str:
        """`to 14 parties, 13 of them on no list`; empty for no party."""
        if self.parties == 0:
            return ""
        words = f"to {self._count}"
        if not self.unlisted:
            return words
        if self.unlisted == self.parties:
            return f"{words}, on no list"
        return f"{words}, {self.unlisted} of them on no list"


def bounded(amounts: tuple[str, ...]) -> str:
    """The first amounts, and how many more there are."""
    shown = " + ".join(amounts[:AMOUNTS_MAX])
    more = len(amounts) - AMOUNTS_MAX
    return f"{shown} + {more} more" if more > 0 else shown


def left_out(data: Json, name: str) -> int:
    """How many effects, lines, reasons, warnings or bytes a record or a view does not have."""
    counts = data.get("left_out")
    return _count(counts.get(name)) if isinstance(counts, dict) else 0


def once(data: Json) -> list[Json]:
    """The effects of a decision with every payment in them once.

    Of what is `doubted`, the part that no other effect stands for.
    """
    given = data.get("effects")
    rows = [row for row in given if isinstance(row, dict)] if isinstance(given, list) else []
    return [_kept(row) for row in rows if not _is_all_doubted(row)]


def _is_all_doubted(row: Json) -> bool:
    both = _number(row.get("doubted"))
    return bool(both) and both == _number(row.get("amount"))


def _kept(row: Json) -> Json:
    both, amount = _number(row.get("doubted")), _number(row.get("amount"))
    return {**row, "amount": str(max(0, amount - both))} if both and amount else row


def _amounts(rows: object, count: object) -> tuple[str, ...]:
    """Each sum in words; those that were left out have places of their own, so they are counted."""
    found = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    words = tuple(_amount(row) for row in found)
    missing = max(0, _count(count) - len(words))
    return (*words, *("another asset" for _ in range(min(missing, 10_000))))


def _amount(row: Json) -> str:
    decimals, symbol = row.get("decimals"), row.get("symbol")
    if decimals is None and symbol is None:
        # A coin that is not registered has neither.
        decimals, symbol = 0, "wei"
    text = amount(
        row.get("amount"),
        decimals if isinstance(decimals, int) else None,
        symbol,
        unlimited=bool(row.get("unlimited")),
        standard=row.get("standard"),
    )
    return f"owe {text}" if row.get("owed") else text


def _added(one: str, other: object) -> str:
    words = str(other or "0")
    both = one.isascii() and one.isdigit() and words.isascii() and words.isdigit()
    return str(int(one) + int(words)) if both else f"{one} + {words}"


def _labels(value: object) -> dict[str, str]:
    rows = value if isinstance(value, dict) else {}
    return {str(address): safe(label, 64) for address, label in rows.items() if label}


def _words(value: object) -> tuple[str, ...]:
    return tuple(str(each) for each in value) if isinstance(value, list) else ()


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else None
