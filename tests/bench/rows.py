"""One measured figure, its bar, and the table of them."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """`bar` is None for baselines; `most` tells whether the bar is an upper bound."""

    name: str
    value: float
    unit: str
    bar: float | None = None
    most: bool = True
    note: str = ""

    @property
    def met(self) -> bool | None:
        """None without a bar."""
        if self.bar is None:
            return None
        return self.value <= self.bar if self.most else self.value >= self.bar

    def as_dict(self) -> dict[str, Any]:
        """With `met`."""
        return {**asdict(self), "met": self.met}


def number(value: float) -> str:
    """Three figures or whole thousands."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def table(rows: Sequence[Row]) -> str:
    """Markdown, as in docs/performance.md."""
    lines = ["| figure | measured | bar | met | |", "|---|---:|---:|---|---|"]
    word = {True: "yes", False: "**no**", None: ""}
    for row in rows:
        sign = "≤" if row.most else "≥"
        bar = "" if row.bar is None else f"{sign} {number(row.bar)} {row.unit}"
        cells = (row.name, f"{number(row.value)} {row.unit}", bar, word[row.met], row.note)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = platform.processor() or platform.machine()
    with open("/proc/cpuinfo") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "load_before": os.getloadavg()[0],
    }


def percentile(values: Sequence[float], part: float) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def median_of(times: int, measure: Callable[[], float]) -> float:
    """The median of some runs."""
    return percentile([measure() for _ in range(times)], 0.5)
