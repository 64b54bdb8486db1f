"""Clawd402: named policies in layers, of which the first that matches decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from holdfast.policies.errors import PolicyTextError
from holdfast.policies.importing.boxes import ALL, EFFECTS, SMALLEST, Box, beyond
from holdfast.policies.importing.document import flag, number, rows, table, whole, words
from holdfast.policies.importing.draft import (
    APPROVAL,
    DENY,
    INSTANT,
    Number,
    Tier,
    listed,
    plain,
    stricter,
)
from holdfast.policies.importing.parties import parties
from holdfast.policies.importing.plan import Plan
from holdfast.wording import safe

ACTIONS = {"reject": DENY, "auto_approve": INSTANT, "require_human_approval": APPROVAL}


@dataclass
class Layer:
    """One policy while its conditions are read."""

    name: str
    tier: Tier
    box: Box = field(default_factory=Box)
    day_usd: Decimal | None = None
    return_min: Decimal | None = None


def read(plan: Plan, document: Any) -> None:
    """Raises PolicyTextError for a document of another shape."""
    private_above: Decimal | None = None
    source = document
    if isinstance(document, dict):
        more = {key: value for key, value in document.items() if key != "policies"}
        protection = more.pop("mevProtection", more.pop("mev_protection", None))
        if protection is not None:
            private_above = _private(plan, protection)
        for name in more:
            plan.unknown(name)
        source = document.get("policies")
    layers = [_layer(plan, row, index) for index, row in enumerate(rows(source, "policies"))]
    _write(plan, layers, private_above)


def _layer(plan: Plan, row: dict[str, Any], index: int) -> Layer:
    values = dict(row)
    name = safe(values.pop("name", f"policy-{index + 1}"), 64)
    action = values.pop("action", None)
    if action not in ACTIONS:
        raise PolicyTextError(f"`{name}` has no known `action`: use {listed(ACTIONS)}")
    layer = Layer(name, ACTIONS[action])
    conditions = table(values.pop("conditions", {}) or {}, name)
    for key, value in conditions.items():
        CONDITIONS.get(key, _unknown)(plan, layer, value, f"{name}.{key}")
    for key, value in values.items():
        REST.get(key, _unknown)(plan, layer, value, f"{name}.{key}")
    return layer


def _write(plan: Plan, layers: list[Layer], private_above: Decimal | None) -> None:
    earlier: list[Box] = []
    for number_, layer in enumerate(layers):
        parts = beyond(layer.box, earlier)
        if parts != [layer.box] and layer.box != Box():
            what = "in part" if parts else "never"
            text = f"earlier policies match first: this one decides {what}, and is written so"
            plan.report.kept(layer.name, text)
        if layer.tier == DENY:
            _reject(plan, layer, parts)
        for part in parts:
            _grant(plan, layer, part, private_above)
        if layer.day_usd is not None:
            _day(plan, layer, layer.day_usd, layers[number_ + 1 :])
        earlier.append(layer.box)


def _reject(plan: Plan, layer: Layer, parts: list[Box]) -> None:
    """What nothing grants is denied anyway; a forbid stays when rules are added later."""
    box = layer.box
    if box == Box() or parts != [box]:
        plan.report.kept(layer.name, "what no rule grants is denied")
        return
    if box.to == frozenset():
        return
    kinds = None if box.kinds == ALL else [EFFECTS[kind] for kind in sorted(box.kinds)]
    plan.draft.add(
        "forbid",
        layer.name,
        effects=kinds,
        to=_list(plan, box.to),
        not_to=_list(plan, box.not_to),
        usd_above=box.above,
        usd_max=box.most,
    )
    plan.report.kept(layer.name, "a forbid, which no other rule can change")


def _grant(plan: Plan, layer: Layer, part: Box, private_above: Decimal | None) -> None:
    tier = layer.tier if layer.tier == DENY else stricter(layer.tier, plan.floor)
    if tier == INSTANT and part.most is None and layer.day_usd is None:
        # A policy without any amount is no permission to pay all there is.
        plan.report.stricter(layer.name, "it bounds no amount: what it grants needs approval")
        tier = APPROVAL
    bounded = part.above is not None or part.most is not None
    if "contract_call" in part.kinds and not bounded:
        # The core takes what it cannot decode as approval at least.
        _rule(plan, layer, replace(part, kinds=frozenset({"contract_call"})), tier, None)
    measured = part.kinds - {"contract_call"}
    groups = [measured & {"swap"}, measured - {"swap"}] if layer.return_min else [measured]
    for kinds in groups:
        box = replace(part, kinds=kinds)
        low = box if private_above is None else replace(box, most=_least(box.most, private_above))
        high = replace(box, above=max(box.above or Decimal(0), private_above or Decimal(0)))
        for half, route in ((low, None), (high, "private")):
            if not half.empty and (route is None or private_above is not None):
                _rule(plan, layer, half, tier, route)


def _least(one: Decimal | None, other: Decimal) -> Decimal:
    return other if one is None else min(one, other)


def _rule(plan: Plan, layer: Layer, box: Box, tier: Tier, route: str | None) -> None:
    coin_and_tokens = list(plan.place.assets)
    plan.draft.rule(
        layer.name,
        tier,
        effects=[EFFECTS[kind] for kind in EFFECTS if kind in box.kinds],
        assets=None if "contract_call" in box.kinds else coin_and_tokens,
        to=_list(plan, box.to),
        not_to=_list(plan, box.not_to),
        usd_above=box.above,
        usd_max=box.most,
        return_min_percent=_percent(layer) if box.kinds == {"swap"} else None,
        route=route,
    )


def _percent(layer: Layer) -> Number | None:
    return None if layer.return_min is None else Number(plain(layer.return_min))


def _list(plan: Plan, addresses: frozenset[str] | None) -> list[str] | None:
    """A list of these addresses; the one that is there already, if they are the same."""
    if not addresses:
        return None
    for known, entries in plan.draft.lists.items():
        if {address for _, address in entries} == addresses:
            return [f"@{known}"]
    return sorted(addresses)


def _day(plan: Plan, layer: Layer, most: Decimal, later: Sequence[Layer]) -> None:
    """Over its daily limit a policy matches no more, and a later one decides."""
    left = beyond(layer.box, [each.box for each in later if each.tier.name == "approval"])
    on_exceed = "deny" if left else "approval"
    measured = sorted(layer.box.kinds - {"contract_call"})
    plan.draft.add(
        "limit",
        f"{layer.name}-day",
        per="agent",
        agents=[plan.place.agent],
        effects=[EFFECTS[kind] for kind in measured],
        to=_list(plan, layer.box.to),
        measure="usd",
        max=most,
        window="24h",
        on_exceed=on_exceed,
    )
    text = f"at most {most} USD in any 24h, then `{on_exceed}` as a later policy says"
    name = f"{layer.name}.daily_limit_usd"
    plan.report.kept(name, text)
    text = "what other policies grant to the same recipients counts too"
    plan.report.stricter(name, text)


def _private(plan: Plan, value: Any) -> Decimal | None:
    values = table(value, "mevProtection")
    enabled = flag(values.get("enabled", "false"), "mevProtection.enabled")
    name = "mevProtection.minValueUsd"
    least = number(values.get("minValueUsd", "0"), name)
    if not enabled:
        return None
    plan.report.kept(name, f'above {least} USD `route = "private"`')
    if "provider" in values:
        text = f"`{safe(values['provider'], 32)}`: the relay is named in config.toml"
        plan.report.not_kept("mevProtection.provider", text)
    return least


def _kind(plan: Plan, layer: Layer, value: Any, name: str) -> None:
    kinds = frozenset(words(value, name))
    if not kinds <= ALL:
        raise PolicyTextError(f"`{name}` is one of {listed(EFFECTS)}")
    layer.box = replace(layer.box, kinds=layer.box.kinds & kinds)
    plan.report.kept(name, "`effects`")


def _verified(plan: Plan, layer: Layer, value: Any, name: str) -> None:
    """Whether a source is verified is not known here."""
    wanted = flag(value, name)
    kinds = layer.box.kinds & {"contract_call"}
    if layer.tier == DENY and not wanted:
        layer.box = replace(layer.box, kinds=kinds)
        text = "verification is not known here: every call that is not decoded is denied"
        plan.report.stricter(name, text)
        return
    layer.tier = stricter(layer.tier, APPROVAL)
    plan.report.stricter(name, "verification is not known here: this needs approval")


def _recipients(side: str) -> Callable[[Plan, Layer, Any, str], None]:
    def apply(plan: Plan, layer: Layer, value: Any, name: str) -> None:
        named = [(each, each) for each in words(value, name)]
        # In a policy that rejects, either kind of list names who is blocked.
        blocked = layer.tier == DENY
        found = parties(name, named, plan.place, plan.report, blocked=blocked)
        addresses = frozenset(address for _, address in found)
        if found:
            plan.draft.lists.setdefault(side, [])
            known = plan.draft.lists[side]
            plan.draft.lists[side] = list(dict.fromkeys([*known, *found]))
        layer.box = replace(layer.box, to=addresses)
        missing = "; the zero address is never paid" if len(found) < len(named) else ""
        plan.report.kept(name, f"`to` with {len(found)} addresses{missing}")

    return apply


def _min(plan: Plan, layer: Layer, value: Any, name: str) -> None:
    least = number(value, name)
    if least:
        layer.box = replace(layer.box, above=least - SMALLEST)
    plan.report.kept(name, f"{least} USD and more")


def _max(plan: Plan, layer: Layer, value: Any, name: str) -> None:
    layer.box = replace(layer.box, most=number(value, name))
    plan.report.kept(name, f"up to and including {layer.box.most} USD")


def _day_limit(_plan: Plan, layer: Layer, value: Any, name: str) -> None:
    layer.day_usd = number(value, name)


def _slippage(plan: Plan, layer: Layer, value: Any, name: str) -> None:
    layer.return_min = 100 - number(value, name, 2)
    text = f"less than {layer.return_min} % of the value in return needs approval"
    plan.report.kept(name, f"`return_min_percent`: {text}")


def _timeout(plan: Plan, layer: Layer, value: Any, name: str) -> None:
    seconds = max(whole(value, name), 1)
    if layer.tier.name == "approval":
        layer.tier = Tier("approval", seconds)
    plan.report.kept(name, f"unanswered after {seconds} s it has expired")


def _notification(plan: Plan, _layer: Layer, value: Any, name: str) -> None:
    named = value.get("channels", []) if isinstance(value, dict) else value
    text = f"{listed(words(named, name))}: alerts go by the routes of config.toml"
    plan.report.not_kept(name, text)


def _escalation(plan: Plan, _layer: Layer, _value: Any, name: str) -> None:
    plan.report.not_kept(name, "an approval that is not answered expires, and asks no one else")


def _unknown(plan: Plan, layer: Layer, _value: Any, name: str) -> None:
    """It could make a policy narrower: one that grants asks a person then."""
    if layer.tier == DENY:
        plan.report.stricter(name, "not known here: this policy rejects without it")
        return
    layer.tier = stricter(layer.tier, APPROVAL)
    plan.report.stricter(name, "not known here: what this policy grants needs approval")


# One row a field: the function says what it becomes.
CONDITIONS: dict[str, Callable[[Plan, Layer, Any, str], None]] = {
    "transaction_type": _kind,
    "contract_verified": _verified,
    "recipient_whitelist": _recipients("known"),
    "recipient_blacklist": _recipients("blocked"),
    "min_value_usd": _min,
    "max_value_usd": _max,
    "daily_limit_usd": _day_limit,
    "max_slippage_percent": _slippage,
}
REST: dict[str, Callable[[Plan, Layer, Any, str], None]] = {
    "notification": _notification,
    "timeout": _timeout,
    "escalation": _escalation,
}
