"""What a foreign document asks for, gathered field by field, and written as tables at its end.

Sources differ in their fields; what they say about payments has one shape: who may be paid, in
what, up to how much by which tier, and how much in which time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from holdfast.policies.head import Surroundings
from holdfast.policies.importing.draft import (
    APPROVAL,
    DENY,
    INSTANT,
    WINDOW_S_MAX,
    Draft,
    Tier,
    listed,
    seconds,
    stricter,
)
from holdfast.policies.importing.report import Report

COSTLY = ("transfer", "allowance", "swap", "deposit", "order", "debt")
# Up to and including how much, by which tier; None is without an end.
Steps = list[tuple[Decimal | None, Tier]]


@dataclass(frozen=True)
class Payee:
    """`cap` is the most of one payment to it, `tier` the least that is asked for."""

    label: str
    address: str
    cap: Decimal | None = None
    tier: Tier = INSTANT


@dataclass(frozen=True)
class Counted:
    """A limit: `max` of money, or a number of payments (`count`) or of `recipients`.

    `window_s` None is for good.
    """

    name: str
    max: Decimal
    window_s: int | None
    on_exceed: str = "deny"
    measure: str = "money"

    @property
    def window(self) -> str:
        return "lifetime" if self.window_s is None else seconds(self.window_s)


@dataclass
class Plan:
    """`payees` None is anyone. `asset` is the one that amounts are in; None measures in USD."""

    place: Surroundings
    report: Report
    draft: Draft
    assets: tuple[str, ...] = ()
    asset: str | None = None
    payees: list[Payee] | None = None
    blocked: list[tuple[str, str]] = field(default_factory=list)
    steps: list[Steps] = field(default_factory=list)
    cap: Decimal | None = None
    approval_above: Decimal | None = None
    approval_s: int | None = None
    floor: Tier = INSTANT
    open_floor: Tier = INSTANT
    unbounded: Tier = INSTANT
    counted: list[Counted] = field(default_factory=list)
    during: list[str] | None = None

    def at_least(self, tier: Tier, name: str, why: str) -> None:
        """Every payment waits at least for this, because of a field that cannot be said."""
        self.floor = stricter(self.floor, tier)
        self.report.stricter(name, f"{why}: every payment is at least `{tier.name}`")

    def open_at_least(self, tier: Tier, name: str, why: str) -> None:
        """The same for payments to anyone who is not named."""
        self.open_floor = stricter(self.open_floor, tier)
        text = f"{why}: a payment to anyone who is not named is at least `{tier.name}`"
        self.report.stricter(name, text)

    def unknown(self, name: str) -> None:
        """A field of no known meaning could be a restriction."""
        self.at_least(APPROVAL, name, "not a field this importer knows")

    def limit(self, counted: Counted, name: str) -> None:
        """A limit over a rolling window, if there is such a window here."""
        if not counted.max:
            self.floor = DENY
            self.report.kept(name, "nothing is allowed: no payment is granted")
            return
        if counted.window_s is not None and not 1 <= counted.window_s <= WINDOW_S_MAX:
            days = f"a window of {counted.window} is longer than 31 days"
            self.at_least(APPROVAL, name, days)
            return
        self.counted.append(counted)
        units = {"count": "payments", "recipients": "recipients"}
        unit = units.get(counted.measure, self.asset or "USD")
        span = "in all" if counted.window_s is None else f"in any {counted.window}"
        text = f"at most {counted.max} {unit} {span}"
        self.report.kept(name, f"{text}, else `{counted.on_exceed}`")

    def write(self) -> None:
        """Adds everything about payments to the draft."""
        if not self.assets or self.payees == []:
            self.floor = DENY
        self._check_bounds()
        self._check_prices()
        if self.blocked:
            self.draft.lists["blocked"] = self.blocked
            self.draft.add("forbid", "never-blocked", to=["@blocked"])
        for number, (payees, cap, tier) in enumerate(self._groups()):
            self._rules(number, payees, cap, tier)
        for counted in self.counted:
            self._limit(counted)

    def _check_bounds(self) -> None:
        """A document without any amount is no permission to pay all there is."""
        caps = [payee.cap for payee in self.payees or [] if payee.cap is not None]
        whole = bool(caps) and len(caps) == len(self.payees or [])
        counted = any(each.measure == "money" for each in self.counted)
        bounded = self.cap is not None or self.approval_above is not None or counted or whole
        if not bounded and not any(self.steps) and self.floor != DENY:
            self.unbounded = APPROVAL
            text = "the document bounds no amount: every payment is at least `approval`"
            self.report.stricter("no amount", text)

    def _check_prices(self) -> None:
        if self.asset:
            return
        prices = {token.id: token.price_usd for token in self.place.tokens}
        prices[self.place.coin] = self.place.coin_price_usd
        missing = [name for name in self.assets if prices.get(name) is None]
        used = self.cap or self.approval_above is not None or any(self.steps)
        used = used or any(each.measure == "money" for each in self.counted)
        if missing and used:
            text = f"{listed(missing)} without a pinned price: while it is unknown, `approval`"
            self.report.stricter("prices in USD", text)

    def _groups(self) -> Iterable[tuple[list[Payee] | None, Decimal | None, Tier]]:
        """Payees with the same cap and tier."""
        floor = stricter(self.floor, self.unbounded)
        if self.payees is None:
            yield None, self.cap, stricter(floor, self.open_floor)
            return
        groups: dict[tuple[Decimal | None, Tier], list[Payee]] = defaultdict(list)
        for payee in self.payees:
            caps = [cap for cap in (payee.cap, self.cap) if cap is not None]
            groups[min(caps, default=None), stricter(payee.tier, floor)].append(payee)
        for (cap, tier), payees in groups.items():
            yield payees, cap, tier

    def _rules(
        self, number: int, payees: list[Payee] | None, cap: Decimal | None, least: Tier
    ) -> None:
        to = None
        if payees is not None:
            name = f"payees-{number + 1}" if number else "payees"
            self.draft.lists[name] = [(payee.label, payee.address) for payee in payees]
            to = [f"@{name}"]
        if cap is not None and not cap:
            return
        measure = "amount" if self.asset else "usd"
        # A list of payees is written for its own rules; the numbers keep their ids apart.
        prefix = f"pay-{number + 1}" if number else "pay"
        for above, most, tier in self._intervals(cap, least):
            keys = {f"{measure}_above": above, f"{measure}_max": most}
            self.draft.rule(
                f"{prefix}-{tier.name}",
                tier,
                effects=["transfer"],
                assets=[self.asset] if self.asset else list(self.assets),
                to=to,
                during=self.during,
                **keys,
            )

    def _intervals(
        self, cap: Decimal | None, least: Tier
    ) -> list[tuple[Decimal | None, Decimal | None, Tier]]:
        """(above, up to and including, tier): neighbours of one tier are one."""
        ends = {upto for steps in self.steps for upto, _ in steps if upto is not None}
        ends |= {end for end in (cap, self.approval_above) if end is not None}
        bounds: list[Decimal | None] = [*sorted(ends), None]
        found: list[tuple[Decimal | None, Decimal | None, Tier]] = []
        above: Decimal | None = None
        for upto in bounds:
            if upto is not None and not upto:
                continue
            tier = self._tier(upto, cap, least)
            if found and found[-1][2] == tier:
                found[-1] = (found[-1][0], upto, tier)
            else:
                found.append((above, upto, tier))
            above = upto
        return found

    def _tier(self, upto: Decimal | None, cap: Decimal | None, least: Tier) -> Tier:
        """Of the amounts that end with `upto`, and with no threshold before it."""
        if cap is not None and (upto is None or upto > cap):
            return DENY
        tier = least
        for steps in self.steps:
            tier = stricter(tier, _step(steps, upto))
        start = self.approval_above
        if start is not None and (upto is None or upto > start):
            tier = stricter(tier, APPROVAL)
        return Tier("approval", self.approval_s) if tier == APPROVAL else tier

    def _limit(self, counted: Counted) -> None:
        measure: dict[str, Any]
        if counted.measure != "money":
            measure = {"measure": counted.measure}
            effects = ["transfer", "allowance", "swap", "deposit"]
        elif self.asset:
            measure, effects = {"measure": "amount", "assets": [self.asset]}, list(COSTLY)
        else:
            measure, effects = {"measure": "usd"}, list(COSTLY)
        self.draft.add(
            "limit",
            counted.name,
            per="agent",
            agents=[self.place.agent],
            effects=effects,
            **measure,
            max=counted.max if counted.measure == "money" else int(counted.max),
            window=counted.window,
            on_exceed=counted.on_exceed,
        )


def _step(steps: Steps, upto: Decimal | None) -> Tier:
    for end, tier in steps:
        if end is None or (upto is not None and upto <= end):
            return tier
    return DENY
