"""WAIaaS: policies by type, each with its rules. Allowances are in a module of their own."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from holdfast.policies.errors import PolicyTextError
from holdfast.policies.importing import waiaas_allowances as allowances
from holdfast.policies.importing.document import number, rows, table, whole, words
from holdfast.policies.importing.draft import (
    APPROVAL,
    DENY,
    INSTANT,
    NOTIFY,
    Tier,
    listed,
    stricter,
)
from holdfast.policies.importing.fields import Apply, Field, apply_all
from holdfast.policies.importing.hours import schedule
from holdfast.policies.importing.parties import parties
from holdfast.policies.importing.plan import Counted, Payee, Plan
from holdfast.policies.importing.waiaas_tiers import (
    BASE_NAMES,
    USD_NAMES,
    delay_tier,
    named_tier,
    value_steps,
)
from holdfast.wording import safe

DAY_S = 86_400
PERIODS = {"hourly": 3_600, "daily": DAY_S, "weekly": 7 * DAY_S, "monthly": 30 * DAY_S}
# Networks by what the documents call them.
NETWORKS = {
    "ethereum-mainnet": 1,
    "ethereum-sepolia": 11155111,
    "polygon-mainnet": 137,
    "polygon-amoy": 80002,
    "arbitrum-mainnet": 42161,
    "arbitrum-sepolia": 421614,
    "optimism-mainnet": 10,
    "optimism-sepolia": 11155420,
    "base-mainnet": 8453,
    "base-sepolia": 84532,
}


def read(plan: Plan, document: Any) -> None:
    """Raises PolicyTextError for a document of another shape."""
    plan.assets = (plan.place.coin,)
    found = _policies(plan, document)
    for kind, rules in found:
        if kind in TYPES:
            apply_all(TYPES[kind], plan, _whole(kind, rules), f"{kind}.")
        elif kind not in allowances.TYPES:
            plan.unknown(f"type {kind}")
    if not any(kind == "ALLOWED_TOKENS" for kind, _ in found):
        plan.report.kept("no ALLOWED_TOKENS", "no token can be paid, only the chain's coin")
    if not any(kind == "X402_ALLOWED_DOMAINS" for kind, _ in found):
        plan.report.kept("no X402_ALLOWED_DOMAINS", "no signed payment is granted")
        no_x402(plan, None)
    plan.write()
    allowances.write(plan, [each for each in found if each[0] in allowances.TYPES])


def _policies(plan: Plan, document: Any) -> list[tuple[str, dict[str, Any]]]:
    """(type, rules), tokens first: limits depend on them."""
    source = document
    if isinstance(document, dict):
        source = document.get("policies", [document])
        if "policies" in document:
            for name in set(document) - {"policies", "walletId", "name"}:
                plan.unknown(name)
    found = []
    for row in rows(source, "policies"):
        kind = row.get("type")
        if not isinstance(kind, str) or "rules" not in row:
            raise PolicyTextError("a policy needs `type` and `rules`")
        for name in set(row) - {"type", "rules", "walletId", "name", "enabled", "priority"}:
            plan.unknown(f"{kind}.{name}")
        found.append((kind, table(row["rules"], kind)))
    return sorted(found, key=lambda each: each[0] != "ALLOWED_TOKENS")


def _whole(kind: str, rules: dict[str, Any]) -> dict[str, Any]:
    """Fields that only mean something together are one."""
    return {"rules": rules} if kind in TOGETHER else rules


def _spending(plan: Plan, value: Any, name: str) -> None:
    rules = dict(value)
    delay = delay_tier(plan, rules.pop("delay_seconds", None), f"{name}.delay_seconds")
    timeout = rules.pop("approval_timeout", None)
    if timeout is not None:
        plan.approval_s = max(whole(timeout, name), 1)
        plan.report.kept(f"{name}.approval_timeout", f"expired after {plan.approval_s} s")
    tiers = [INSTANT, NOTIFY, delay]
    steps = value_steps(rules, USD_NAMES, tiers, name)
    if steps:
        plan.steps.append(steps)
        plan.report.kept(f"{name}.*_max_usd", "rules by value in USD; above them, approval")
    _base_units(plan, rules, tiers, name, bool(steps))
    for key, ident, days in (("daily", "day", 1), ("monthly", "month", 30)):
        limit = rules.pop(f"{key}_limit_usd", None)
        if limit is not None:
            field = f"{name}.{key}_limit_usd"
            # The document has an approval tier above a daily limit that is smaller.
            plan.limit(Counted(ident, number(limit, field), days * DAY_S, "approval"), field)
    for left in rules:
        plan.unknown(f"{name}.{left}")


def _base_units(
    plan: Plan, rules: dict[str, Any], tiers: Sequence[Tier], name: str, usd: bool
) -> None:
    """Thresholds in base units of the coin: exact only where the coin is all that can be paid."""
    steps = value_steps(rules, BASE_NAMES, tiers, name, 18)
    if not steps:
        return
    if usd or len(plan.assets) > 1:
        text = "base units of the coin beside other amounts cannot be compared with them"
        plan.at_least(APPROVAL, f"{name}.*_max", text)
        return
    plan.asset = plan.place.coin
    plan.steps.append(steps)
    plan.report.kept(f"{name}.*_max", f"rules by amount of `{plan.asset}`; above, approval")


def _whitelist(plan: Plan, value: Any, name: str) -> None:
    named = [(each, each) for each in words(value, name)]
    found = parties(name, named, plan.place, plan.report)
    plan.payees = [Payee(label, address) for label, address in found]
    plan.report.kept(name, f"only these {len(found)} can be paid")


def _rate(plan: Plan, value: Any, name: str) -> None:
    rules = dict(value)
    count = rules.pop("max_requests", rules.pop("maxTransactions", None))
    window = rules.pop("window_seconds", None)
    period = rules.pop("period", None)
    for left in rules:
        plan.unknown(f"{name}.{left}")
    seconds = PERIODS.get(str(period)) if window is None else whole(window, name)
    if seconds is None:
        raise PolicyTextError(f"`{name}.period` is one of {listed(PERIODS)}")
    plan.limit(Counted("rate", Decimal(whole(count, name)), seconds, measure="count"), name)


def _tokens(plan: Plan, value: Any, name: str) -> None:
    known = {token.address.lower(): token.id for token in plan.place.tokens}
    found = []
    for index, row in enumerate(rows(value, name)):
        where = f"{name}[{index}]"
        address, chain = str(row.get("address", "")), str(row.get("chain", "ethereum"))
        shown = safe(row.get("symbol") or address, 64)
        if chain != "ethereum" and NETWORKS.get(chain) != plan.place.chain:
            text = f"`{shown}` is on {safe(chain, 32)}, not on chain {plan.place.chain}"
            plan.report.stricter(where, f"{text}: it cannot be paid")
        elif address.startswith("native"):
            found.append(plan.place.coin)
        elif address.lower() in known:
            found.append(known[address.lower()])
        else:
            text = f"`{shown}` has no decimals here: it cannot be paid; name it with --asset"
            plan.report.stricter(where, text)
    # The chain's coin needs no entry.
    plan.assets = tuple(dict.fromkeys([plan.place.coin, *found]))
    plan.report.kept(name, f"{listed(plan.assets)} can be paid")


def _networks(plan: Plan, value: Any, name: str) -> None:
    named = [str(row.get("network")) for row in rows(value, name)]
    if plan.place.chain in [NETWORKS.get(each) for each in named]:
        plan.report.kept(name, f"the policy is for chain {plan.place.chain} alone")
        return
    plan.floor = DENY
    text = f"chain {plan.place.chain} is not among {listed(named)}: nothing is granted"
    plan.report.stricter(name, text)


def _contracts(plan: Plan, value: Any, name: str) -> None:
    entries = [(str(row.get("name", "")), str(row.get("address"))) for row in rows(value, name)]
    found = parties(name, entries, plan.place, plan.report)
    if found:
        plan.draft.lists["contracts"] = found
        plan.draft.rule("calls", APPROVAL, effects=["call"], to=["@contracts"])
        text = "a call that is not decoded needs approval; vouch for one with [[function]]"
        plan.report.stricter(name, text)


def _methods(plan: Plan, value: Any, name: str) -> None:
    count = len(rows(value, name))
    text = f"a selector says nothing of its arguments: calls of these {count} need approval"
    plan.report.stricter(name, f"{text}; vouch for one with [[function]]")


def _domains(plan: Plan, value: Any, name: str) -> None:
    named = words(value, name)
    found = parties(name, [(each, each) for each in named], plan.place, plan.report)
    if found:
        plan.draft.lists["x402"] = found
    no_x402(plan, ["@x402"] if found else None)
    plan.report.kept(name, f"signed payments to {len(found)} addresses of these domains alone")


def no_x402(plan: Plan, but_to: list[str] | None) -> None:
    """No signed payment, but to some."""
    methods = ["eth_signTypedData_v4"]
    plan.draft.add("forbid", "x402", methods=methods, effects=["transfer"], not_to=but_to)


def _reputation(plan: Plan, value: Any, name: str) -> None:
    rules = dict(value)
    tiers = [rules.pop(each, None) for each in ("below_threshold_tier", "unrated_tier")]
    for known in ("min_score", "check_counterparty"):
        rules.pop(known, None)
    for left in rules:
        plan.unknown(f"{name}.{left}")
    least = APPROVAL
    if all(tiers):
        # What has no score is below every threshold and unrated: the stricter of both.
        least = stricter(*(named_tier(str(tier), name) for tier in tiers))
    plan.at_least(least, name, "reputation is not known here, so everyone is unrated")


def _no_grant(what: str) -> Apply:
    def apply(plan: Plan, value: Any, name: str) -> None:
        text = f"{safe(value, 60)}: {what} cannot be bounded so here, and nothing of it is granted"
        plan.report.stricter(name, text)

    return apply


# One row a field of a type: its spellings, what it becomes here, and the function that writes it.
_LENDING = "lending: `deposit` and `debt` are denied"
_PERPS = "perpetuals: their orders are denied"
TYPES: dict[str, tuple[Field, ...]] = {
    "ALLOWED_TOKENS": (Field(("tokens",), "`assets` of the rules", _tokens),),
    "SPENDING_LIMIT": (Field(("rules",), "rules by value, and limits", _spending),),
    "WHITELIST": (Field(("allowed_addresses",), "a list, and `to`", _whitelist),),
    "TIME_RESTRICTION": (Field(("rules",), "a schedule, and `during`", schedule),),
    "RATE_LIMIT": (Field(("rules",), "a limit that counts", _rate),),
    "CONTRACT_WHITELIST": (Field(("contracts",), "a list; calls need approval", _contracts),),
    "METHOD_WHITELIST": (Field(("methods",), "stricter: approval", _methods),),
    "ALLOWED_NETWORKS": (Field(("networks",), "the one chain", _networks),),
    "X402_ALLOWED_DOMAINS": (Field(("domains",), "a forbid with `not_to`", _domains),),
    "ERC8128_ALLOWED_DOMAINS": (Field(("domains",), "denied", _no_grant("a signed HTTP request")),),
    "LENDING_LTV_LIMIT": (
        Field(("maxLtv",), _LENDING, _no_grant("lending")),
        Field(("warningLtv",), _LENDING, _no_grant("lending")),
    ),
    "LENDING_ASSET_WHITELIST": (Field(("assets",), _LENDING, _no_grant("lending")),),
    "PERP_MAX_LEVERAGE": (Field(("maxLeverage",), _PERPS, _no_grant("a perpetual position")),),
    "PERP_MAX_POSITION_USD": (
        Field(("maxPositionUsd",), _PERPS, _no_grant("a perpetual position")),
    ),
    "PERP_ALLOWED_MARKETS": (Field(("markets",), _PERPS, _no_grant("a perpetual position")),),
    "VENUE_WHITELIST": (Field(("venues",), "denied", _no_grant("trading")),),
    "ACTION_CATEGORY_LIMIT": (Field(("rules",), "denied", _no_grant("an action by category")),),
    "REPUTATION_THRESHOLD": (Field(("rules",), "stricter: the tier of the unrated", _reputation),),
}
# Types whose fields only mean something together.
TOGETHER = {kind for kind, fields in TYPES.items() if fields[0].names == ("rules",)}
