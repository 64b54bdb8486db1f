"""Past requests as a review of the policy looks at them, and what that policy makes of them now."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from holdfast._core import Simulator

Json = dict[str, Any]

# Requests that are decided again for each proposal: the newest.
CASES_MAX = 20_000
# Windows that a span of days says nothing about.
ENDLESS = frozenset({"lifetime", "standing"})


@dataclass
class Decision:
    """A request that was decided: `tier`, rules and codes as recorded.

    `case` is what `policy decide` reads. `end` is `approved` or `denied` by operators, or empty.
    """

    id: str
    at: int
    tier: str
    rules: frozenset[str]
    codes: frozenset[str]
    effects: list[Json]
    costs: list[Json]
    case: Json
    end: str = ""


@dataclass
class Peak:
    """The most that counted under a limit at one time, for the `key` that had most.

    `places` are the decimal places of its numbers, `unit` follows them: ` USD`.
    """

    used: int = 0
    max: int = 0
    places: int = 0
    unit: str = ""
    key: str = ""
    request: str = ""


@dataclass
class History:
    """Requests of `from_ms` to `to_ms`, decided again by the policy in force.

    Earlier ones fill its limits only. An approval that was asked for counts as given there, so a
    peak may be too high and is never too low, but for what another policy denied.
    """

    policy: str
    from_ms: int
    to_ms: int
    decided: deque[Decision] = field(default_factory=lambda: deque(maxlen=CASES_MAX))
    total: int = 0
    passed_over: int = 0
    named: set[str] = field(default_factory=set)
    paid: set[tuple[int, str]] = field(default_factory=set)
    peaks: dict[str, Peak] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._simulator = Simulator(self.policy, True)
        self._open: dict[str, Decision] = {}

    def take(self, record: Json, case: Json | None) -> None:
        """The next `request.decided`; `case` None for one that says nothing about a policy."""
        data, at = record["data"], int(record["at"])
        within = at >= self.from_ms
        if case is None:
            self.passed_over += within
            return
        now = json.loads(self._simulator.decide(json.dumps({**case, "limits": True}).encode()))
        if within:
            self._count(data, at, case, now)

    def _count(self, data: Json, at: int, case: Json, now: Json) -> None:
        reasons = data["reasons"]
        decision = Decision(
            id=str(data["id"]),
            at=at,
            tier=str(data["verdict"]["tier"]),
            rules=frozenset(str(each["rule"]) for each in reasons if each.get("rule")),
            codes=frozenset(str(each["code"]) for each in reasons),
            effects=data["effects"],
            costs=(data.get("spends") or {}).get("items", []),
            case=case,
        )
        self.total += 1
        self.decided.append(decision)
        self.named |= decision.rules
        self.named |= {str(each["rule"]) for each in now["reasons"] if each.get("rule")}
        if decision.tier == "approval":
            self._open[decision.id] = decision
        if decision.tier != "deny":
            self.paid |= {
                (int(data["chain_id"]), str(each["to"]).lower())
                for each in decision.effects
                if each.get("to")
            }
        for view in now.get("limits", []):
            self._peak(view, decision.id, counted=now["verdict"] != "deny")

    def _peak(self, view: Json, request: str, *, counted: bool) -> None:
        used = int(view["used"]) + int(view["reserved"])
        used += int(view.get("adds", 0)) if counted else 0
        peak = self.peaks.setdefault(str(view["limit"]), _peak_of(view))
        if used > peak.used:
            peak.used, peak.key, peak.request = used, str(view["key"]), request

    def answered(self, record: Json) -> None:
        """The next `request.approved` or `request.denied`."""
        data = record["data"]
        decision = self._open.get(str(data["id"]))
        if decision is None:
            return
        if record["kind"] == "request.denied":
            # The policy denies too: when a limit has no room any more, or after a change.
            decision.end = "denied" if data["by"] != "policy" else ""
        elif data["approvals"] == data["quorum"]:
            decision.end = "approved"

    def differences(self, policy: str) -> tuple[int, int, int]:
        """How many requests another policy decides again, more mildly and more strictly.

        Both policies begin with empty limits. Raises PolicyError.
        """
        old, new = Simulator(self.policy, True), Simulator(policy, True)
        milder = stricter = 0
        for each in self.decided:
            case = json.dumps(each.case).encode()
            before, after = (_place(json.loads(one.decide(case))) for one in (old, new))
            milder += after < before
            stricter += after > before
        return len(self.decided), milder, stricter


def _peak_of(view: Json) -> Peak:
    most = int(view["max"])
    if view["measure"] == "usd":
        return Peak(max=most, places=6, unit=" USD")
    if view["measure"] == "amount":
        return Peak(max=most, places=int(view["decimals"]), unit=f" {view['symbol']}")
    return Peak(max=most)


_TIERS = ("instant", "notify", "delay", "approval", "deny")


def _place(result: Json) -> tuple[int, int, int]:
    """Strictness of a verdict: tier, then operators, then how long it waits."""
    tier = str(result["verdict"])
    return (_TIERS.index(tier), int(result.get("quorum") or 0), int(result.get("delay_ms") or 0))
