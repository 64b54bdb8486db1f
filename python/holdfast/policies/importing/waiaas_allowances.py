"""Allowances of WAIaaS: spenders with ceilings, and tiers by value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from holdfast.policies.errors import PolicyTextError
from holdfast.policies.importing.document import flag, rows, whole
from holdfast.policies.importing.draft import (
    APPROVAL,
    INSTANT,
    NOTIFY,
    Tier,
    plain,
    slug,
    stricter,
    units,
)
from holdfast.policies.importing.parties import parties
from holdfast.policies.importing.plan import Plan
from holdfast.policies.importing.waiaas_tiers import (
    USD_NAMES,
    delay_tier,
    intervals,
    named_tier,
    value_steps,
)
from holdfast.wording import safe

TYPES = ("APPROVED_SPENDERS", "APPROVE_AMOUNT_LIMIT", "APPROVE_TIER_OVERRIDE")
# What the core, too, calls unlimited.
UNLIMITED = 2**96 - 1


@dataclass(frozen=True)
class Spender:
    """`ceiling` is in base units of whichever token."""

    label: str
    address: str
    ceiling: int | None
    tier: Tier


@dataclass
class Allowed:
    """What the three types say together; `spenders` None is that none of them names any."""

    spenders: list[Spender] | None = None
    steps: list[tuple[Decimal | None, Tier]] = field(default_factory=list)
    override: Tier = INSTANT
    block_unlimited: bool = False
    most: int | None = None


def write(plan: Plan, found: list[tuple[str, dict[str, Any]]]) -> None:
    """Adds rules and limits for allowances of the tokens that can be paid."""
    allowed = Allowed()
    for kind, rules in found:
        _READ[kind](plan, allowed, dict(rules), kind)
    if allowed.spenders is None:
        plan.report.kept("no APPROVED_SPENDERS", "no allowance is granted")
        return
    # Without ALLOWED_TOKENS an allowance of any token can still be given to a spender.
    coin = plan.place.coin
    tokens = [each for each in plan.assets if each != coin]
    tokens = tokens or [token.id for token in plan.place.tokens]
    if not tokens:
        text = "no token is named, and an allowance is of one: nothing is granted; see --asset"
        plan.report.stricter("APPROVED_SPENDERS", text)
        return
    if len(tokens) > 1 and any(each.ceiling for each in allowed.spenders):
        text = "ceilings are base units of no token: they hold for each token on its own"
        plan.report.not_kept("APPROVED_SPENDERS.maxAmount", text)
    for spender in allowed.spenders:
        _rules(plan, allowed, spender, tokens)
    if allowed.block_unlimited:
        _block_unlimited(plan, tokens)


def _spenders(plan: Plan, allowed: Allowed, rules: dict[str, Any], name: str) -> None:
    allowed.spenders = []
    for index, row in enumerate(rows(rules.pop("spenders", []), f"{name}.spenders")):
        where = f"{name}.spenders[{index}]"
        named = dict(row)
        label = str(named.pop("name", named.pop("label", "")))
        address = str(named.pop("address", ""))
        ceiling = named.pop("maxAmount", None)
        tier = _trusted(plan, named, where)
        for left in named:
            plan.report.stricter(f"{where}.{left}", "not known here: this spender needs approval")
            tier = APPROVAL
        most = None if ceiling is None else whole(ceiling, where)
        for shown, right in parties(where, [(label, address)], plan.place, plan.report):
            allowed.spenders.append(Spender(shown, right, most, tier))
            if most is not None:
                text = f"at most {most} base units stand for it at any time, else denied"
                plan.report.kept(f"{where}.maxAmount", text)
    _nothing_left(rules, name)


def _trusted(plan: Plan, named: dict[str, Any], where: str) -> Tier:
    """Reputation and verification are facts that are not there: a person decides."""
    score = named.pop("min_reputation", None)
    verified = named.pop("require_verification", None)
    tier = INSTANT
    if score is not None and whole(score, where):
        text = f"{score}: reputation is not known here: every allowance for it needs approval"
        plan.report.stricter(f"{where}.min_reputation", text)
        tier = APPROVAL
    if verified is not None and flag(verified, where):
        text = "verification is not known here: every allowance for it needs approval"
        plan.report.stricter(f"{where}.require_verification", text)
        tier = APPROVAL
    return tier


def _amounts(plan: Plan, allowed: Allowed, rules: dict[str, Any], name: str) -> None:
    block = rules.pop("block_unlimited", rules.pop("blockUnlimited", None))
    allowed.block_unlimited = block is not None and flag(block, name)
    most = rules.pop("maxAmount", None)
    allowed.most = None if most is None else whole(most, f"{name}.maxAmount")
    delay = rules.pop("delay_seconds", None)
    tiers = [INSTANT, NOTIFY]
    if delay is not None or "delay_max_usd" in rules:
        tiers.append(delay_tier(plan, delay, f"{name}.delay_seconds"))
    allowed.steps = value_steps(rules, USD_NAMES, tiers, name)
    if allowed.steps:
        plan.report.kept(f"{name}.*_max_usd", "rules by value in USD; above them, approval")
    _nothing_left(rules, name)


def _override(plan: Plan, allowed: Allowed, rules: dict[str, Any], name: str) -> None:
    allowed.override = named_tier(str(rules.pop("tier", "")), f"{name}.tier")
    text = f"every allowance is at least `{allowed.override.name}`; stricter tiers by value stay"
    plan.report.stricter(f"{name}.tier", text)
    _nothing_left(rules, name)


_READ = {
    "APPROVED_SPENDERS": _spenders,
    "APPROVE_AMOUNT_LIMIT": _amounts,
    "APPROVE_TIER_OVERRIDE": _override,
}


def _nothing_left(rules: dict[str, Any], name: str) -> None:
    """A field of no known meaning could be a restriction of what is allowed."""
    if rules:
        left = safe(min(rules), 64)
        raise PolicyTextError(f"`{name}.{left}` is not a field this importer knows: remove it")


def _rules(plan: Plan, allowed: Allowed, spender: Spender, tokens: list[str]) -> None:
    name = slug(spender.label or spender.address)
    least = stricter(stricter(spender.tier, allowed.override), plan.floor)
    if not allowed.steps and not list(_ceilings(allowed, spender)):
        least = stricter(least, APPROVAL)
        text = f"allowances for `{name}` have no bound: each needs approval"
        plan.report.stricter("no amount", text)
    for above, upto, tier in intervals(allowed.steps or [(None, INSTANT)], least):
        plan.draft.rule(
            f"allow-{name}-{tier.name}",
            tier,
            effects=["allowance"],
            assets=tokens,
            to=[spender.address],
            during=plan.during,
            usd_above=above,
            usd_max=upto,
        )
    for ceiling in _ceilings(allowed, spender):
        for token in tokens:
            _ceiling(plan, f"ceiling-{name}-{token}", spender, token, ceiling)


def _ceilings(allowed: Allowed, spender: Spender) -> Iterator[int]:
    found = [each for each in (spender.ceiling, allowed.most) if each is not None]
    if found:
        yield min(found)


def _ceiling(plan: Plan, name: str, spender: Spender, token: str, ceiling: int) -> None:
    """What stands at any time, not one allowance alone: two of them can be spent both."""
    if not ceiling:
        plan.draft.add("forbid", name, effects=["allowance"], to=[spender.address])
        return
    plan.draft.add(
        "limit",
        name,
        per="recipient",
        effects=["allowance"],
        assets=[token],
        to=[spender.address],
        measure="amount",
        max=units(ceiling, plan.place.decimals(token)),
        window="standing",
        on_exceed="deny",
    )


def _block_unlimited(plan: Plan, tokens: list[str]) -> None:
    for token in tokens:
        most = units(UNLIMITED - 1, plan.place.decimals(token))
        plan.draft.add(
            "forbid",
            f"no-unlimited-{token}",
            effects=["allowance"],
            assets=[token],
            amount_above=plain(most),
        )
    plan.report.kept("block_unlimited", "an allowance of 2^96-1 base units or more is denied")
