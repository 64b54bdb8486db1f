"""A request in full, in words. Pure Text building.

What it does, why it waits, what is left of the limits, what the agent says.
"""

from __future__ import annotations

import json
import textwrap

from rich.cells import chop_cells
from rich.text import Text

from holdfast.codes import Code
from holdfast.console import outgoing
from holdfast.console.themes import Palette
from holdfast.console.words import Words, cut
from holdfast.operator import format as fmt
from holdfast.operator.describe import adds_text, tier
from holdfast.operator.model import Model
from holdfast.operator.reading import (
    RETURNED,
    Sum,
    action,
    besides,
    counted,
    in_words,
    leaving,
    owing,
    parties,
    returning,
    warned,
)
from holdfast.operator.request import Effect, Json, Request
from holdfast.operator.whole import whole as whole_lines

LABEL = 10
RULE = 60
# What the head shows of a long list; all of it must fit above the keys in 24 lines of 80 cells.
WARNING_LINES = 5
WARNING_CELLS = 62
LINES_EACH = 2
LINES_ALONE = 3
AMOUNT_CELLS = 48
MORE_CELLS = 14
GETS_CELLS = 18
LABEL_CELLS = 24
PARTIES_ABOVE = 3
HARMLESS = frozenset({"revoke", "convert"})
CLAIM_LINES = 80
# Why it was decided so, as a title above the reasons.
VERDICTS = {
    "instant": "Allowed",
    "notify": "Allowed, with an alert",
    "delay": "Allowed after a delay",
    "approval": "Needs approval",
    "deny": "Denied",
}
# Cells of a value in words; what is longer goes on below its beginning.
VALUE_CELLS = 58
FOREIGN = "  ┃ "
WHOLE_CELLS_MIN = 16
SIGNED = frozenset({"typed-data", "message"})


def label(words: Words, name: str) -> Words:
    return words.put(f" {name:<{LABEL}}", "muted")


def head(request: Request, palette: Palette) -> Text:
    """Warnings, amount and payee, whole and first: nothing an agent wrote can push them away."""
    words = Words(palette)
    _warned(words, request)
    _does(words, request)
    label(words, "FROM").line(f"{fmt.safe(request.wallet, 80)}")
    label(words, "AGENT").put(fmt.safe(request.agent, 40), "foreground bold")
    words.line(f"   chain {fmt.safe(request.raw.get('chain_id'), 24)}", "muted")
    return _trim(words.text)


def _warned(words: Words, request: Request) -> None:
    """The gravest first, as many as fit; the body has all of them in full."""
    warnings = warned(request)
    room = WARNING_LINES
    for number, warning in enumerate(warnings):
        lines = _wrapped(warning)
        each = _lines_each(warnings)
        if len(lines) > each:
            lines = [*lines[: each - 1], f"{lines[each - 1]} …"]
        last = number == len(warnings) - 1
        if len(lines) + (not last) > room:
            more = f"! {len(warnings) - number} more warnings, listed below"
            label(words, "WARNING").line(more, "alarm bold")
            return
        for line in lines:
            label(words, "WARNING" if line is lines[0] else "").line(line, "alarm bold")
        room -= len(lines)


def _lines_each(warnings: list[Json]) -> int:
    """How many lines of one warning the head has: one alone may be longer."""
    return LINES_EACH if len(warnings) > 1 else LINES_ALONE


def _wrapped(warning: Json) -> list[str]:
    code, text = fmt.safe(warning.get("code"), 40), fmt.safe(warning.get("text"), 2_000)
    return textwrap.wrap(f"! {code}: {text}", WARNING_CELLS, subsequent_indent="  ")


def _does(words: Words, request: Request) -> None:
    """What leaves and who gets it; of what moves nothing, what it is and whom it is about."""
    effect = request.main_effect
    if effect is None:
        label(words, "DOES").line("unknown: no effects were decoded", "alarm bold")
        return
    price, tone = fmt.usd(request.usd), "muted" if request.usd is not None else "warn"
    sums = leaving(request) or owing(request)
    moving = [part for each in sums for part in each.parts]
    amounts = [each.amount_text for each in sums] or [effect.amount_text]
    name = effect.verb if len(moving) < 2 else "at most"
    if not any(amounts):
        # Nothing countable moves: the action is all there is to say.
        name, amounts = "does", [effect.verb]
    label(words, name.upper()[:LABEL])
    shown_amounts = _fitting(amounts)
    words.put(" + ".join(shown_amounts), "foreground bold")
    if len(amounts) > len(shown_amounts):
        words.put(f" + ! {len(amounts) - len(shown_amounts)} more", "warn bold")
    words.line(f"   {price}", tone)
    gets = returning(request)
    if gets:
        more = f" + {len(gets) - 1} more, listed below" if len(gets) > 1 else ""
        label(words, "GET").put(f"at least {gets[0]}", "foreground bold").line(more)
    _to(words, request, effect, sums)
    shown = {id(part) for part in moving} or {id(effect)}
    others = [each for each in request.counted if id(each) not in shown and each.kind != "fee"]
    if others:
        # What the core says of a document is better than `sign data`.
        whole = action(request)
        named = [whole if whole and each.kind in SIGNED else each.verb for each in others]
        verbs = ", ".join(dict.fromkeys(named))
        harmless = all(each.kind in HARMLESS for each in others)
        text = f"{verbs}: listed below"
        label(words, "AND").line(text if harmless else f"! {text}", "" if harmless else "warn bold")


def _to(words: Words, request: Request, effect: Effect, sums: list[Sum]) -> None:
    """The worthiest party that is on no list first, whatever its place among the calls."""
    moving = [part for each in sums for part in each.parts]
    party = request.sums.worthiest
    first = party.address if party is not None else None
    payees = parties(sums, first) or ([effect.to] if effect.to else [])
    gets = " + ".join(party.gets) if party is not None and request.sums.unlisted else ""
    gets = f"! it gets {gets}; " if gets and len(gets) <= GETS_CELLS else ""
    shown = payees
    if len(payees) > PARTIES_ABOVE:
        # What the first one gets stands right below it, so no other one may be in between.
        shown = payees[:1] if gets else payees[: PARTIES_ABOVE - 1]
    kept = bool(moving) and all(part.kind in RETURNED for part in moving)
    name = "THROUGH" if kept else "TO"
    # Who gets none of the amount above is not named as if it were its payee.
    aside = first is not None and bool(moving) and all(part.to != first for part in moving)
    names = [party.role.upper(), name] if party is not None and aside else [name]
    for number, payee in enumerate(shown):
        label(words, names[number] if number < len(names) else "")
        words.put(fmt.safe(payee, 80), "foreground bold")
        known = party is not None and payee == party.address and party.standing
        if known and party:
            words.line(f" {party.standing}", "warn bold")
        else:
            words.line(f" {cut(request.sums.label_of(payee), LABEL_CELLS)}".rstrip(), "muted")
    if not payees and effect.kind not in SIGNED:
        label(words, "TO").line(
            "a new contract" if effect.kind == "deploy" else "no recipient named"
        )
    if len(payees) > len(shown):
        more = f"{gets or '! '}{len(payees) - len(shown)} more get something, listed below"
        label(words, "").line(more, "warn bold")


def _fitting(amounts: list[str]) -> list[str]:
    """As many as leave room for the price, at least one."""
    if len(" + ".join(amounts)) <= AMOUNT_CELLS:
        return amounts
    count = len(amounts)
    while count > 1 and len(" + ".join(amounts[:count])) > AMOUNT_CELLS - MORE_CELLS:
        count -= 1
    return amounts[:count]


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
    outgoing.status(words, request, model.now_ms(mono))
    freeze = model.frozen_for(request) if request.pending else None
    if freeze is not None:
        words.put("  ■ in a frozen scope", "alarm bold")
    return words.text


def whole(request: Request, palette: Palette, cells: int) -> Text:
    """All of what is signed, uncut, in lines of at most `cells`.

    Every line is marked as foreign: folded here and not by the widget, which would let a text begin
    a line without its mark.
    """
    words = Words(palette)
    room = max(WHOLE_CELLS_MIN, cells - len(FOREIGN))
    lines = [part for line in whole_lines(request) for part in _folded_hard(line, room)]
    words.line(f" Signed content in full: {len(lines):,} lines", "accent bold")
    for line in lines:
        words.put(FOREIGN, "warn").line(line)
    words.put(" ── end of the signed content", "accent bold")
    return words.text


def _folded_hard(line: str, cells: int) -> list[str]:
    """At spaces where there are some; nothing is wider than `cells` and nothing is dropped."""
    # Drawn as they will be shown: an escape is wider than what it stands for.
    shown = fmt.screen(line)
    words = textwrap.wrap(
        shown,
        cells,
        expand_tabs=False,
        replace_whitespace=False,
        drop_whitespace=False,
        break_on_hyphens=False,
    )
    return [part for word in words for part in chop_cells(word, cells)] or [""]


def body(request: Request, model: Model, palette: Palette) -> Text:
    """Everything below the head."""
    words = Words(palette)
    words.line(f" {counted(request)}", "muted")
    outgoing.waiting(words, request)
    outgoing.out(words, request)
    _warnings(words, request)
    _leaving(words, request)
    _besides(words, request)
    _display(words, request)
    _claim(words, request)
    _reasons(words, request)
    _limits(words, request)
    _agent_words(words, request)
    _history(words, model.history.get(request.id, []))
    _raw(words, request)
    return _trim(words.text)


def _section(words: Words, title: str) -> None:
    words.line()
    words.line(f" {title}", "accent bold")


def _warnings(words: Words, request: Request) -> None:
    """All of them in full, unless the head has them in full already."""
    warnings = warned(request)
    wrapped = [_wrapped(row) for row in warnings]
    long = any(len(lines) > _lines_each(warnings) for lines in wrapped)
    if sum(map(len, wrapped)) <= WARNING_LINES and not long:
        return
    _section(words, "Warnings")
    for line in (line for lines in wrapped for line in lines):
        words.line(f"  {line}", "alarm bold")


def _leaving(words: Words, request: Request) -> None:
    if not request.effects:
        _section(words, "Effects, worst case")
        words.line("  none decoded", "alarm")
    for title, sums in (
        ("Sends at most", leaving(request)),
        ("Owes at most", owing(request)),
    ):
        if sums:
            _section(words, title)
        for each in sums:
            _sum(words, each, request)


def _sum(words: Words, whole: Sum, request: Request) -> None:
    """One asset: the sum, and below it who can get how much of it."""
    token = whole.first.asset_address
    if len(whole.parts) == 1:
        _part(words, whole.first, request, "  ")
        if token is not None:
            _row(words, "token", fmt.safe(token, 80))
        return
    words.put("  ").put(whole.amount_text, _amount_tone(whole.unlimited))
    words.line(" in all", "muted")
    if token is not None:
        _row(words, "token", fmt.safe(token, 80))
    for part in whole.parts:
        _part(words, part, request, "    ")


def _part(words: Words, part: Effect, request: Request, indent: str) -> None:
    words.put(f"{indent}{part.verb} ", "foreground")
    words.line(part.amount_text, _amount_tone(part.unlimited))
    for name, value in _effect_rows(part, request):
        # Of a sum of several calls only the first would be named: the words below tell them apart.
        if name != "inside":
            _row(words, name, value)


def _amount_tone(unlimited: bool) -> str:
    return "alarm bold" if unlimited else "foreground bold"


def _row(words: Words, name: str, value: str) -> None:
    words.put(f"      {name:<7}", "muted").line(value)


def _effect_rows(effect: Effect, request: Request) -> list[tuple[str, str]]:
    rows = []
    if effect.to is not None and effect.kind != "fee":
        named = request.sums.label_of(effect.to)
        rows.append(("to", f"{fmt.safe(effect.to, 80)} {named}".rstrip()))
    if effect.source not in {None, request.wallet} and effect.kind != "fee":
        rows.append(("from", fmt.safe(effect.source, 80)))
    if effect.function is not None:
        rows.append(("known", fmt.safe(effect.function, 80)))
    if effect.expires is not None:
        rows.append(("until", fmt.stamp(effect.expires)))
    if effect.path:
        rows.append(("inside", f"no. {fmt.safe(_numbered(effect.path), 120)}"))
    return rows


def _numbered(path: str) -> str:
    """`0.2` as people count: `1.3`."""
    steps = path.split(".")
    counted = all(step.isascii() and step.isdigit() for step in steps)
    return ".".join(str(int(step) + 1) for step in steps) if counted else path


def _besides(words: Words, request: Request) -> None:
    rows = besides(request)
    if not rows:
        return
    _section(words, "Also" if len(rows) < len(request.counted) else "Effects")
    for effect in rows:
        control = effect.kind == "control"
        words.put("  ! " if control else "  ", "alarm bold")
        words.put(f"{effect.verb} ", "alarm bold" if control else "foreground")
        words.line(effect.amount_text, _amount_tone(effect.unlimited))
        for name, value in _effect_rows(effect, request):
            _row(words, name, value)


def _display(words: Words, request: Request) -> None:
    rows = request.rows("display")
    if not rows:
        return
    _section(words, "Decoded")
    for line in in_words(rows, request.sums.label_of):
        indent = "  " * (line.depth + 1)
        if line.heading:
            rule = "─" * max(2, RULE - len(indent) - len(line.label))
            words.line(f"{indent}── {line.label} {rule}", "info bold")
        else:
            name = f"{indent}{line.label:<16} "
            for number, part in enumerate(_folded(line.value)):
                words.put(" " * len(name) if number else name, "muted").line(part)


def _folded(value: str) -> list[str]:
    """At spaces only: an address or data stays in one piece."""
    folded = textwrap.wrap(
        value,
        VALUE_CELLS,
        expand_tabs=False,
        replace_whitespace=False,
        drop_whitespace=False,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return folded or [value]


def _claim(words: Words, request: Request) -> None:
    """What a descriptor says, apart from our own words and marked line by line."""
    rows = request.claim
    if not rows:
        return
    _section(words, "The contract's publisher claims — not checked by Holdfast")
    for row in rows[:CLAIM_LINES]:
        words.put("  ┃ ", "warn").put(f"{fmt.safe(row.get('label'), 80):<16} ", "muted")
        words.line(fmt.safe(row.get("value"), 1_024), "italic foreground")
    if len(rows) > CLAIM_LINES:
        words.put("  ┃ ", "warn").line(f"and {len(rows) - CLAIM_LINES} more lines", "muted")


def _reasons(words: Words, request: Request) -> None:
    given = tier(request.raw)
    _section(words, VERDICTS.get(given) or f"Verdict: {fmt.safe(given or '?', 24)}")
    for row in request.rows("reasons"):
        # The title says that it is granted, and how.
        code = "rule" if row.get("code") == Code.GRANTED else fmt.safe(row.get("code"), 60)
        words.put(f"  {code:<18} ", "foreground")
        if row.get("rule"):
            words.put(fmt.safe(row["rule"], 60), "foreground bold")
        for name in ("observed", "limit"):
            if row.get(name) is None:
                continue
            if name == "limit" and row.get("code") == Code.NO_GRANT:
                words.line().put(f"    {fmt.safe(row[name], 400)}", "muted")
            else:
                words.put(f"  {name} ", "muted").put(fmt.safe(row[name], 100))
        words.line()


def _limits(words: Words, request: Request) -> None:
    rows = request.rows("limits")
    if not rows:
        return
    _section(words, "Limits")
    for row in rows:
        gauge(words, row, 16)
        if adds := adds_text(row):
            words.line(f"  {adds}", "muted")


def gauge(words: Words, row: Json, width: int) -> None:
    """Two lines of one limit: bar with the numbers of used, reserved and left."""
    kind = str(row.get("measure", "count"))
    unit = (row.get("symbol"), row.get("decimals"))
    used, held, top = (number(row.get(name)) for name in ("used", "reserved", "max"))
    filled, waiting, free = fmt.bar(used, held, top, width)
    share = (used + held) / top if top else 1.0
    tone = "alarm" if share >= 0.95 else "warn" if share >= 0.75 else "ok"
    words.put("  ").put(f"{fmt.safe(row.get('limit'), 40):<18} ", "foreground bold")
    words.line(f"{fmt.safe(row.get('key'), 80)} · {fmt.safe(row.get('window'), 64)}", "muted")
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
    note, merchant = request.raw.get("note"), request.raw.get("merchant")
    if not note and not merchant:
        return
    _section(words, "The agent says — unchecked, not from Holdfast")
    if merchant:
        words.put("  ┃ ", "warn").line(f"it pays {fmt.safe(merchant, 253)}", "italic foreground")
    text = fmt.safe(note or "", 4_000)
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
