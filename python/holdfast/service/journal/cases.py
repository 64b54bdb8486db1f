"""Decided requests of a journal as cases for another policy."""

from __future__ import annotations

from typing import Any

from holdfast.codes import Code
from holdfast.service.runtime.event import Record

# From the mildest to the strictest.
TIERS = ("instant", "notify", "delay", "approval", "deny")
# Denials that came of the moment and not of a rule: another policy says nothing about them.
OF_THE_MOMENT = frozenset(
    {Code.FROZEN, Code.SEALED, Code.WAITING_FULL, Code.RATE_LIMITED, Code.COOLDOWN}
)


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
