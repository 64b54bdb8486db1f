"""Time travel: past requests under another policy."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from holdfast._core import Simulator
from holdfast.codes import Code
from holdfast.service.journal.open import open_reader
from holdfast.service.runtime.event import REQUEST_DECIDED, Record, kind_of, parse, tier_of

# From the mildest to the strictest.
TIERS = ("instant", "notify", "delay", "approval", "deny")
# Denials that came of the moment and not of a rule: another policy says nothing about them.
OF_THE_MOMENT = frozenset(
    {Code.FROZEN, Code.SEALED, Code.WAITING_FULL, Code.RATE_LIMITED, Code.COOLDOWN}
)


@dataclass
class Flips:
    """`decided` requests were judged again.

    `flips` are those with another verdict, oldest first: `{id, agent, at, then, now, wider,
    reasons}`. `passed_over` were denied for the moment they came in, were denied and too large to
    be kept whole, or were paid under a one-off grant, which is no matter of a policy.
    """

    decided: int = 0
    passed_over: int = 0
    flips: list[dict[str, Any]] = field(default_factory=list)

    @property
    def wider(self) -> int:
        """How many of them the other policy would have treated more mildly."""
        return sum(flip["wider"] for flip in self.flips)


def flips(path: Path, policy: str) -> Flips:
    """Judges every `request.decided` of a home or journal file by `policy`, in order.

    Raises PolicyError for the policy and JournalError for a file that is no journal.
    """
    simulator = Simulator(policy, True)
    result = Flips()
    reader = open_reader(path)
    try:
        for _, records in reader.chunks():
            for record in records:
                if kind_of(record) == REQUEST_DECIDED:
                    _judge(simulator, parse(record), result)
    finally:
        reader.close()
    return result


def _judge(simulator: Simulator, record: Record, result: Flips) -> None:
    case = case_of(record)
    if case is None:
        result.passed_over += 1
        return
    data = record["data"]
    result.decided += 1
    now = json.loads(simulator.decide(json.dumps(case).encode()))
    then = tier_of(data)
    if now["verdict"] != then:
        flip = {"id": data["id"], "agent": data["agent"], "at": record["at"]}
        flip |= {"then": then, "now": now["verdict"], "wider": milder(now["verdict"], then)}
        flip["reasons"] = now["reasons"]
        result.flips.append(flip)


def case_of(record: Record) -> dict[str, Any] | None:
    """A `request.decided` as a case of `policy decide`, or None if a policy is no matter to it.

    It was then denied for the moment it came in, is not kept whole, or paid under a one-off grant.
    """
    data = record["data"]
    of_the_moment = OF_THE_MOMENT & {reason["code"] for reason in data["reasons"]}
    granted = (data.get("spends") or {}).get("grant") is not None
    if of_the_moment or granted or "left_out" in data:
        return None
    return {
        "id": data["id"],
        "agent": data["agent"],
        "at": record["at"],
        "request": {"method": data["method"], "params": params_of(data)},
        "facts": data["facts"],
    }


def milder(now: str, then: str) -> bool:
    """Whether a verdict is milder than another; what is not known is taken as the strictest."""
    places = [TIERS.index(tier) if tier in TIERS else len(TIERS) for tier in (now, then)]
    return places[0] < places[1]


def params_of(data: Record) -> list[Any]:
    """The JSON-RPC params that `request.decided` was made from, as far as a policy looks."""
    request, wallet = data["request"], data["wallet"]
    match data["kind"]:
        case "transaction":
            tx = {"from": wallet, "value": hex(int(request["value"])), "data": request["data"]}
            if request.get("to"):
                tx["to"] = request["to"]
            if request.get("gas") is not None:
                tx["gas"] = hex(int(request["gas"]))
            return [tx]
        case "typed-data":
            return [wallet, request["json"]]
        case _:
            message = request["message"]
            # EIP-1474: personal_sign takes the message first, eth_sign the address.
            personal = data["method"] == "personal_sign"
            return [message, wallet] if personal else [wallet, message]
