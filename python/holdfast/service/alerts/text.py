"""What an event says on a phone: how much it matters, and words without a foreign mark in them.

Chat programs turn parts of a text into links, mentions and formatting. Words of agents must not do
that there, so `plain` takes the meaning out of every such mark before a message is stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from holdfast._core import display_safe
from holdfast.codes import Code
from holdfast.service.alerts.routes import Severity
from holdfast.service.runtime.event import Record
from holdfast.summary import Summary, bounded, left_out, once
from holdfast.wording import UNMEASURED, VERBS, amount, decimal, grave_first

LINE_CHARACTERS_MAX = 160
LINES_MAX = 12
WARNINGS_MAX = 2
REASONS_MAX = 6
# The last second of the year 9999.
SECONDS_MAX = 253_402_300_799

Decided = Callable[[str], Record | None]
"""Gives the data of `request.decided` for a request id, or None when it is not to be had."""
Lines = list[str]
"""The title of an alert, then the lines of its body; empty ones are left out."""
Handler = Callable[[Record, Decided], Lines]
SUMMARY = "summary"
"""Where `Decided`, and callers of `describe` put the guardian's own summary of a decision."""

_MARKUP = str.maketrans(dict.fromkeys("<>[]{}*_~`|#\\", "·"))
_DOT_IN_NAME = re.compile(r"(?<=[^\W_])\.(?=[^\W\d_])|(?<=[^\W\d_])\.(?=[^\W_])")


@dataclass(frozen=True)
class Alert:
    """One message before it is addressed. Title and body are plain text; lines end in LF."""

    severity: Severity
    title: str
    body: str


def plain(text: object, max_chars: int = LINE_CHARACTERS_MAX) -> str:
    """`text` on one line, without control characters and without anything a chat program acts on.

    `@` becomes `(at)`, `://` becomes `:/ /`, a dot between letters `(dot)`, and formatting marks
    `·`.
    """
    safe = display_safe(str(text), max_chars).translate(_MARKUP)
    safe = safe.replace("@", "(at)").replace("://", ":/ /").replace("\n", " ")
    return _DOT_IN_NAME.sub("(dot)", safe)


def describe(record: Record, severity: Severity, decided: Decided) -> Alert:
    """The alert of an event of this severity."""
    title, *lines = _HANDLERS[record["kind"]](record["data"], decided)
    body = "\n".join(_bounded([line for line in lines if line], LINES_MAX))
    return Alert(severity, f"Holdfast: {title}", body or title)


def _who(data: Record) -> str:
    return f"{plain(data.get('agent', '?'))} {plain(data.get('id', ''))}".strip()


def _reasons(data: Record) -> str:
    reasons = data.get("reasons")
    words = []
    for reason in reasons if isinstance(reasons, list) else []:
        text = plain(reason.get("code", ""))
        if reason.get("rule"):
            text += f" ({plain(reason['rule'])})"
        words.append(text)
    if not words:
        return ""
    more = max(0, len(words) - REASONS_MAX) + left_out(data, "reasons")
    after = f" and {more} more" if more else ""
    return f"Why: {', '.join(words[:REASONS_MAX])}{after}"


def _details(data: Record | None) -> list[str]:
    """What the request does, in the order of the console.

    Warnings, the sum and the worthiest party, then the decoded lines; of several things at once the
    effects, because the lines of the last call would be cut off.
    """
    if data is None:
        return []
    display = data.get("display", [])
    warnings = grave_first(data.get("warnings", []))
    lines = [f"Warning: {plain(each.get('text', ''))}" for each in warnings[:WARNINGS_MAX]]
    more = max(0, len(warnings) - WARNINGS_MAX) + left_out(data, "warnings")
    if more:
        lines.append(f"and {more} more warnings")
    summary = Summary.of(data, data.get(SUMMARY))
    lines += _summed(summary)
    room = LINES_MAX - 2 - len(lines)
    if sum(1 for row in display if row.get("label") == "Action") > 1:
        shown, missing = _effects(once(data), summary), left_out(data, "effects")
    else:
        shown = [_line(row, summary) for row in display]
        missing = left_out(data, "display")
    lines += _bounded(shown, room, missing)
    if data.get("note"):
        lines.append(f'The agent says: "{plain(data["note"])}"')
    if data.get("merchant"):
        lines.append(f"The agent says that it pays {plain(data['merchant'])}")
    return lines


def _bounded(lines: list[str], room: int, missing: int = 0) -> list[str]:
    """The lines that fit, and the number of the others and of those that are `missing`."""
    all_fit = len(lines) + bool(missing) <= room
    kept = len(lines) if all_fit else max(0, room - 1)
    more = len(lines) - kept + missing
    return [*lines[:kept], f"and {more} more lines"] if more else lines


def _line(row: Record, summary: Summary) -> str:
    value = str(row.get("value", ""))
    line = f"{plain(row.get('label', ''))}: {plain(value)}"
    return f"{line} {plain(summary.label_of(value))}".rstrip()


def _summed(summary: Summary) -> list[str]:
    """`In all 3.0023 ETH to 14 parties, 13 of them on no list`, and who gets most of it."""
    if summary.parties < 2 and len(summary.totals) < 2 and not summary.missing:
        return []
    besides = "".join(f" +{kind}" for kind in summary.besides)
    sums = f"{summary.amounts or summary.verb}{besides}"
    lines = [plain(f"In all: {sums} {summary.to_whom}".rstrip())]
    party = summary.worthiest
    if party is not None:
        gets = bounded(party.gets) or ", ".join(party.kinds)
        standing = f" ({party.standing})" if party.standing else ""
        lines.append(plain(f"Most: {gets} to {party.address}{standing}"))
    return lines


def _effects(effects: list[Record], summary: Summary) -> list[str]:
    """A line for each effect but the fee; without a limit and in charge first."""
    rows = [effect for effect in effects if effect.get("effect") != "fee"]
    rows.sort(key=lambda effect: not (effect.get("unlimited") or effect.get("effect") == "control"))
    # Only what can be shown is put into words; the others are counted.
    shown = [_effect(effect, summary) for effect in rows[:LINES_MAX]]
    return shown + [""] * (len(rows) - LINES_MAX)


def _effect(effect: Record, summary: Summary) -> str:
    kind, asset = str(effect.get("effect", "")), effect.get("asset") or {}
    words = VERBS.get(kind, kind)
    if kind not in UNMEASURED:
        unlimited = bool(effect.get("unlimited"))
        what = (asset.get("decimals"), asset.get("symbol"))
        sum_of = amount(
            effect.get("amount"), *what, unlimited=unlimited, standard=asset.get("standard")
        )
        words = f"{words} {sum_of}"
    if effect.get("function"):
        words = f"{words} {effect['function']}"
    to = f": {effect['to']} {summary.label_of(effect['to'])}" if effect.get("to") else ""
    return plain(f"{words[:1].upper()}{words[1:]}{to}".rstrip())


def _about(data: Record, decided: Decided) -> tuple[str, list[str]]:
    known = decided(str(data.get("id", "")))
    return _who(known or data), _details(known)


def _decided(data: Record, _: Decided) -> Lines:
    who, details = _who(data), _details(data)
    match data.get("state"):
        case "waiting-approval":
            title = f"approval needed: {who}"
            return [title, *details, _reasons(data)]
        case "waiting-delay":
            return [f"signed after its delay: {who}", *details]
        case "denied":
            reasons = _reasons(data)
            return [f"denied: {who}", reasons, *details]
    return [f"allowed: {who}", *details]


def _denied(data: Record, decided: Decided) -> Lines:
    who, details = _about(data, decided)
    if data.get("by") == "policy":
        return [f"denied: {who}", _reasons(data), *details]
    return [f"denied by {plain(data.get('by'))}: {who}", *details]


def _refused(data: Record, _: Decided) -> Lines:
    said = f"{plain(data.get('method', ''))}: {plain(data.get('text', ''))}"
    return [f"refused: {plain(data.get('agent', '?'))}", said]


def _approved(data: Record, decided: Decided) -> Lines:
    who, details = _about(data, decided)
    count = f"{data.get('approvals')} of {data.get('quorum')}"
    return [f"approved by {plain(data.get('by'))} ({count}): {who}", *details]


def _ended(word: str) -> Handler:
    def handler(data: Record, decided: Decided) -> Lines:
        who, details = _about(data, decided)
        return [f"{word}: {who}", plain(data.get("text", "")), *details]

    return handler


def _failed(data: Record, decided: Decided) -> Lines:
    if data.get("code") != Code.WOULD_DIFFER:
        word = "could not be sent; nothing was signed"
        return _ended(word)(data, decided)
    # A decoder that is wrong, or a contract that is not what it was taken for.
    word = "would do more than was decided; nothing was signed"
    return _ended(word)(data, decided)


def _sent(data: Record, decided: Decided) -> Lines:
    who, details = _about(data, decided)
    title = f"not executed on the chain ({plain(data.get('outcome'))}): {who}"
    return [title, plain(data.get("text", "")), *details]


def _settled(data: Record, decided: Decided) -> Lines:
    outcome = data.get("outcome")
    if outcome == "cancelled":
        word = "a zero-value transfer used its nonce; only the fee was paid"
        return _ended(word)(data, decided)
    who, details = _about(data, decided)
    if outcome != "confirmed" and data.get("proved") is False:
        words = "Only one node reports this: the full amount stays counted until its windows end."
        details = [words, *details]
    return [f"{plain(outcome)}: {who}", *details]


def _replaced(data: Record, decided: Decided) -> Lines:
    who, details = _about(data, decided)
    order = data.get("order", {})
    what = "being cancelled" if data.get("why") == "cancel" else "sent with a higher fee"
    fee = f"{decimal(int(order['max_fee_per_gas']), 9)} gwei"
    line = f"Nonce {int(order['nonce'])}, fee {fee} per gas"
    return [f"{what} by {plain(data.get('by'))}: {who}", line, *details]


def _held(data: Record, decided: Decided) -> Lines:
    who, details = _about(data, decided)
    step = "Next: approve it to send it as it is, or deny it."
    return [f"held: {who}", plain(data.get("why", "")), step, *details]


def _nonce_set(data: Record, _: Decided) -> Lines:
    where = f"Wallet {plain(data.get('wallet', '?'))} on chain {int(data.get('chain_id', 0))}"
    title = f"nonce ledger set to {int(data.get('nonce', 0))} by {plain(data.get('by', '?'))}"
    return [title, where]


def _grant_given(data: Record, _: Decided) -> Lines:
    units = decimal(int(data.get("most", 0)), int(data.get("decimals", 0)))
    most = f"{units} {plain(data.get('symbol', ''))}"
    often = "once" if data.get("once") else "in total"
    title = f"grant {int(data.get('grant', 0))} for {plain(data.get('agent', '?'))}: {most} {often}"
    by = f"By {plain(data.get('by', '?'))}: {plain(data.get('reason', ''))}".rstrip(": ")
    return [title, f"To {plain(data.get('to', '?'))}", by]


def _grant_revoked(data: Record, _: Decided) -> Lines:
    return [f"grant {int(data.get('grant', 0))} revoked by {plain(data.get('by', '?'))}"]


def _scope(scope: Any) -> str:
    kind = plain(scope.get("kind", "?"))
    return f"{kind} {plain(scope['id'])}" if scope.get("id") else kind


def _frozen(data: Record, _: Decided) -> Lines:
    counts = f"{len(data.get('ended', []))} requests ended, {len(data.get('held', []))} held"
    return [
        f"frozen: {_scope(data.get('scope', {}))}",
        f"By {plain(data.get('actor', '?'))}: {plain(data.get('reason', ''))}",
        counts,
    ]


def _thawed(data: Record, _: Decided) -> Lines:
    title = f"freeze {data.get('freeze')} lifted by {plain(data.get('by', '?'))}"
    return [title]


def _policy_loaded(data: Record, _: Decided) -> Lines:
    digest = str(data.get("digest", ""))[:16]
    title = f"policy loaded: {plain(data.get('name', '?'))}"
    return [title, f"Digest {plain(digest)}, by {plain(data.get('by', '?'))}"]


def _policy_scheduled(data: Record, _: Decided) -> Lines:
    due = _at(data.get("due_ms", 0))
    title = f"looser policy signed: {plain(data.get('name', '?'))}, in force from {due}"
    body = f"By {plain(data.get('by', '?'))}: {plain(data.get('looser', ''))}"
    return [title, body, "Next: apply another policy before then if this one is not wanted."]


def _config_loaded(data: Record, _: Decided) -> Lines:
    digest = plain(str(data.get("digest", ""))[:16])
    return [
        f"configuration signed: revision {int(data.get('revision', 0))}",
        f"Digest {digest}; used from the next start on",
    ]


def _policy_rejected(data: Record, _: Decided) -> Lines:
    title = "policy file rejected; the last good one stays in force"
    return [title, plain(data.get("error", ""))]


def _clock_jumped(data: Record, _: Decided) -> Lines:
    """Every start after a while has one; what is not well then is a condition."""
    seconds = (int(data.get("wall_ms", 0)) - int(data.get("expected_ms", 0))) // 1000
    title = f"the system's clock is {seconds} s from the guardian's time"
    return [title, "`holdfast clock` shows the details."]


def _at(ms: Any) -> str:
    seconds = min(int(ms) // 1000, SECONDS_MAX)
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _clock_set(data: Record, _: Decided) -> Lines:
    body = f"To {_at(data.get('to_ms', 0))}, by {plain(data.get('by', '?'))}"
    return ["the guardian's clock was set", body]


def _said(words: str) -> Handler:
    return lambda _data, _decided: [words]


_HANDLERS: dict[str, Handler] = {
    "guardian.started": _said("started"),
    "guardian.stopped": _said("stopped: nothing is signed until it runs again"),
    "policy.loaded": _policy_loaded,
    "config.loaded": _config_loaded,
    "policy.scheduled": _policy_scheduled,
    "policy.rejected": _policy_rejected,
    "request.refused": _refused,
    "request.decided": _decided,
    "request.denied": _denied,
    "request.approved": _approved,
    "request.expired": _ended("no answer in time"),
    "request.cancelled": _ended("cancelled"),
    "request.failed": _failed,
    "request.sent": _sent,
    "request.settled": _settled,
    "request.replaced": _replaced,
    "request.held": _held,
    "nonce.set": _nonce_set,
    "grant.given": _grant_given,
    "grant.revoked": _grant_revoked,
    "freeze.set": _frozen,
    "freeze.lifted": _thawed,
    "clock.jumped": _clock_jumped,
    "clock.set": _clock_set,
}

KINDS = frozenset(_HANDLERS)
# What a route names to take conditions, beside kinds of events.
CONDITION = "condition"
