"""The policy language a second time, from docs/policy alone: slow, plain, without indexes.

Nothing here is shared with the core or the service. Where the two differ, one of them is wrong or
the page is unclear.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.naive.effects import Ask, Effect, Refused, read
from tests.naive.limits import Spent, Windows, added_by, maximum
from tests.naive.policy import Policy, Table, verdict_of
from tests.naive.scope import COSTS, NO, UNKNOWN, YES, World, readings
from tests.naive.verdict import ASKED, AT_ONCE, DENIED, TOLD, Verdict

OPAQUE = ("deploy", "call", "typed-data", "message")
HOUR_MS = 3_600_000
GOES_ON = ("granted", "limit_notice")


@dataclass
class Answer:
    """A verdict, its reasons as (code, rule), and the limits as (limit, key, used, added).

    `retries` are the limits it is over, each with the time at which it would pass, if known.
    `limits` is None where nothing was looked at but who asks for what.
    """

    verdict: Verdict = AT_ONCE
    reasons: set[tuple[str, str | None]] = field(default_factory=set)
    retries: set[tuple[str, int | None]] = field(default_factory=set)
    limits: list[tuple[str, str, int, int]] | None = field(default_factory=list)

    def because(self, verdict: Verdict, code: str, rule: str | None = None) -> None:
        """One more reason, and what it makes of the verdict."""
        self.verdict = self.verdict.and_also(verdict)
        self.reasons.add((code, rule))

    def told(self, ask: Ask) -> Answer:
        """As it is answered: what lets a request go on is no reason for a denial."""
        if self.verdict != DENIED and ask.calls > 1:
            self.because(DENIED, "batch")
        if self.verdict == DENIED:
            self.reasons = {one for one in self.reasons if one[0] not in GOES_ON}
        return self


class Evaluator:
    """Decides cases one after the other; what is not denied counts as settled at once."""

    def __init__(self, source: str) -> None:
        self.policy = Policy(source)
        self.windows = Windows(self.policy)
        self.paid: dict[tuple[str, str, int, str], int] = {}
        self.last_ms = 0

    def decide(self, case: Table) -> Answer:
        """One case as `policy decide` reads it, `at` in ms."""
        self.last_ms = now_ms = max(case["at"], self.last_ms)
        world = World(self.policy, now_ms, case.get("facts", {}), self.paid)
        try:
            ask = read(self.policy, case["agent"], case["request"])
        except Refused as refused:
            return Answer(DENIED, {(str(refused), None)}, limits=None)
        answer = Answer()
        for effect in ask.effects:
            if effect.kind != "fee":
                self._granted(ask, effect, world, answer)
                self._forbidden(ask, effect, world, answer)
                self._reviewed(ask, effect, world, answer)
                self._raised(ask, effect, world, answer)
        self._limited(ask, world, answer)
        answer = answer.told(ask)
        if answer.verdict != DENIED:
            self._count(ask, world)
        return answer

    def _granted(self, ask: Ask, effect: Effect, world: World, answer: Answer) -> None:
        each = [(rule, readings(rule, ask, effect, world, True)) for rule in self.policy.rules]
        alone = [rule for rule, (one, _) in each if one != NO]
        together = [rule for rule, (_, both) in each if both != NO]
        matching = [rule for rule, both in each if both != (NO, NO)]
        unsure = [rule for rule, both in each if UNKNOWN in both]
        if not alone or not together:
            answer.because(DENIED, "no_grant", None if together else _strictest(alone))
            return
        for rule in matching:
            answer.verdict = answer.verdict.and_also(verdict_of(rule))
        answer.reasons.add(("granted", _strictest(matching)))
        if unsure:
            answer.because(ASKED, "price_unknown", _strictest(unsure))

    def _forbidden(self, ask: Ask, effect: Effect, world: World, answer: Answer) -> None:
        each = [
            (one["id"], readings(one, ask, effect, world, False)) for one in self.policy.forbids
        ]
        sure = [name for name, both in each if YES in both]
        unsure = [name for name, both in each if YES not in both and UNKNOWN in both]
        if sure:
            answer.because(DENIED, "forbidden", min(sure))
        if unsure:
            answer.because(DENIED, "price_unknown", min(unsure))

    def _reviewed(self, ask: Ask, effect: Effect, world: World, answer: Answer) -> None:
        for review in self.policy.reviews:
            if readings(review, ask, effect, world, False) != (NO, NO):
                answer.because(verdict_of(review), "review", review["id"])

    def _raised(self, ask: Ask, effect: Effect, world: World, answer: Answer) -> None:
        if effect.kind in OPAQUE:
            answer.because(ASKED, "opaque")
        known = self.policy.addresses()
        if effect.to is not None and effect.to not in known and _like(effect.to, known):
            answer.because(ASKED, "look_alike")
        if effect.until_ms is not None and effect.kind != "revoke":
            if effect.until_ms <= max(world.clocks):
                answer.because(ASKED, "already_expired")
            if effect.kind == "transfer" and effect.until_ms > min(world.clocks) + HOUR_MS:
                answer.because(ASKED, "long_lived")

    def _limited(self, ask: Ask, world: World, answer: Answer) -> None:
        for limit in self.policy.limits:
            added, unsure = added_by(limit, ask, world)
            notice = limit["on_exceed"] == "notify"
            if unsure and notice:
                answer.because(TOLD, "limit_notice", limit["id"])
            elif unsure:
                answer.because(ASKED, "price_unknown", limit["id"])
            most = maximum(self.policy, limit)
            for key, parts in added.items():
                used = self.windows.used(limit, key, world.now_ms)
                total = self.windows.used(limit, key, world.now_ms, parts)
                self._shown(limit, key, parts, world, answer)
                if total > most and total > used:
                    code = "limit_notice" if notice else "limit_exceeded"
                    answer.because(verdict_of(limit, "on_exceed"), code, limit["id"])
                    if not notice:
                        at_ms = self.windows.room_at(limit, key, most, parts, world.now_ms)
                        answer.retries.add((limit["id"], at_ms))
                elif "warn_percent" in limit:
                    share = most * limit["warn_percent"]
                    if used * 100 <= share < total * 100:
                        answer.because(TOLD, "limit_notice", limit["id"])

    def _shown(
        self, limit: Table, key: str, parts: list[Spent], world: World, answer: Answer
    ) -> None:
        if answer.limits is None:
            return
        if limit["measure"] != "recipients":
            used = self.windows.used(limit, key, world.now_ms)
            answer.limits.append((limit["id"], key, used, sum(one.amount for one in parts)))
            return
        for party in sorted({one.party for one in parts if one.party is not None}):
            others = self.windows.parties(limit, key, world.now_ms) - {party}
            answer.limits.append((limit["id"], key, len(others), 1))

    def _count(self, ask: Ask, world: World) -> None:
        for effect in ask.effects:
            if effect.sets:
                right = (ask.wallet, ask.chain, effect.asset, effect.to)
                self.windows.end_rights(right, world.now_ms)
            if effect.to is not None and effect.kind in COSTS and effect.amount:
                self.paid[ask.agent, ask.wallet, ask.chain, effect.to] = world.now_ms
        for limit in self.policy.limits:
            added, _ = added_by(limit, ask, world)
            for key, parts in added.items():
                self.windows.count(limit, key, parts)


def _strictest(rules: list[Table]) -> str | None:
    """The strictest rule; of equal ones the one with the smallest id."""
    ordered = sorted(rules, key=lambda rule: str(rule["id"]))
    best = max(ordered, key=lambda rule: verdict_of(rule).order(), default=None)
    return None if best is None else str(best["id"])


def _like(address: str, known: set[str]) -> bool:
    return any(address[:6] == one[:6] and address[-4:] == one[-4:] for one in known)
