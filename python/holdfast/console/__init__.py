"""The operator's console. Textual only; everything it knows comes through `holdfast.operator`."""

from __future__ import annotations

import gc
from pathlib import Path

__all__ = ["run"]


def run(
    home: Path,
    theme: str | None = None,
    read_only: bool = False,
    stops_guardian: bool = False,
    unlock_hint: str = "",
) -> int:
    """Opens the console on a guardian's home until the operator leaves; gives the exit code.

    `stops_guardian`: its opener then stops the guardian, and the operator is told so. `unlock_hint`
    stands where the passphrase is asked for.
    """
    from holdfast.console.app import HoldfastApp

    # A thousand events a second are many short-lived objects, none of them in cycles; with the
    # default thresholds the collector would walk the rest again and again in vain.
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    app = HoldfastApp(
        home,
        theme=theme,
        read_only=read_only,
        stops_guardian=stops_guardian,
        unlock_hint=unlock_hint,
    )
    app.run(mouse=True)
    return app.return_code or 0
