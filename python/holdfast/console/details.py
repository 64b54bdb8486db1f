"""A request in full, in words: what it does, why it waits, what is left of the limits, what the
agent says. Pure Text building.
"""

from __future__ import annotations

import json

from rich.text import Text

from holdfast.console.themes import Palette
from holdfast.console.words import Words
from holdfast.operator import format as fmt
from holdfast.operator.describe import tier
from holdfast.operator.model import Model
from holdfast.operator.request import Effect, Json, Request

LABEL = 10


def label(words: Words, name: str) -> Words:
    return words.put(f" {name:<{LABEL}}", "muted")


def head(request: Request, palette: Palette) -> Text:
    """Amount and payee, whole and first: nothing an agent wrote can push them away."""
    words = Words(palette)
    effect = request.main_effect
    if effect is None:
        label(words, "DOES").line("unknown: no effects were decoded", "alarm bold")
    else:
        label(words, effect.verb.upper()[:LABEL])
        words.put(effect.amount_text or "no amount", "foreground bold")
        words.line(f"   {fmt.usd(request.usd)}", "muted" if request.usd is not None else "warn")
        payee = fmt.safe(effect.to, 80) if effect.to else "a new contract"
        label(words, "TO").line(payee, "foreground bold")
    label(words, "FROM").line(f"{fmt.safe(request.wallet, 80)}")
    label(words, "AGENT").put(fmt.safe(request.agent, 40), "foreground bold")
    words.line(f"   chain {fmt.safe(request.raw.get('chain_id'), 24)}", "muted")
    others = sum(1 for item in request.effects if item.kind != "fee") - 1
    if others > 0:
        label(words, "AND").line(f"! {others} more effects, listed below", "warn bold")
    for warning in request.rows("warnings")[:3]:
        code, text = fmt.safe(warning.get("code"), 40), fmt.safe(warning.get("text"), 120)
        label(words, "WARNING").line(f"! {code}: {text}", "alarm bold")
    if request.opaque and not any(w.get("code") == "opaque" for w in request.rows("warnings")):
        label(words, "WARNING").line("! cannot be decoded fully: it may do more", "alarm bold")
    return _trim(words.text)


def status_line(request: Request, model: Model, palette: Palette, mono: float) -> Text:
    """Id, state, time left, approvals so far."""
    words = Words(palette)
    mark = request.mark
    words.put(f" {fmt.safe(request.id, 24)} ", "accent bold")
    words.put(f"{mark.glyph} {mark.word}", f"{mark.tone} bold")
    if request.pending and request.deadline is not None:
        left = fmt.countdown(request.deadline - model.now_ms(mono))
        what = "starts in" if request.state == "waiting-delay" else "left"
        words.put(f"  {what} {left}" if what != "left" else f"  {left} left", mark.tone)
    if request.pending and request.state != "waiting-delay":
        words.put(f"  approvals {request.approvals}/{request.quorum}", "muted")
    freeze = model.frozen_for(request) if request.pending else None
    if freeze is not None:
        words.put("  ■ in a frozen scope", "alarm bold")
    return words.text


def body(request: Request, model: Model, palette: Palette) -> Text:
    """Everything below the head."""
    words = Words(palette)
    _effects(words, request)
    _display(words, request)
    _warnings(words, request)
    _reasons(words, request)
    _limits(words, request)
    _agent_words(words, request)
    _history(words, model.history.get(request.id, []))
    _raw(words, request)
    return _trim(words.text)


def _section(words: Words, title: str) -> None:
    words.line()
    words.line(f" {title}", "accent bold")


def _effects(words: Words, request: Request) -> None:
    _section(words, "Effects, worst case")
    if not request.effects:
        words.line("  none decoded", "alarm")
    for number, effect in enumerate(request.effects, 1):
        tone = "alarm bold" if effect.unlimited else "foreground bold"
        words.put(f"  {number} ", "muted").put(f"{effect.verb} ", "foreground")
        words.line(effect.amount_text or "—", tone)
        for name, value in _effect_rows(effect):
            words.put(f"    {name:<8}", "muted").line(value)


def _effect_rows(effect: Effect) -> list[tuple[str, str]]:
    rows = []
    if effect.to is not None and effect.kind != "fee":
        rows.append(("to", fmt.safe(effect.to, 80)))
    if effect.source is not None and effect.kind != "fee":
        rows.append(("from", fmt.safe(effect.source, 80)))
    if effect.asset_address is not None:
        rows.append(("token", fmt.safe(effect.asset_address, 80)))
    if effect.expires is not None:
        rows.append(("until", fmt.stamp(effect.expires)))
    if effect.path:
        rows.append(("inside", fmt.safe(effect.path, 120)))
    return rows


def _display(words: Words, request: Request) -> None:
    rows = request.rows("display")
    if not rows:
        return
    _section(words, "In words")
    for row in rows:
        words.put(f"  {fmt.safe(row.get('label'), 40):<16} ", "muted")
        words.line(fmt.safe(row.get("value"), 2_000))


def _warnings(words: Words, request: Request) -> None:
    rows = request.rows("warnings")
    if not rows:
        return
    _section(words, "Warnings")
    for row in rows:
        words.put(f"  ! warning {fmt.safe(row.get('code'), 60)} ", "alarm bold")
        words.line(fmt.safe(row.get("text"), 2_000))


def _reasons(words: Words, request: Request) -> None:
    _section(words, f"Verdict: {fmt.safe(tier(request.raw) or '?', 24)}")
    for row in request.rows("reasons"):
        words.put(f"  {fmt.safe(row.get('code'), 60):<18} ", "foreground")
        if row.get("rule"):
            words.put(fmt.safe(row["rule"], 60), "foreground bold")
        for name in ("observed", "limit"):
            if row.get(name) is not None:
                words.put(f"  {name} ", "muted").put(fmt.safe(row[name], 100))
        words.line()


def _limits(words: Words, request: Request) -> None:
    rows = request.rows("limits")
    if not rows:
        return
    _section(words, "Limits that count this")
    for row in rows:
        gauge(words, row, 16)


def gauge(words: Words, row: Json, width: int) -> None:
    """Two lines of one limit: bar with the numbers of used, reserved and left."""
    kind = str(row.get("measure", "count"))
    unit = (row.get("symbol"), row.get("decimals"))
    used, held, top = (number(row.get(name)) for name in ("used", "reserved", "max"))
    filled, waiting, free = fmt.bar(used, held, top, width)
    share = (used + held) / top if top else 1.0
    tone = "alarm" if share >= 0.95 else "warn" if share >= 0.75 else "ok"
    words.put("  ").put(f"{fmt.safe(row.get('limit'), 40):<18} ", "foreground bold")
    words.line(
        f"{fmt.safe(row.get('key'), 80)} · {fmt.window(number(row.get('window_ms')))}", "muted"
    )
    words.put("  ").put("█" * filled, tone).put("▒" * waiting, tone).put("░" * free, "muted")
    words.put(f" {fmt.measure(row.get('left'), kind, *unit)} left", f"{tone} bold")
    words.put(f" of {fmt.measure(row.get('max'), kind, *unit)}", "foreground")
    words.put(f" · used {fmt.measure(row.get('used'), kind, None, unit[1])}", "muted")
    reserved = fmt.measure(row.get("reserved"), kind, None, unit[1])
    words.line(f" · reserved {reserved}" if held else "", "muted")


def number(value: object) -> int:
    """An integer or its decimal string; anything else is 0."""
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else 0


def _agent_words(words: Words, request: Request) -> None:
    note = request.raw.get("note")
    message = (request.raw.get("request") or {}).get("message")
    if not note and not message:
        return
    _section(words, "The agent says — unchecked, not from Holdfast")
    for said in (note, message):
        if said:
            text = fmt.safe(said, 4_000)
            for start in range(0, len(text), 64):
                words.put("  ┃ ", "warn").line(text[start : start + 64], "italic foreground")


def _history(words: Words, rows: list[Json]) -> None:
    if not rows:
        return
    _section(words, "History (UTC)")
    for row in rows:
        at = row.get("at")
        words.put(f"  {fmt.clock(at if isinstance(at, int) else None)} ", "muted")
        kind = fmt.safe(row.get("kind"), 40).removeprefix("request.")
        words.put(f"{kind:<11} ").line(fmt.safe(row.get("text") or "", 400), "muted")


def _raw(words: Words, request: Request) -> None:
    _section(words, "Raw")
    for name in ("digest", "match_key", "method", "kind", "policy", "hash", "idempotency_key"):
        if request.raw.get(name):
            words.put(f"  {name:<16} ", "muted").line(fmt.safe(request.raw[name], 200))
    for name in ("gas_max", "fee_per_gas_max", "priority_fee_per_gas_max"):
        if request.raw.get(name) is not None:
            words.put(f"  {name:<16} ", "muted").line(fmt.safe(request.raw[name], 100))
    inner = request.raw.get("request")
    if inner is not None:
        text = json.dumps(inner, ensure_ascii=False, sort_keys=True)
        words.put(f"  {'request':<16} ", "muted").line(fmt.safe(text, 16_000))


def _trim(text: Text) -> Text:
    text.rstrip()
    return text
