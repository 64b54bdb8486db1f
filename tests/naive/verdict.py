"""How strict a decision is: the ladder of docs/policy/deciding.md, as plain tuples that compare."""

from __future__ import annotations

from dataclasses import dataclass

INSTANT, NOTIFY, DELAY, APPROVAL, DENY = "instant", "notify", "delay", "approval", "deny"
LADDER = (INSTANT, NOTIFY, DELAY, APPROVAL, DENY)
HALF_HOUR_MS = 1_800_000


@dataclass(frozen=True)
class Verdict:
    """One step of the ladder: `delay_ms` of a delay, `quorum` and `timeout_ms` of an approval."""

    tier: str
    delay_ms: int = 0
    quorum: int = 0
    timeout_ms: int = 0

    def rank(self) -> tuple[int, int, int]:
        """Compares strictness, without the timeout."""
        return LADDER.index(self.tier), self.delay_ms, self.quorum

    def order(self) -> tuple[int, int, int, int]:
        """The same with it: of equal quorums the shorter timeout is stricter."""
        return *self.rank(), -self.timeout_ms

    def and_also(self, other: Verdict) -> Verdict:
        """The stricter of two; of two approvals the larger quorum and the shorter timeout."""
        if self.tier == other.tier == APPROVAL:
            return Verdict(
                APPROVAL,
                quorum=max(self.quorum, other.quorum),
                timeout_ms=min(self.timeout_ms, other.timeout_ms),
            )
        return max(self, other, key=Verdict.rank)


AT_ONCE = Verdict(INSTANT)
TOLD = Verdict(NOTIFY)
ASKED = Verdict(APPROVAL, quorum=1, timeout_ms=HALF_HOUR_MS)
DENIED = Verdict(DENY)
