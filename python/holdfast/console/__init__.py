"""The operator's console. Textual only; everything it knows comes through `holdfast.operator`."""

from __future__ import annotations

from pathlib import Path

__all__ = ["run"]


def run(home: Path, theme: str | None = None, read_only: bool = False) -> int:
    """Opens the console on a guardian's home until the operator leaves; gives the exit code."""
    from holdfast.console.app import HoldfastApp

    app = HoldfastApp(home, theme=theme, read_only=read_only)
    app.run(mouse=True)
    return app.return_code or 0
