"""One request as the operator socket shows it.

Typed reading of a JSON object that is never trusted to be whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from holdfast.codes import WarningCode
from holdfast.operator import format as fmt
from holdfast.operator.states import DECIDABLE, ENDS, PENDING, Mark, state_mark
from holdfast.summary import Summary, left_out, once
from holdfast.wording import LEAVING, MOVING, OPAQUE, UNMEASURED, VERBS

Json = dict[str, Any]

# What a view may leave out of a large request, by its name in `left_out`.
LEFT_OUT = {
    "request": "bytes of the request",
    "effects": "effects",
    "display": "lines",
    "warnings": "warnings",
    "reasons": "reasons",
}


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing a request can do in the worst case. `amount` in base units."""

    kind: str
    amount: str | None
    symbol: str | None
    decimals: int | None
    asset_address: str | None
    standard: str | None
    source: str | None
    to: str | None
    unlimited: bool
    expires: int | None
    path: str
    function: str | None = None

    @classmethod
    def read(cls, data: Json) -> Effect:
        asset = data.get("asset") or {}
        decimals = asset.get("decimals")
        expires, path = data.get("expires"), data.get("path")
        return cls(
            kind=str(data.get("effect", "call")),
            amount=None if data.get("amount") is None else str(data["amount"]),
            symbol=asset.get("symbol"),
            decimals=decimals if isinstance(decimals, int) else None,
            asset_address=asset.get("address"),
            standard=asset.get("standard"),
            source=data.get("from"),
            to=data.get("to"),
            unlimited=bool(data.get("unlimited")),
            expires=expires if isinstance(expires, int) else None,
            path=".".join(map(str, path)) if isinstance(path, list) else str(path or ""),
            function=data.get("function"),
        )

    @property
    def verb(self) -> str:
        return VERBS.get(self.kind, fmt.safe(self.kind, 20))

    @property
    def opaque(self) -> bool:
        """Whether its effects are unknown; for a function the operator vouches."""
        return self.kind in OPAQUE and self.function is None

    @property
    def moves(self) -> bool:
        """Whether it can take anything countable away, or make the wallet owe it."""
        return self.kind in MOVING and (self.unlimited or self.amount not in {None, "0"})

    @property
    def amount_text(self) -> str:
        """`250 USDC`; empty when this effect moves nothing countable."""
        if self.kind in UNMEASURED and self.amount in {None, "0"}:
            return ""
        if self.amount is None and not self.unlimited:
            return ""
        if self.kind == "revoke" and self.amount == "0":
            return f"all {fmt.safe(self.symbol, 24)}" if self.symbol else "all"
        return self.amount_of(self.amount, unlimited=self.unlimited)

    def amount_of(self, amount: str | None, *, unlimited: bool) -> str:
        """An amount of this effect's asset in words."""
        return fmt.amount(
            amount, self.decimals, self.symbol, unlimited=unlimited, standard=self.standard
        )

    @property
    def asset_key(self) -> tuple[object, ...]:
        """What makes two effects be about the same asset: never its symbol alone."""
        return (self.asset_address, self.symbol, self.decimals)


@dataclass(frozen=True, slots=True)
class Request:
    """A request view: what `request.decided` said, and what happened since."""

    raw: Json
    effects: tuple[Effect, ...] = field(default=())
    _memo: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def read(cls, raw: Json) -> Request:
        effects = raw.get("effects")
        rows = effects if isinstance(effects, list) else []
        return cls(raw, tuple(Effect.read(item) for item in rows if isinstance(item, dict)))

    @property
    def counted(self) -> tuple[Effect, ...]:
        """The effects with every payment once: what sums are made of."""
        known: tuple[Effect, ...] | None = self._memo.get("counted")
        if known is None:
            known = self._memo["counted"] = tuple(Effect.read(row) for row in once(self.raw))
        return known

    def changed(self, **members: Any) -> Request:
        """A copy with members replaced; the effects are the decision's and stay."""
        return Request({**self.raw, **members}, self.effects, self._memo)

    def text(self, name: str) -> str:
        value = self.raw.get(name)
        return "" if value is None else fmt.safe(value)

    def rows(self, name: str) -> list[Json]:
        """A member that is a list of objects; anything else is no rows."""
        value = self.raw.get(name)
        return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []

    @property
    def id(self) -> str:
        return str(self.raw.get("id", ""))

    @property
    def agent(self) -> str:
        return str(self.raw.get("agent", ""))

    @property
    def wallet(self) -> str:
        return str(self.raw.get("wallet", ""))

    @property
    def digest(self) -> str:
        return str(self.raw.get("digest", ""))

    @property
    def state(self) -> str:
        return str(self.raw.get("state", ""))

    @property
    def mark(self) -> Mark:
        return state_mark(self.state)

    @property
    def ended(self) -> bool:
        return self.state in ENDS

    @property
    def pending(self) -> bool:
        return self.state in PENDING

    @property
    def decidable(self) -> bool:
        """An operator's answer is wanted: waiting for approval, or held."""
        return self.state in DECIDABLE

    @property
    def partial(self) -> bool:
        """Whether this is only the beginning of a large request: `request` gives the whole."""
        return bool(self.raw.get("partial"))

    def left_out(self, name: str) -> int:
        """How many effects, lines, reasons, warnings or bytes are not here."""
        return left_out(self.raw, name)

    @property
    def deadline(self) -> int | None:
        """ms when, without an answer, it ends (approval) or starts (delay)."""
        name = "matures_at" if self.state == "waiting-delay" else "expires_at"
        value = self.raw.get(name)
        return value if isinstance(value, int) else None

    @property
    def approvals(self) -> int:
        value = self.raw.get("approvals", 0)
        if isinstance(value, list):
            return len(value)
        return value if isinstance(value, int) else 0

    @property
    def quorum(self) -> int:
        verdict = self.raw.get("verdict")
        wanted = self.raw.get("quorum")
        if wanted is None and isinstance(verdict, dict):
            wanted = verdict.get("quorum")
        return wanted if isinstance(wanted, int) and wanted > 0 else 1

    @property
    def main_effect(self) -> Effect | None:
        """The effect that is shown first.

        What moves money (without a limit before with one), else who is in charge, else the first
        effect that is no fee.
        """
        moving = [effect for effect in self.counted if effect.moves]
        moving.sort(key=lambda effect: (effect.kind not in LEAVING, not effect.unlimited))
        control = [effect for effect in self.counted if effect.kind == "control"]
        others = [effect for effect in self.counted if effect.kind != "fee"]
        return next(iter(moving or control or others or self.counted), None)

    @property
    def changes_control(self) -> bool:
        """Whether it changes who owns, governs or upgrades something."""
        return any(effect.kind == "control" for effect in self.effects)

    @property
    def claim(self) -> list[Json]:
        """What a descriptor claims about it, for display only."""
        return self._claimed("display")

    @property
    def warnings(self) -> list[Json]:
        """What is not here, the decision's warnings, then those about what a descriptor says."""
        missing = [f"{self.left_out(name):,} {words}" for name, words in LEFT_OUT.items()]
        missing = [words for words in missing if not words.startswith("0 ")]
        head = []
        if missing:
            what = "is shown here" if self.partial else "was kept, since it was denied"
            text = f"only the beginning {what}: {', '.join(missing)} are left out"
            head = [{"code": "not_whole", "text": text}]
        return head + self.rows("warnings") + self._claimed("warnings")

    def _claimed(self, name: str) -> list[Json]:
        claim = self.raw.get("descriptor")
        rows = claim.get(name) if isinstance(claim, dict) else None
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []

    @property
    def opaque(self) -> bool:
        return any(effect.opaque for effect in self.effects)

    @property
    def usd(self) -> int | None:
        """Micro-USD of all it can move except the fee.

        None when any part is unknown or unlimited.
        """
        if isinstance(self.raw.get("summary"), dict):
            return self.sums.usd
        if self.opaque or any(effect.unlimited for effect in self.effects):
            return None
        if "usd" not in self.raw:
            return self._usd_of_spends()
        return _micro_usd(self.raw["usd"])

    def _usd_of_spends(self) -> int | None:
        """A decision's event carries the price of each entry of the ledger instead of the sum."""
        spends = self.raw.get("spends")
        items = spends.get("items") if isinstance(spends, dict) else None
        if not isinstance(items, list):
            return None
        prices = [_micro_usd(item.get("usd")) for item in items if item.get("kind") != "fee"]
        known = [price for price in prices if price is not None]
        return sum(known) if known and len(known) == len(prices) else None

    @property
    def sums(self) -> Summary:
        """What leaves in all, and the worthiest party, from the guardian or the record alone."""
        known: Summary | None = self._memo.get("sums")
        if known is None:
            known = self._memo["sums"] = Summary.of(self.raw, self.raw.get("summary"))
        return known

    @property
    def summary(self) -> str:
        """One line for lists: what leaves in all, to whom most (short), to how many more."""
        return self._line("summary", fmt.address_short)

    @property
    def summary_whole(self) -> str:
        """The same line with the address in full."""
        return self._line("summary_whole", None)

    @property
    def summary_least(self) -> str:
        """The same line with the end of the address alone."""
        return self._line("summary_least", fmt.address_end)

    def _line(self, name: str, address: Callable[[str], str] | None) -> str:
        known: str | None = self._memo.get(name)
        if known is None:
            main = self.main_effect
            line = self.sums.line(address, main.amount_text) if main is not None else ""
            known = self._memo[name] = line or fmt.safe(self.raw.get("method", "request"), 40)
        return known

    @property
    def hides(self) -> bool:
        """Whether its lines do not show all of it: then all of it must be read first."""
        return any(each.get("code") == WarningCode.NOT_SHOWN for each in self.rows("warnings"))


def _micro_usd(value: object) -> int | None:
    """Micro-USD from a decimal string or an integer; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else None
