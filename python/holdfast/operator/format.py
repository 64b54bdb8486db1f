"""Words for amounts, addresses, durations and times. Pure; the last gate before a screen.

Every string that came from outside passes `safe()` here although the core escaped it at
ingestion: what reaches
a terminal must not depend on one check made elsewhere.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

from holdfast.wording import amount as amount
from holdfast.wording import decimal as decimal
from holdfast.wording import safe as safe

MICRO_USD = 1_000_000
SPARKS = "▁▂▃▄▅▆▇█"
OWN_GLYPHS = re.compile(f"([{SPARKS}▒░┃●○■□◆✓✗▶›»→⇥⇧↑↓─]+)")


@lru_cache(maxsize=4096)
def screen(text: str) -> str:
    """The last gate: the console's own glyphs stay, everything else must be display-safe.

    Foreign text comes here already escaped by `safe()`, so it cannot forge a glyph.
    """
    if text.isascii() and text.isprintable():
        return text
    parts = OWN_GLYPHS.split(text)
    return "".join(part if index % 2 else safe(part, 40_000) for index, part in enumerate(parts))


def usd(micro: str | int | None) -> str:
    """Micro-USD as `$1,250.50`; fractions of a cent are kept; None is `price unknown`."""
    if micro is None:
        return "price unknown"
    try:
        value = int(micro)
    except ValueError:
        return "price unknown"
    sign = "-" if value < 0 else ""
    whole, part = divmod(abs(value), MICRO_USD)
    digits = f"{part:06d}".rstrip("0").ljust(2, "0")
    return f"{sign}${whole:,}.{digits}"


def measure(value: str | int | None, kind: str, symbol: str | None, decimals: int | None) -> str:
    """A limit's value in its own measure: count, usd (micro-USD) or amount (base units)."""
    if value is None:
        return "?"
    if kind == "usd":
        return usd(value)
    if kind == "amount":
        return amount(value, decimals, symbol)
    words = safe(value, 40)
    return f"{int(words):,}" if words.isascii() and words.isdigit() else words


def address_short(address: str | None) -> str:
    """For lists only, where the detail is one key away: first eight and last six characters.

    An approval never uses this.
    """
    if address is None:
        return "new contract"
    text = safe(address, 80)
    return text if len(text) <= 20 else f"{text[:8]}…{text[-6:]}"


def address_end(address: str | None) -> str:
    """As `address_short`, where there is not even room for that: the last six characters."""
    text = address_short(address)
    return text if "…" not in text else f"…{text[-6:]}"


def countdown(ms: int | None) -> str:
    """Time left as `4:12`, `1:04:12`, `2d 03h`; `—` without a deadline, `now` when passed."""
    if ms is None:
        return "—"
    if ms <= 0:
        return "now"
    seconds = -(-ms // 1000)
    if seconds >= 86_400:
        return f"{seconds // 86_400}d {seconds % 86_400 // 3600:02d}h"
    if seconds >= 3600:
        return f"{seconds // 3600}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}"
    return f"{seconds // 60}:{seconds % 60:02d}"


def elapsed(ms: int) -> str:
    """Time that passed, as `countdown` has what is left: `0:14`, `1:04:12`."""
    return countdown(ms // 1000 * 1000) if ms >= 1000 else "0:00"


def duration(ms: int) -> str:
    """A span in its two largest units: `850 ms`, `12 s`, `10 min`, `24 h`, `30 d`."""
    if ms < 1000:
        return f"{ms} ms"
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000)):
        if ms >= 2 * size or ms == size:
            rest = ms % size // (size // 60) if unit != "d" else ms % size // 3_600_000
            return f"{ms // size} {unit}" + (f" {rest}" if rest and unit != "d" else "")
    return f"{ms // 1000} s"


def clock(at_ms: int | None) -> str:
    """UTC time of day, `12:04:31`."""
    if at_ms is None:
        return "--:--:--"
    seconds = at_ms // 1000 % 86_400
    return f"{seconds // 3600:02d}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}"


LAST_MS = 253_402_300_799_999


def stamp(at_ms: int | None) -> str:
    """UTC date and time, `2026-03-04 12:04:31Z`; beyond the year 9999 there is no end."""
    if at_ms is None:
        return "—"
    if not 0 <= at_ms <= LAST_MS:
        return "no end"
    moment = datetime.fromtimestamp(at_ms / 1000, tz=UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%SZ")


def sparkline(values: list[int]) -> str:
    """Eight-level bars, scaled to the largest value."""
    top = max(values, default=0)
    if top <= 0:
        return SPARKS[0] * len(values)
    return "".join(SPARKS[min(7, (value * 8 - 1) // top) if value else 0] for value in values)


def bar(used: int, reserved: int, maximum: int, width: int) -> tuple[int, int, int]:
    """Cells of (used, reserved, left) of a gauge; anything above nothing gets at least one cell."""
    if maximum <= 0 or width <= 0:
        return (0, 0, max(width, 0))
    used_cells = min(width, -(-used * width // maximum)) if used > 0 else 0
    both = min(width, -(-(used + reserved) * width // maximum)) if used + reserved > 0 else 0
    return (used_cells, max(0, both - used_cells), width - max(used_cells, both))
