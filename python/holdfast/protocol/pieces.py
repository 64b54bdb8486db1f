"""Puts the answer of `subscribe` together from its pieces. Pure.

Lines before the answer carry the part of its lists that did not fit into one line.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

LISTS = ("requests", "limits")


def piece_of(message: Json) -> Json | None:
    """The piece a line carries, None when it carries something else."""
    piece = message.get("part")
    return piece if isinstance(piece, dict) else None


def joined(answer: Json, pieces: list[Json]) -> Json:
    """The answer of `subscribe` with what came before it put in front of its lists."""
    snapshot = dict(answer.get("snapshot") or {})
    for name in LISTS:
        rows = [row for piece in pieces for row in piece.get(name) or []]
        if rows or name in snapshot:
            snapshot[name] = rows + list(snapshot.get(name) or [])
    return {**answer, "snapshot": snapshot}
