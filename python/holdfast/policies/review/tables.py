"""Rules that no request used, limits that stay far away, and what expires."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from holdfast.policies.review.edit import removed, with_key
from holdfast.policies.review.finding import TIGHTER, Finding, Json, Proposals, Relation
from holdfast.policies.review.history import ENDLESS, History, Peak
from holdfast.wording import decimal

# A limit whose use never came above this share of it is far away.
SHARE_PERCENT = 20
# An entry may also be what keeps an address from a milder rule, so the comparison of texts does not
# vouch for the removal of one; no request was found that it lets pass.
AS_STRICT: tuple[Relation, ...] = (*TIGHTER, "undecided")
EXPIRING_MS = 7 * 86_400_000


def unused(rules: list[tuple[int, Json]], history: History, make: Proposals) -> Iterator[Finding]:
    """Rules, with their places, without which every request is decided alike."""
    for number, rule in rules:
        if rule["id"] in history.named:
            continue
        without = partial(removed, history.policy, [("rule", number)])
        change, why = make.judged(without, *TIGHTER)
        if change is not None and change.milder + change.stricter:
            # No reason names it, but sums need it: it was used.
            continue
        yield Finding(
            "rule_unused",
            f"rule {rule['id']}",
            f"granted none of {history.total} requests",
            proposal=change,
            why_none=why,
        )


def far(limits: list[tuple[int, Json]], history: History, make: Proposals) -> Iterator[Finding]:
    """Limits that no sum came near; twice the highest one would have been enough."""
    for number, limit in limits:
        peak = history.peaks.get(limit["id"], Peak())
        if limit.get("window") in ENDLESS or peak.used * 100 > peak.max * SHARE_PERCENT:
            continue
        if not peak.used:
            yield Finding("limit_far", f"limit {limit['id']}", "nothing counted under it")
            continue
        used, most = (f"{decimal(each, peak.places)}{peak.unit}" for each in (peak.used, peak.max))
        lower = _round_up(peak.used * 2)
        value: Any = int(lower) if isinstance(limit["max"], int) else _plain(lower, peak.places)
        change, why = make.judged(
            partial(with_key, history.policy, ("limit", number), "max", value), "tighter"
        )
        yield Finding(
            "limit_far",
            f"limit {limit['id']}",
            f"at most {used} of {most} counted at one time, for {peak.key}",
            1,
            (peak.request,),
            used,
            change,
            why,
        )


def expiring(document: Json, history: History, make: Proposals) -> Iterator[Finding]:
    """Entries and rules that have expired, with their removal, or soon will."""
    for number, rule in enumerate(document.get("rule", [])):
        yield from _expiry(("rule", number), f"rule {rule['id']}", rule, history, make)
    for number, row in enumerate(document.get("list", [])):
        for place, entry in enumerate(row.get("entry", [])):
            name = f"entry {entry['address']} of @{row['id']}"
            at: tuple[str | int, ...] = ("list", number, "entry", place)
            yield from _expiry(at, name, entry, history, make)


def _expiry(
    place: tuple[str | int, ...],
    name: str,
    table: Json,
    history: History,
    make: Proposals,
) -> Iterator[Finding]:
    end = table.get("expires")
    if not isinstance(end, datetime):
        return
    left = end.timestamp() * 1000 - history.to_ms
    when = end.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    if left <= 0:
        change, why = make.judged(partial(removed, history.policy, [place]), *AS_STRICT)
        yield Finding("expired", name, f"expired at {when}", proposal=change, why_none=why)
    elif left <= EXPIRING_MS:
        why = "whether it is renewed is for you to say"
        yield Finding("expiring", name, f"expires at {when}", why_none=why)


def unpaid(
    document: Json, stable: set[tuple[str, str]], history: History, make: Proposals
) -> Iterator[Finding]:
    """Entries of lists that rules pay to; those that make something stricter are left alone.

    `stable` are those that were there for the whole span, as `entry_set` names them.
    """
    granting = _named(document, ("rule",), "to")
    strict = _named(document, ("forbid", "review"), "to") | _named(document, ("rule",), "not_to")
    for number, row in enumerate(document.get("list", [])):
        mark = f"@{row['id']}"
        if mark not in granting or mark in strict:
            continue
        entries = row.get("entry", [])
        found = [
            place
            for place, entry in enumerate(entries)
            if (row["id"], _identity(entry)) in stable and not _paid(entry, history)
        ]
        if not found:
            continue
        places = [("list", number, "entry", place) for place in found]
        without = partial(removed, history.policy, places)
        change, why = make.judged(without, *AS_STRICT)
        names = ", ".join(_shown(entries[place]) for place in found[:10])
        more = f" and {len(found) - 10} more" if len(found) > 10 else ""
        yield Finding(
            "entry_unpaid",
            f"list {mark}",
            f"{len(found)} of {len(entries)} entries were not paid: {names}{more}",
            len(found),
            proposal=change,
            why_none=why,
        )


def entry_set(document: Json) -> set[tuple[str, str]]:
    """`(list id, identity)` of every entry."""
    return {
        (row["id"], _identity(entry))
        for row in document.get("list", [])
        for entry in row.get("entry", [])
    }


def _identity(entry: Json) -> str:
    return f"{entry.get('chain', '')}:{entry['address']}"


def _paid(entry: Json, history: History) -> bool:
    address = entry["address"].lower()
    if "chain" in entry:
        return (entry["chain"], address) in history.paid
    return any(each == address for _, each in history.paid)


def _shown(entry: Json) -> str:
    label = f" ({entry['label']})" if entry.get("label") else ""
    return f"{entry['address']}{label}"


def _named(document: Json, tables: tuple[str, ...], key: str) -> set[str]:
    return {
        name for table in tables for row in document.get(table, []) for name in row.get(key, [])
    }


def _round_up(units: int) -> int:
    """The next of 1, 2 or 5 times a power of ten."""
    power = int("1" + "0" * (len(str(units)) - 1))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= units)


def _plain(units: int, places: int) -> str:
    return format(Decimal(units).scaleb(-places).normalize(), "f")
