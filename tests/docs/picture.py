"""The picture of the README is a screen that the console's tests draw.

`python -m tests.docs.picture` writes it again.
"""

from __future__ import annotations

import re

from tests.docs.blocks import ROOT

PICTURE = ROOT / "docs" / "console.svg"
SCREEN = ROOT / "tests/console/__snapshots__/test_screens/test_screen[detail-200x50].svg"
# Readers' machines have a font of fixed width; a picture loads none from elsewhere.
FONTS = re.compile(r"[ ]*@font-face \{.*?\}\n", re.DOTALL)


def drawn() -> str:
    """The screen as it is today, without fonts from the network."""
    return FONTS.sub("", SCREEN.read_text())


if __name__ == "__main__":
    PICTURE.write_text(drawn())
