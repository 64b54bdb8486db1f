"""The baseline: the same policy evaluated in plain Python, the way one writes it straight away.

Per request: strict JSON (no duplicate keys, no floats), range and checksum checks, ERC-20
decoding, rules, the list as a set, five exact windows with reservation, a canonical record and its
leaf hash. It is honest work of the standard library; only checksums come from eth_utils.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections import deque
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from eth_utils.address import is_checksum_address

STEP = {"instant": 0, "notify": 1, "delay": 2, "approval": 3, "deny": 4}
WINDOW_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
MEMBERS = {"from", "to", "data", "input", "gas", "value"}


class Refused(ValueError):
    """Malformed."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused("duplicate key")
    return found


def _no_float(text: str) -> Any:
    raise Refused(f"not an integer: {text}")


@lru_cache(maxsize=65536)
def _address(text: str) -> str:
    """Lower case; a mixed-case address must carry its checksum."""
    if len(text) != 42 or not text.startswith("0x"):
        raise Refused("address")
    lower = text.lower()
    if text not in (lower, "0x" + text[2:].upper()) and not is_checksum_address(text):
        raise Refused("checksum")
    int(text, 16)
    return lower


def _quantity(text: str) -> int:
    if not text.startswith("0x"):
        raise Refused("quantity")
    number = int(text, 16)
    if number >= 1 << 256:
        raise Refused("range")
    return number


@dataclass
class Window:
    """One exact rolling window: entries in order of time, and their sum."""

    length_ms: int
    entries: deque[tuple[int, int]] = field(default_factory=deque)
    total: int = 0

    def used(self, now_ms: int) -> int:
        """Sum of what still counts; an entry posted at `t` counts while `now < t + window`."""
        while self.entries and now_ms >= self.entries[0][0] + self.length_ms:
            self.total -= self.entries.popleft()[1]
        return self.total

    def add(self, now_ms: int, amount: int) -> None:
        """Reserves."""
        self.entries.append((now_ms, amount))
        self.total += amount


class Evaluator:
    """`submit` decides one request and returns its record and the record's leaf hash."""

    def __init__(self, source: str) -> None:
        policy = tomllib.loads(source)
        self.assets = {a.get("address", "native").lower(): a for a in policy["asset"]}
        self.lists = {
            one["id"]: {entry["address"].lower() for entry in one["entry"]}
            for one in policy["list"]
        }
        self.agents = {one["id"] for one in policy["agent"]}
        self.wallet = policy["wallet"][0]["address"].lower()
        self.rules = policy["rule"]
        self.limits = policy["limit"]
        self.windows: dict[tuple[str, str], Window] = {}
        self.seq = 0

    def _to_matches(self, names: list[str], to: str) -> bool:
        return any(
            to in self.lists[name[1:]] if name.startswith("@") else to == name.lower()
            for name in names
        )

    def _tier(self, agent: str, effect: str, asset: dict[str, Any], to: str, amount: int) -> int:
        tier = -1
        for rule in self.rules:
            if agent not in rule.get("agents", (agent,)) or effect not in rule["effects"]:
                continue
            if "assets" in rule and asset["id"] not in rule["assets"]:
                continue
            if "to" in rule and not self._to_matches(rule["to"], to):
                continue
            most = rule.get("amount_max")
            if most is not None and amount > int(most) * 10 ** asset["decimals"]:
                continue
            tier = max(tier, STEP[rule["tier"]])
        return STEP["deny"] if tier < 0 else tier

    def _window(self, limit: dict[str, Any], agent: str, to: str) -> Window:
        key = {"agent": agent, "wallet": self.wallet, "recipient": to}.get(limit["per"], "")
        found = self.windows.get((limit["id"], key))
        if found is None:
            text = limit["window"]
            found = Window(int(text[:-1]) * WINDOW_S[text[-1]] * 1000)
            self.windows[(limit["id"], key)] = found
        return found

    def _reserve(
        self, agent: str, to: str, amount: int, usd: int, decimals: int, now_ms: int
    ) -> str | None:
        """Every window must have room; then all of them are charged. The limit over, or None."""
        charges = []
        for limit in self.limits:
            measure = limit["measure"]
            add = {"usd": usd, "amount": amount, "count": 1}[measure]
            scale = {"usd": 10**6, "amount": 10**decimals, "count": 1}[measure]
            most = limit["max"]
            ceiling = most if measure == "count" else int(float(most) * scale)
            window = self._window(limit, agent, to)
            if window.used(now_ms) + add > ceiling:
                return str(limit["id"])
            charges.append((window, add))
        for window, add in charges:
            window.add(now_ms, add)
        return None

    def submit(self, agent: str, params: bytes, now_ms: int) -> tuple[bytes, bytes]:
        """Canonical record bytes and leaf hash; raises Refused for what is malformed."""
        (call,) = json.loads(params, object_pairs_hook=_object, parse_float=_no_float)
        if not MEMBERS.issuperset(call) or agent not in self.agents:
            raise Refused("member")
        sender, target = _address(call["from"]), _address(call["to"])
        if sender != self.wallet:
            raise Refused("wallet")
        gas, value = _quantity(call["gas"]), _quantity(call.get("value", "0x0"))
        data = bytes.fromhex(call["data"][2:])
        asset = self.assets[target]
        if data[:4] != b"\xa9\x05\x9c\xbb" or len(data) != 68 or any(data[4:16]):
            raise Refused("calldata")
        to, amount = "0x" + data[16:36].hex(), int.from_bytes(data[36:], "big")
        usd = -(-amount * int(asset["price_usd"]) * 10**6 // 10 ** asset["decimals"])
        tier = self._tier(agent, "transfer", asset, to, amount)
        over = None
        if tier < STEP["deny"]:
            over = self._reserve(agent, to, amount, usd, asset["decimals"], now_ms)
        verdict = "deny" if over or tier == STEP["deny"] else "instant"
        record = {
            "at": now_ms,
            "data": {
                "agent": agent,
                "wallet": sender,
                "request": {"to": target, "value": str(value), "data": call["data"], "gas": gas},
                "effects": [{"effect": "transfer", "to": to, "amount": str(amount)}],
                "usd": str(usd),
                "verdict": verdict,
                "reasons": [over or "granted"],
            },
            "kind": "request.decided",
            "seq": self.seq,
            "v": 1,
        }
        self.seq += 1
        body = json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
        return body, hashlib.sha256(b"\x00" + body).digest()
