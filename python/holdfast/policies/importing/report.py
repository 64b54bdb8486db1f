"""What became of each field of a foreign document."""

from __future__ import annotations

from dataclasses import dataclass, field

from holdfast.wording import safe

KEPT, STRICTER, NOT_KEPT = "kept", "stricter", "not kept"


@dataclass(frozen=True)
class Note:
    """`state` is `kept`, `stricter` or `not kept`; `text` says what the policy does instead."""

    field: str
    state: str
    text: str


@dataclass
class Report:
    """Notes in the order of the document."""

    notes: list[Note] = field(default_factory=list)

    def kept(self, name: str, text: str) -> None:
        self._add(name, KEPT, text)

    def stricter(self, name: str, text: str) -> None:
        """What is asked for cannot be said; what is written instead lets less pass."""
        self._add(name, STRICTER, text)

    def not_kept(self, name: str, text: str) -> None:
        """`text` is the consequence."""
        self._add(name, NOT_KEPT, text)

    def _add(self, name: str, state: str, text: str) -> None:
        # Names are the document's own: they go on a screen, and into comments.
        note = Note(safe(name, 120), state, safe(text, 600))
        if note not in self.notes:
            self.notes.append(note)

    def count(self, state: str) -> int:
        return sum(note.state == state for note in self.notes)
