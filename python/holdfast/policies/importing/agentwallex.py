"""AgentWallex: one object in the SDK's spelling, or a list of typed rules."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from holdfast.policies.errors import PolicyTextError
from holdfast.policies.importing.document import flag, number, rows, table, whole, words
from holdfast.policies.importing.draft import listed
from holdfast.policies.importing.fields import Apply, Field, apply_all, label
from holdfast.policies.importing.hours import schedule
from holdfast.policies.importing.parties import parties
from holdfast.policies.importing.plan import Counted, Payee, Plan

DAY_S = 86_400


def read(plan: Plan, document: Any) -> None:
    """Raises PolicyTextError for a document of another shape."""
    plan.assets = plan.place.assets
    if isinstance(document, dict) and "policies" not in document:
        _object(plan, document)
    else:
        _rules(plan, document)
    plan.write()


def _object(plan: Plan, values: dict[str, Any]) -> None:
    if str(values.get("requireHumanApproval")).lower() == "false":
        ignored = ("requireHumanApproval", "humanApprovalThreshold")
        values = {key: value for key, value in values.items() if key not in ignored}
        plan.report.kept("requireHumanApproval", "approval is off in the document")
    apply_all(FIELDS, plan, values, "")
    _never_reached(plan)


def _rules(plan: Plan, document: Any) -> None:
    """Typed rules; tokens first, because they say in what amounts are."""
    source = document["policies"] if isinstance(document, dict) else document
    found = rows(source, "policies")
    found.sort(key=lambda row: row.get("type") != "token_control")
    for row in found:
        kind = row.get("type")
        if not isinstance(kind, str):
            raise PolicyTextError(f"a rule without `type`: name one of {listed(TYPES)}")
        own = {key: value for key, value in row.items() if key not in ("type", "rules", "config")}
        nested = row.get("rules", row.get("config"))
        own |= table(nested, kind) if nested is not None else {}
        if kind in TYPES:
            apply_all(TYPES[kind], plan, own, f"{kind}.")
        elif kind in WHOLE:
            WHOLE[kind](plan, own, kind)
        else:
            plan.unknown(f"type {kind}")
    _never_reached(plan)


def _tokens(plan: Plan, value: Any, name: str) -> None:
    named = words(value, name)
    known = {each.lower(): each for each in plan.place.assets}
    known |= {token.address.lower(): token.id for token in plan.place.tokens}
    found = [known[each.lower()] for each in named if each.lower() in known]
    missing = [each for each in named if each.lower() not in known]
    plan.assets = tuple(dict.fromkeys(found))
    if missing:
        text = f"{listed(missing)}: a symbol names no token; nothing is granted, see --asset"
        plan.report.stricter(name, text)
    if found:
        plan.report.kept(name, f"only {listed(plan.assets)} can be paid")
    if len(plan.assets) == 1:
        plan.asset = plan.assets[0]
        plan.report.kept(name, f"amounts are in `{plan.asset}`, the only token")
    elif plan.assets:
        text = "amounts of several tokens cannot be added up: they are read as USD"
        plan.report.not_kept(name, text)


def _places(plan: Plan) -> int:
    return plan.place.decimals(plan.asset) if plan.asset else 6


def _max(plan: Plan, value: Any, name: str) -> None:
    plan.cap = number(value, name, _places(plan))
    plan.report.kept(name, f"a payment above {plan.cap} is denied")


def _window(ident: str, days: int) -> Any:
    def apply(plan: Plan, value: Any, name: str) -> None:
        plan.limit(Counted(ident, number(value, name, _places(plan)), days * DAY_S), name)

    return apply


def _allowed(plan: Plan, value: Any, name: str) -> None:
    named = [(each, each) for each in words(value, name)]
    if not named:
        plan.report.kept(name, "an empty list: anyone can be paid")
        return
    found = parties(name, named, plan.place, plan.report)
    plan.payees = [Payee(label, address) for label, address in found]
    plan.report.kept(name, f"only these {len(found)} can be paid")


def _blocked(plan: Plan, value: Any, name: str) -> None:
    named = [(each, each) for each in words(value, name)]
    plan.blocked += parties(name, named, plan.place, plan.report, blocked=True)
    plan.report.kept(name, "a forbid, which no other rule can change")


def _velocity(plan: Plan, value: Any, name: str) -> None:
    values = table(value, name)
    spelled = ({"maxCount", "windowSeconds"}, {"max_count", "window_seconds"})
    if set(values) not in spelled:
        plan.unknown(name)
        return
    count = values.get("maxCount", values.get("max_count"))
    window = values.get("windowSeconds", values.get("window_seconds"))
    counted = Counted("velocity", Decimal(whole(count, name)), whole(window, name), measure="count")
    plan.limit(counted, name)


def _approval(plan: Plan, value: Any, name: str) -> None:
    if flag(value, name):
        plan.report.kept(name, "above the threshold a person approves; without one, always")
        plan.approval_above = plan.approval_above or Decimal(0)
    else:
        plan.report.kept(name, "no approval is asked for")


def _threshold(plan: Plan, value: Any, name: str) -> None:
    plan.approval_above = number(value, name, _places(plan))
    plan.report.kept(name, f"a payment above {plan.approval_above} needs approval")


def _never_reached(plan: Plan) -> None:
    cap, start = plan.cap, plan.approval_above
    if cap is not None and start is not None and start >= cap:
        text = f"approval above {start} is never reached: a payment above {cap} is denied"
        plan.report.kept("approval threshold", text)


def _timeout(plan: Plan, value: Any, name: str) -> None:
    plan.approval_s = max(whole(value, name), 1)
    plan.report.kept(name, f"unanswered after {plan.approval_s} s it has expired")


def _approvers(plan: Plan, value: Any, name: str) -> None:
    text = f"{listed(words(value, name))}: any operator of the guardian can approve"
    plan.report.not_kept(name, text)


# One row a field: its spellings, what it becomes here, and the function that writes it. Rows are
# applied in this order: tokens say in what the amounts of all others are.
_TOKENS = Field(("allowedTokens", "allowed_tokens"), "`assets` of the rules", _tokens)
_ALLOWED = Field(("allowedAddresses", "allowed_addresses"), "a list, and `to`", _allowed)
_BLOCKED = Field(("blockedAddresses", "blocked_addresses"), "a forbid", _blocked)
_MAX = Field(("maxTransactionAmount", "max_transaction_amount"), "`amount_max`", _max)
_DAY = Field(("dailyLimit", "daily_limit"), "a limit over 24h", _window("day", 1))
_MONTH = Field(("monthlyLimit", "monthly_limit"), "a limit over 30d", _window("month", 30))
_ON = Field(("requireHumanApproval",), "`approval` above the threshold", _approval)
_ABOVE = Field(("humanApprovalThreshold", "threshold"), "`amount_above`", _threshold)
_TIMEOUT = Field(("approvalTimeoutSeconds", "timeout_seconds"), "`timeout`", _timeout)
_APPROVERS = Field(("approvers",), "not kept: any operator approves", _approvers)
_NAME = Field(("name", "id", "description"), "nothing", label)

FIELDS: tuple[Field, ...] = (
    _NAME,
    _TOKENS,
    _ALLOWED,
    _BLOCKED,
    _MAX,
    _DAY,
    _MONTH,
    Field(("velocityLimit",), "a limit that counts", _velocity),
    Field(("schedule",), "a schedule, and `during`", schedule),
    _ON,
    _ABOVE,
    _TIMEOUT,
    _APPROVERS,
)
# Of the typed rules: their own fields, or the rule as a whole.
TYPES: dict[str, tuple[Field, ...]] = {
    "spending_limit": (_NAME, _MAX, _DAY, _MONTH),
    "address_control": (_NAME, _ALLOWED, _BLOCKED),
    "token_control": (_NAME, _TOKENS),
    "human_approval": (_NAME, _ABOVE, _TIMEOUT, _APPROVERS),
}
WHOLE: dict[str, Apply] = {"velocity_control": _velocity, "schedule": schedule}
