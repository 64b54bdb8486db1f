"""Event records in an operator's words: one feed row an event, one history line a request event.

Pure.
"""

from __future__ import annotations

from holdfast.codes import Code
from holdfast.operator import format as fmt
from holdfast.operator.feed import FeedRow
from holdfast.operator.gwei import gwei
from holdfast.operator.request import Json, Request
from holdfast.operator.states import UNKNOWN, VERDICTS, Mark, state_mark

MARKS: dict[str, Mark] = {
    "guardian.created": Mark("info", "◆", "created"),
    "guardian.started": Mark("info", "◆", "started"),
    "guardian.stopped": Mark("warn", "◆", "stopped"),
    "policy.loaded": Mark("info", "◆", "policy"),
    "config.loaded": Mark("info", "◆", "config"),
    "policy.scheduled": Mark("warn", "◆", "policy"),
    "policy.rejected": Mark("alarm", "!", "policy"),
    "freeze.set": Mark("alarm", "■", "FREEZE"),
    "freeze.lifted": Mark("ok", "□", "thaw"),
    "nonce.set": Mark("warn", "◆", "nonce"),
    "grant.given": Mark("warn", "◇", "grant"),
    "grant.revoked": Mark("ok", "◇", "grant"),
    "clock.jumped": Mark("warn", "!", "clock"),
    "clock.set": Mark("warn", "!", "clock"),
    "request.refused": Mark("alarm", "✗", "refused"),
    "request.approved": Mark("ok", "✓", "approval"),
    "request.delivered": Mark("muted", "·", "delivered"),
    "request.pending": Mark("muted", "·", "answered"),
    "request.replaced": Mark("warn", "»", "replaced"),
    "request.matured": Mark("info", "›", "due"),
    "request.attached": Mark("muted", "·", "attached"),
    "request.denied": state_mark("denied"),
    "request.expired": state_mark("expired"),
    "request.cancelled": state_mark("cancelled"),
    "request.authorised": state_mark("authorised"),
    "request.reopened": state_mark("authorising"),
    "request.failed": state_mark("failed"),
    "request.held": state_mark("held"),
}
# That an answer arrived where it was expected is not news.
SILENT = frozenset({"answers.delivered"})
REPLACED = {"fee": "higher fee", "cancel": "cancellation", "gap": "filling a gap"}


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


def frozen_by(freezes: list[Json], request: Request) -> Json | None:
    """The freeze that the guardian says covers the request; None while none does."""
    number = request.raw.get("frozen_by")
    if number is None:
        return None
    named = (freeze for freeze in freezes if freeze.get("freeze") == number)
    return next(named, {"freeze": number})


def reasons_text(reasons: object) -> str:
    """`limit_exceeded (shopper-day)`, joined by commas; a grant is the name of its rule."""
    if not isinstance(reasons, list):
        return ""
    words = []
    for reason in reasons:
        if isinstance(reason, dict):
            rule = reason.get("rule")
            code = fmt.safe(reason.get("code", "?"), 48)
            if code == Code.GRANTED and rule:
                words.append(f"rule {fmt.safe(rule, 48)}")
            else:
                words.append(f"{code} ({fmt.safe(rule, 48)})" if rule else code)
    return ", ".join(words)


def adds_text(row: Json) -> str:
    """`this request adds $9.00, up to $6.00 of it for its fee`, of a limit in a request's view.

    Empty for a limit alone.
    """
    if row.get("adds") is None:
        return ""
    unit = (str(row.get("measure")), row.get("symbol"), row.get("decimals"))
    words = f"this request adds {fmt.measure(row['adds'], *unit)}"
    if row.get("fee") in {None, "0"}:
        return words
    if row["fee"] == row["adds"]:
        return f"{words}, the most its fee can be"
    return f"{words}, up to {fmt.measure(row['fee'], *unit)} of it for its fee"


def event_mark(kind: str, data: Json) -> Mark:
    """Glyph, word and tone of an event: of what happened, not of where the request is by now."""
    if kind == "request.decided":
        return VERDICTS.get(tier(data), UNKNOWN)
    if kind == "request.sent":
        return state_mark("signed" if data.get("outcome") == "rejected" else "sent")
    if kind == "request.settled":
        return state_mark(str(data.get("outcome", "")))
    if kind == "request.signed":
        # A signature is the agent's at once; a transaction is sent first.
        return state_mark("released" if data.get("signature") else "signed")
    return MARKS.get(kind, UNKNOWN)


def request_words(kind: str, data: Json) -> str:
    """What a request event adds to the request's own summary."""
    if kind in _OF_CHAIN:
        return _OF_CHAIN[kind](data)
    if kind == "request.decided":
        return reasons_text(data.get("reasons")) if tier(data) == "deny" else ""
    if kind == "request.denied":
        by, why = fmt.safe(data.get("by", ""), 48), reasons_text(data.get("reasons"))
        return f"by {by}" if why == Code.DENIED_BY_OPERATOR else f"by {by} {why}".rstrip()
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
        return "accepted by the node" if outcome == "accepted" else f"{outcome}: {text}"
    if kind == "request.reopened":
        return f"decided again: {fmt.safe(data.get('why', ''), 120)}"
    if kind in _FIXED:
        return _FIXED[kind]
    return ""


def _settled(data: Json) -> str:
    words = []
    if data.get("outcome") == "cancelled":
        words.append("nothing was transferred")
    if data.get("block_number") is not None:
        words.append(f"block {fmt.safe(data['block_number'], 24)}")
    if data.get("proved") is False:
        words.append("reported by only one node")
    return ", ".join(words)


def _replaced(data: Json) -> str:
    """`cancellation by ana: nonce 7, fee 30 gwei`."""
    order = data.get("order")
    order = order if isinstance(order, dict) else {}
    why, by = fmt.safe(data.get("why", ""), 24), fmt.safe(data.get("by", ""), 48)
    fee = str(order.get("max_fee_per_gas", ""))
    price = f", fee {gwei(int(fee))}" if fee.isascii() and fee.isdigit() else ""
    return f"{REPLACED.get(why, why)} by {by}: nonce {fmt.safe(order.get('nonce'), 24)}{price}"


def _held(data: Json) -> str:
    return fmt.safe(data.get("why", ""), 200)


_FIXED = {
    "request.pending": "pending",
    "request.matured": "delay over",
    "request.attached": "repeated by its agent",
    "request.expired": "no answer in time",
}
_OF_CHAIN = {
    "request.held": _held,
    "request.replaced": _replaced,
    "request.settled": _settled,
}


def _signed(data: Json) -> str:
    """`, revision 4, signed`; journals of the first version have no revisions."""
    revision = data.get("revision")
    if not isinstance(revision, int):
        return ""
    word = "signed" if data.get("signature") else "stricter, unsigned"
    also = data.get("also")
    if isinstance(also, list) and also:
        word = f"signed by {len(also) + 1} operators"
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
    if kind == "policy.scheduled":
        name, due = fmt.safe(data.get("name", ""), 48), fmt.stamp(data.get("due_ms"))
        return f"{name} is looser: in force from {due}; {fmt.safe(data.get('looser', ''), 200)}"
    if kind == "policy.rejected":
        return f"new policy rejected, last good one kept: {fmt.safe(data.get('error', ''), 300)}"
    if kind == "freeze.set":
        text = f"{scope_text(data.get('scope'))} by {fmt.safe(data.get('actor', ''), 48)}"
        return f"{text}: {fmt.safe(data.get('reason', ''), 200)}"
    if kind == "freeze.lifted":
        return f"freeze {data.get('freeze')} lifted by {fmt.safe(data.get('by', ''), 48)}"
    if kind == "nonce.set":
        wallet, chain = fmt.safe(data.get("wallet", ""), 80), fmt.safe(data.get("chain_id"), 24)
        by, nonce = fmt.safe(data.get("by", ""), 48), fmt.safe(data.get("nonce"), 24)
        return f"wallet {wallet} on chain {chain} continues with nonce {nonce}, by {by}"
    if kind.startswith("grant."):
        by = fmt.safe(data.get("by", ""), 48)
        revoked = f"grant {data.get('grant')} revoked"
        return f"{grant_words(data) if kind == 'grant.given' else revoked}, by {by}"
    if kind == "clock.jumped":
        apart = int(data.get("wall_ms", 0)) - int(data.get("expected_ms", 0))
        return f"the system's clock is {apart / 1000:+.1f} s from the guardian's time"
    if kind == "clock.set":
        return f"set to {fmt.stamp(data.get('to_ms'))} by {fmt.safe(data.get('by', ''), 48)}"
    return ""


def grant_words(data: Json) -> str:
    """`grant 12: shopper may pay 500 USDC once to 0x… until 2026-12-01 10:00:00Z`.

    Takes the data of `grant.given`, or a row of the method `grants`.
    """
    units = fmt.amount(data.get("most"), data.get("decimals"), data.get("symbol"))
    often = "once" if data.get("once") else "in total"
    agent, to = fmt.safe(data.get("agent", "?"), 32), fmt.safe(data.get("to", "?"), 80)
    until = fmt.stamp(data.get("until_ms"))
    return f"grant {data.get('grant')}: {agent} may pay {units} {often} to {to} until {until}"


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
        mark = MARKS[kind]
        agent = fmt.safe(data.get("agent", ""), 32)
        return FeedRow(at, mark.tone, mark.glyph, mark.word, "", agent, f"{text}: {detail}")
    if not kind.startswith("request."):
        mark = MARKS.get(kind, UNKNOWN)
        words = system_words(kind, data) or fmt.safe(kind, 48)
        return FeedRow(at, mark.tone, mark.glyph, mark.word, "", "", words)
    shown = request
    if kind == "request.decided" and (shown is None or shown.id != data.get("id")):
        shown = Request.read({**data, "summary": record.get("summary")})
    mark = event_mark(kind, data)
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
