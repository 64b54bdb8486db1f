"""Sardis: trust levels, vendors and categories, in either of its spellings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from holdfast.policies.errors import PolicyTextError
from holdfast.policies.importing.document import number, rows, table, whole, words
from holdfast.policies.importing.draft import APPROVAL, WINDOW_S_MAX, listed
from holdfast.policies.importing.fields import Apply, Field, apply_all, label
from holdfast.policies.importing.hours import schedule
from holdfast.policies.importing.parties import parties
from holdfast.policies.importing.plan import Counted, Payee, Plan
from holdfast.policies.trust import LEVELS

HOUR_S, DAY_S = 3_600, 86_400
# How a level says the same as explicit fields, which come after it and replace it.
_LEVEL_FIELDS = ("maxPerTransaction", "dailyLimit", "weeklyLimit", "monthlyLimit", "totalLimit")


def read(plan: Plan, document: Any) -> None:
    """Raises PolicyTextError for a document of another shape."""
    values = dict(table(document, "policy"))
    plan.assets = plan.place.assets
    level = values.pop("trustLevel", values.pop("trust_level", None))
    if level is not None:
        values = {**_of_level(plan, str(level)), **_canonical(values)}
    apply_all(FIELDS, plan, values, "")
    plan.write()


def _of_level(plan: Plan, name: str) -> dict[str, Any]:
    level = name.rpartition(".")[2].upper()
    if level not in LEVELS:
        raise PolicyTextError(f"`{name[:64]}` is no trust level: use {listed(LEVELS)}")
    amounts = LEVELS[level]
    plan.report.kept("trustLevel", f"{level}; fields that are written out replace its amounts")
    if amounts is None:
        return {}
    pairs = zip(_LEVEL_FIELDS, amounts, strict=True)
    return {field: str(amount) for field, amount in pairs}


def _canonical(values: dict[str, Any]) -> dict[str, Any]:
    """Fields under their first spelling, so that they replace those of a level."""
    spelled = {name: row.names[0] for row in FIELDS for name in row.names}
    return {spelled.get(name, name): value for name, value in values.items()}


def _amount(value: Any, name: str) -> Decimal:
    """A number, or an object with `limit_amount`."""
    if isinstance(value, dict):
        value = value.get("limit_amount", value.get("limitAmount"))
    return number(value, name)


def _max(plan: Plan, value: Any, name: str) -> None:
    plan.cap = _amount(value, name)
    plan.report.kept(name, f"a payment above {plan.cap} USD is denied")


def _window(ident: str, days: int) -> Apply:
    def apply(plan: Plan, value: Any, name: str) -> None:
        plan.limit(Counted(ident, _amount(value, name), days * DAY_S), name)

    return apply


def _total(plan: Plan, value: Any, name: str) -> None:
    plan.limit(Counted("total", _amount(value, name), None), name)


def _vendors(plan: Plan, value: Any, name: str) -> None:
    named = words(value, name)
    found = parties(name, [(each, each) for each in named], plan.place, plan.report)
    plan.payees = [*(plan.payees or []), *(Payee(label, address) for label, address in found)]
    plan.report.kept(name, f"only vendors with an address here can be paid: {len(found)}")


def _merchants(plan: Plan, value: Any, name: str) -> None:
    """Rules for a merchant by its domain, or for a category, each with a cap."""
    for index, row in enumerate(rows(value, name)):
        where = f"{name}[{index}]"
        extra = set(row) - {"merchant_id", "merchantId", "max_per_tx", "maxPerTx", "category"}
        if extra:
            plan.unknown(f"{where}.{min(extra)}")
        merchant = row.get("merchant_id", row.get("merchantId"))
        if merchant is None:
            _no_category(plan, where)
            continue
        cap = row.get("max_per_tx", row.get("maxPerTx"))
        most = None if cap is None else number(cap, where)
        found = parties(where, [(str(merchant), str(merchant))], plan.place, plan.report)
        plan.payees = [*(plan.payees or []), *(Payee(text, at, most) for text, at in found)]
        if found:
            plan.report.kept(where, f"`{merchant}` by its address, up to {most or 'the cap'} USD")


def _no_category(plan: Plan, name: str) -> None:
    plan.payees = plan.payees or []
    text = "payees have no category here: nothing is granted to this one; name its merchants"
    plan.report.stricter(name, text)


def _allowed_categories(plan: Plan, value: Any, name: str) -> None:
    named = words(value, name)
    if {each.rpartition(".")[2].upper() for each in named} == {"ALL"}:
        plan.report.kept(name, "no restriction")
        return
    plan.open_at_least(APPROVAL, name, f"{listed(named)}: payees have no category here")


def _blocked_categories(plan: Plan, value: Any, name: str) -> None:
    plan.open_at_least(
        APPROVAL, name, f"{listed(words(value, name))}: payees have no category here"
    )


def _velocity(plan: Plan, value: Any, name: str) -> None:
    apply_all(VELOCITY, plan, table(value, name), f"{name}.")


def _count(ident: str, window_s: int) -> Apply:
    def apply(plan: Plan, value: Any, name: str) -> None:
        counted = Counted(ident, Decimal(whole(value, name)), window_s, measure="count")
        plan.limit(counted, name)

    return apply


def _unique(plan: Plan, value: Any, name: str) -> None:
    most = Decimal(whole(value, name))
    plan.limit(Counted("vendors-a-day", most, DAY_S, measure="recipients"), name)


def _cooldown(plan: Plan, value: Any, name: str) -> None:
    cooldown = whole(value, name)
    if not 1 <= cooldown <= WINDOW_S_MAX:
        plan.report.not_kept(name, "the agent can ask again at once after a denial")
        return
    plan.draft.cooldown_s = cooldown
    text = f"{cooldown} s after an operator's denial; denials by the policy start no cooldown"
    plan.report.not_kept(name, text)


def _approval(plan: Plan, value: Any, name: str) -> None:
    apply_all(APPROVALS, plan, table(value, name), f"{name}.")


def _threshold(plan: Plan, value: Any, name: str) -> None:
    plan.approval_above = number(value, name)
    plan.report.kept(name, f"a payment above {plan.approval_above} USD needs approval")


def _approved_vendors(plan: Plan, value: Any, name: str) -> None:
    named = words(value, name)
    if plan.payees is None:
        plan.at_least(APPROVAL, name, f"{listed(named)} cannot be set apart: anyone can be paid")
        return
    plan.payees = [
        replace(payee, tier=APPROVAL) if payee.label in named else payee for payee in plan.payees
    ]
    plan.report.kept(name, f"every payment to {listed(named)} needs approval")


# One row a field: its spellings, what it becomes here, and the function that writes it.
FIELDS: Sequence[Field] = (
    Field(("agentId", "agent_id", "name", "id"), "nothing", label),
    Field(("maxPerTransaction", "limit_per_tx", "limitPerTx"), "`usd_max`", _max),
    Field(("dailyLimit", "daily_limit"), "a limit over 24h", _window("day", 1)),
    Field(("weeklyLimit", "weekly_limit"), "a limit over 7d", _window("week", 7)),
    # As long as the longest month, so that no calendar month can hold more.
    Field(("monthlyLimit", "monthly_limit"), "a limit over 31d", _window("month", 31)),
    Field(("totalLimit", "limit_total", "limitTotal"), "a limit over a lifetime", _total),
    Field(("allowedVendors", "allowed_vendors"), "a list, and `to`", _vendors),
    Field(("merchantAllow", "merchant_allow"), "rules with a list each", _merchants),
    Field(("allowedCategories", "allowed_categories"), "stricter: approval", _allowed_categories),
    Field(("allowedScopes", "allowed_scopes"), "stricter: approval", _allowed_categories),
    Field(("blockedCategories", "blocked_categories"), "stricter: approval", _blocked_categories),
    Field(("timeRestrictions", "time_restrictions"), "a schedule", schedule),
    Field(("velocityRules", "velocity_rules"), "limits that count", _velocity),
    Field(("approvalThreshold", "approval_threshold"), "`usd_above`", _threshold),
    Field(("approvalRequired", "approval_required"), "`approval`", _approval),
)
VELOCITY: Sequence[Field] = (
    Field(("maxTransactionsPerHour",), "a limit that counts", _count("an-hour", HOUR_S)),
    Field(("maxTransactionsPerDay",), "a limit that counts", _count("count-a-day", DAY_S)),
    Field(("maxUniqueVendorsPerDay",), "a limit of recipients", _unique),
    Field(("cooldownAfterRejection",), "`cooldown` of the agent", _cooldown),
)
APPROVALS: Sequence[Field] = (
    Field(("threshold",), "`usd_above`", _threshold),
    Field(("vendors",), "`approval` for their list", _approved_vendors),
    Field(("categories",), "stricter: approval", _blocked_categories),
)
