"""Event records in an operator's words: one feed row an event, one history line a request event.
Pure.
"""

from __future__ import annotations

from holdfast.operator import format as fmt
from holdfast.operator.feed import FeedRow
from holdfast.operator.request import Json, Request
from holdfast.operator.states import UNKNOWN, VERDICTS, Mark, state_mark

SYSTEM: dict[str, Mark] = {
    "guardian.created": Mark("info", "◆", "created"),
    "guardian.started": Mark("info", "◆", "started"),
    "guardian.stopped": Mark("warn", "◆", "stopped"),
    "policy.loaded": Mark("info", "◆", "policy"),
    "config.loaded": Mark("info", "◆", "config"),
    "policy.rejected": Mark("alarm", "!", "policy"),
    "freeze.set": Mark("alarm", "■", "FREEZE"),
    "freeze.lifted": Mark("ok", "□", "thaw"),
    "clock.jumped": Mark("warn", "!", "clock"),
    "clock.set": Mark("warn", "!", "clock"),
    "request.refused": Mark("alarm", "✗", "refused"),
    "request.approved": Mark("ok", "✓", "approval"),
    "request.delivered": Mark("muted", "·", "told"),
    "request.pending": Mark("muted", "·", "pending"),
}

REQUEST_STATE = {
    "request.denied": "denied",
    "request.expired": "expired",
    "request.cancelled": "cancelled",
    "request.authorised": "authorised",
    "request.reopened": "authorising",
    "request.failed": "failed",
}


def tier(data: Json) -> str:
    """The tier of a decision: `instant`, `notify`, `delay`, `approval` or `deny`."""
    verdict = data.get("verdict")
    return str(verdict.get("tier", "")) if isinstance(verdict, dict) else str(verdict or "")


def scope_text(scope: Json | None) -> str:
    """`everything`, `agent shopper`, `wallet 0x…`."""
    scope = scope or {}
    kind = fmt.safe(scope.get("kind", "?"), 24)
    ident = scope.get("id")
    return kind if ident is None else f"{kind} {fmt.safe(ident, 80)}"


def reasons_text(reasons: object) -> str:
    """`limit_exceeded (shopper-day)`, joined by commas."""
    if not isinstance(reasons, list):
        return ""
    words = []
    for reason in reasons:
        if isinstance(reason, dict):
            rule = reason.get("rule")
            code = fmt.safe(reason.get("code", "?"), 48)
            words.append(f"{code} ({fmt.safe(rule, 48)})" if rule else code)
    return ", ".join(words)


def state_after(kind: str, data: Json, request: Request | None) -> str | None:
    """The state a request event leaves its request in; None when it does not change it."""
    if kind in REQUEST_STATE:
        return REQUEST_STATE[kind]
    if kind == "request.decided":
        return str(data.get("state", ""))
    if kind == "request.settled":
        return str(data.get("outcome", ""))
    if kind == "request.signed":
        releases = request is not None and (
            request.raw.get("kind") != "transaction"
            or request.raw.get("method") == "eth_signTransaction"
        )
        return "released" if releases else "signed"
    if kind == "request.sent":
        return "signed" if data.get("outcome") == "rejected" else "sent"
    if kind == "request.approved":
        return approved_state(data, request)
    return None


def approved_state(data: Json, request: Request | None) -> str | None:
    """Approving a held request sends the same bytes; a waiting one goes on when its quorum is
    full.
    """
    if request is not None and request.state == "held":
        return "signed"
    approvals, quorum = data.get("approvals"), data.get("quorum", 1)
    count = len(approvals) if isinstance(approvals, list) else approvals
    if isinstance(count, int) and isinstance(quorum, int) and count >= quorum:
        return "authorising"
    return None


def event_mark(kind: str, data: Json, request: Request | None) -> Mark:
    """Glyph, word and tone of an event."""
    if kind in SYSTEM:
        return SYSTEM[kind]
    if kind == "request.decided":
        return VERDICTS.get(tier(data), UNKNOWN)
    state = state_after(kind, data, request)
    return state_mark(state) if state else UNKNOWN


def request_words(kind: str, data: Json) -> str:
    """What a request event adds to the request's own summary."""
    if kind == "request.decided":
        return reasons_text(data.get("reasons")) if tier(data) == "deny" else ""
    if kind == "request.denied":
        by = fmt.safe(data.get("by", ""), 48)
        return f"by {by} {reasons_text(data.get('reasons'))}".rstrip()
    if kind == "request.approved":
        by = fmt.safe(data.get("by", ""), 48)
        count = data.get("approvals")
        count = len(count) if isinstance(count, list) else count
        return f"by {by} {count}/{data.get('quorum', 1)}"
    if kind == "request.cancelled":
        return (
            f"by {fmt.safe(data.get('by', ''), 48)} {fmt.safe(data.get('why', ''), 120)}".rstrip()
        )
    if kind == "request.failed":
        return f"{fmt.safe(data.get('code', ''), 48)}: {fmt.safe(data.get('text', ''), 200)}"
    if kind == "request.signed":
        return fmt.safe(data.get("hash", ""), 80)
    if kind == "request.sent":
        outcome, text = fmt.safe(data.get("outcome", ""), 24), fmt.safe(data.get("text", ""), 200)
        return f"{outcome} {text}".rstrip()
    if kind == "request.settled" and data.get("block_number") is not None:
        word = ", by the word of one node" if data.get("proved") is False else ""
        return f"block {fmt.safe(data['block_number'], 24)}{word}"
    if kind == "request.reopened":
        return f"decided again: {fmt.safe(data.get('why', ''), 120)}"
    if kind == "request.expired":
        return "nobody answered"
    return ""


def _signed(data: Json) -> str:
    """`, revision 4, signed`; journals of the first version have no revisions."""
    revision = data.get("revision")
    if not isinstance(revision, int):
        return ""
    word = "signed" if data.get("signature") else "stricter, unsigned"
    return f", revision {revision}, {word}"


def system_words(kind: str, data: Json) -> str:
    """The text of an event that belongs to no request."""
    if kind.startswith("guardian."):
        return f"guardian {kind.split('.')[1]} {fmt.safe(data.get('version', ''), 24)}".rstrip()
    if kind == "policy.loaded":
        name, digest = fmt.safe(data.get("name", ""), 48), fmt.safe(data.get("digest", ""), 80)
        return f"loaded {name} {digest[:12]} by {fmt.safe(data.get('by', ''), 48)}{_signed(data)}"
    if kind == "config.loaded":
        digest = fmt.safe(data.get("digest", ""), 80)
        return f"configuration {digest[:12]} by {fmt.safe(data.get('by', ''), 48)}{_signed(data)}"
    if kind == "policy.rejected":
        return f"new policy refused, last good kept: {fmt.safe(data.get('error', ''), 300)}"
    if kind == "freeze.set":
        text = f"{scope_text(data.get('scope'))} by {fmt.safe(data.get('actor', ''), 48)}"
        return f"{text}: {fmt.safe(data.get('reason', ''), 200)}"
    if kind == "freeze.lifted":
        return f"freeze {data.get('freeze')} lifted by {fmt.safe(data.get('by', ''), 48)}"
    if kind == "clock.jumped":
        apart = int(data.get("wall_ms", 0)) - int(data.get("expected_ms", 0))
        return f"the system's clock is {apart / 1000:+.1f} s from the guardian's time"
    if kind == "clock.set":
        return f"set to {fmt.stamp(data.get('to_ms'))} by {fmt.safe(data.get('by', ''), 48)}"
    return ""


def feed_row(record: Json, request: Request | None, extra: str | None = None) -> FeedRow:
    """The feed line of one event record; `request` is its request, if known.

    `extra` is what `request_words` says of the event, when that is known already.
    """
    kind = str(record.get("kind", "?"))
    data: Json = record.get("data") or {}
    at = int(record.get("at", 0))
    if kind == "request.refused":
        text = f"{fmt.safe(data.get('method', ''), 48)} {fmt.safe(data.get('code', ''), 48)}"
        detail = fmt.safe(data.get("text", ""), 200)
        mark = SYSTEM[kind]
        agent = fmt.safe(data.get("agent", ""), 32)
        return FeedRow(at, mark.tone, mark.glyph, mark.word, "", agent, f"{text}: {detail}")
    if not kind.startswith("request."):
        mark = SYSTEM.get(kind, UNKNOWN)
        words = system_words(kind, data) or fmt.safe(kind, 48)
        return FeedRow(at, mark.tone, mark.glyph, mark.word, "", "", words)
    shown = request
    if kind == "request.decided" and (shown is None or shown.id != data.get("id")):
        shown = Request.read({**data, "summary": record.get("summary")})
    mark = event_mark(kind, data, request)
    if extra is None:
        extra = request_words(kind, data)
    if kind == "request.decided":
        state = str(data.get("state", ""))
        mark = state_mark(state) if state in {"denied", "waiting-delay"} else mark
    words = " · ".join(part for part in (shown.summary if shown else "", extra) if part)
    agent = fmt.safe(shown.agent, 32) if shown else ""
    ident = fmt.safe(data.get("id", ""), 24)
    return FeedRow(at, mark.tone, mark.glyph, mark.word, ident, agent, words)


def history_line(record: Json, words: str) -> Json:
    """An entry of a request view's `history`, made from the event itself."""
    kind = str(record.get("kind", "?"))
    return {"seq": record.get("seq"), "at": record.get("at"), "kind": kind, "text": words}
