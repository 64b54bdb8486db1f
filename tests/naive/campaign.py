"""Many stories over several processes, and what is kept of those that differ."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from tests.naive.compare import STEPS, Difference, difference, smallest, story
from tests.naive.world import Table, toml

KEPT = Path(__file__).parent / "kept"
AT_ONCE = 50
SHOWN = 3


def differing(triples: int, processes: int, first_seed: int = 0) -> list[int]:
    """The seeds of stories that the two evaluators decide differently, of so many triples."""
    stories = range(first_seed, first_seed + -(-triples // STEPS))
    parts = [stories[at : at + AT_ONCE] for at in range(0, len(stories), AT_ONCE)]
    with ProcessPoolExecutor(processes) as pool:
        return [seed for found in pool.map(_some, parts) for seed in found]


def _some(seeds: range) -> list[int]:
    return [seed for seed in seeds if differs(seed)]


def differs(seed: int) -> bool:
    """Whether the two evaluators decide the story of a seed differently."""
    told = story(seed)
    return difference(toml(told.tables), told.cases) is not None


def report(seeds: list[int]) -> str:
    """The first of these stories, small enough to read; each is kept as a file."""
    parts = [f"{len(seeds)} stories differ: {seeds[:20]}"]
    for seed in seeds[:SHOWN]:
        source, cases, found = smallest(story(seed))
        path = keep(seed, source, cases)
        parts.append(f"seed {seed}, kept as {path.name}\n{shown(source, cases, found)}")
    return "\n\n".join(parts)


def shown(source: str, cases: list[Table], found: Difference) -> str:
    """A story and its difference as text."""
    requests = "\n".join(json.dumps(one) for one in cases)
    return f"{source}\n{requests}\ncore:  {found.core}\nnaive: {found.naive}"


def keep(seed: int, source: str, cases: list[Table]) -> Path:
    """Writes a story as a regression case."""
    KEPT.mkdir(exist_ok=True)
    path = KEPT / f"seed-{seed}.json"
    path.write_text(json.dumps({"policy": source.splitlines(), "cases": cases}, indent=1) + "\n")
    return path


def kept() -> Iterator[tuple[str, str, list[Table]]]:
    """The stories that once differed: (name, policy, cases)."""
    for path in sorted(KEPT.glob("*.json")):
        held: dict[str, Any] = json.loads(path.read_text())
        yield path.stem, "\n".join(held["policy"]) + "\n", held["cases"]
