"""Builds rich Text from plain, untrusted words.

The only place the console makes styled text; nothing here reads markup.
"""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.strip import Strip

from holdfast.console.themes import Palette
from holdfast.operator.format import screen

CUT = "…"


class Words:
    """A Text under construction in one palette."""

    def __init__(self, palette: Palette) -> None:
        self.palette = palette
        self.text = Text(no_wrap=False, end="")

    def put(self, words: object, spec: str = "foreground") -> Words:
        """Appends words in a style of `Palette.style`; foreign ones went through `safe` first."""
        self.text.append(screen(str(words)), self.palette.style(spec))
        return self

    def line(self, words: object = "", spec: str = "foreground") -> Words:
        """Appends words and ends the line."""
        self.put(words, spec)
        self.text.append("\n")
        return self


def cut(words: str, cells: int) -> str:
    """Words in at most `cells`; what is cut ends with a mark."""
    return words if cell_len(words) <= cells else f"{set_cell_size(words, max(0, cells - 1))}{CUT}"


def strip(parts: list[tuple[str, str]], palette: Palette, width: int, ground: Style) -> Strip:
    """One screen line of (words, style) parts on a ground, cut or padded to `width` cells.

    What is cut ends with a mark: half of a number would read as another one.

    The ground's background wins where it is a selection, so a row reads as one bar.
    """
    segments = []
    cells = 0
    for words, spec in parts:
        shown = screen(words)
        cells += cell_len(shown)
        segments.append(Segment(shown, ground + palette.style(spec)))
    line = Strip(segments, cells)
    if cells <= width or width < 1:
        return line.adjust_cell_length(width, ground)
    mark = Strip([Segment(CUT, ground + palette.style("warn bold"))], 1)
    return Strip.join([line.adjust_cell_length(width - 1, ground), mark])
