"""A decision of the core in words: its verdict, each reason, and each limit."""

from __future__ import annotations

from functools import cache
from typing import Any

from holdfast._core import codes
from holdfast.codes import Code
from holdfast.wording import decimal, safe

Json = dict[str, Any]
# The core cuts larger amounts to this.
COUNTED_MAX = 2**120


@cache
def _meanings() -> dict[str, str]:
    return {code: meaning for name, code, _, meaning, _ in codes() if name == "code"}


def reason_words(reason: Json) -> str:
    """`limit_exceeded (day): over a limit: 205 USD, at most 200 USD`."""
    code = str(reason.get("code"))
    rule = reason.get("rule")
    head = f"{code} ({safe(rule, 64)})" if rule else code
    # What a meaning says behind a semicolon or a colon is about what it can be in general.
    meaning = _meanings().get(code, code).split(": ")[0].split("; ")[0]
    found, most = reason.get("observed"), reason.get("limit")
    parts = [safe(found, 400)] if found else []
    if most and code == Code.NO_GRANT:
        # The rule that comes nearest, and what it asks for.
        parts = [f"{', '.join(parts)}; {safe(most, 400)}"]
        most = None
    if most:
        parts.append(f"at most {safe(most, 100)}")
    return f"{head}: {meaning}" + (f": {', '.join(parts)}" if parts else "")


def verdict_words(result: Json) -> str:
    """`approval, 2 operators, within 4 h` or `delay, 10 min`."""
    verdict = str(result.get("verdict"))
    parts = [verdict]
    if "delay_ms" in result:
        parts.append(duration(result["delay_ms"]))
    quorum = result.get("quorum")
    if quorum is not None:
        parts.append(f"{quorum} operator{'s' if quorum != 1 else ''}")
    if "timeout_ms" in result:
        parts.append(f"within {duration(result['timeout_ms'])}")
    return ", ".join(parts)


def duration(milliseconds: int) -> str:
    """As a policy writes it: `90s`, `30m`, `24h`, `7d`."""
    seconds = milliseconds // 1000
    for size, unit, from_size in ((86_400, "d", 2), (3_600, "h", 1), (60, "m", 1)):
        if seconds and seconds % size == 0 and seconds // size >= from_size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def limit_row(view: Json) -> tuple[str, str, str, str, str, str]:
    """Limit, for whom it counts, used, with this request, max, and left after it."""
    used = int(view["used"]) + int(view["reserved"])
    adds, most = int(view.get("adds", "0")), int(view["max"])
    left = max(most - used - adds, 0)
    shown = [_measured(view, each) for each in (used, used + adds, most, left)]
    scope = safe(view["key"], 80)
    return (safe(view["limit"], 64), scope, shown[0], shown[1], shown[2], shown[3])


def _measured(view: Json, value: int) -> str:
    if value >= COUNTED_MAX:
        return "unlimited"
    if view["measure"] == "usd":
        return f"{decimal(value, 6)} USD"
    if view["measure"] == "amount":
        return f"{decimal(value, int(view['decimals']))} {safe(view['symbol'], 16)}"
    return str(value)
