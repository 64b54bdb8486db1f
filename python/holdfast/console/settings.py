"""What the console remembers between sessions: theme, filter, order, view.

JSON, never code; a bad file is ignored.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from holdfast.operator.actions import PANES
from holdfast.operator.decision import CONFIRM_USD_MICRO
from holdfast.operator.model import SORTS

SETTINGS_BYTES_MAX = 16 * 1024


@dataclass(slots=True)
class Settings:
    """`confirm_usd_micro`: payments from here on need typed characters.

    `forget_key_after_s`: idle time.
    """

    theme: str = "night"
    filter: str = ""
    sort: str = SORTS[0]
    pane: str = "pending"
    bell: bool = True
    confirm_usd_micro: int = CONFIRM_USD_MICRO
    forget_key_after_s: int = 900


def config_folder() -> Path:
    """`$XDG_CONFIG_HOME/holdfast`, by default `~/.config/holdfast`."""
    base = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    # A relative one is invalid (XDG base directory specification): it would be read from anywhere.
    return (base if base.is_absolute() else Path.home() / ".config") / "holdfast"


def load(path: Path) -> Settings:
    """Reads settings; a member that is missing or makes no sense has its default."""
    settings = Settings()
    try:
        if path.stat().st_size > SETTINGS_BYTES_MAX:
            return settings
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return settings
    if not isinstance(data, dict):
        return settings
    for name, value in data.items():
        if _sensible(name, value):
            setattr(settings, name, value)
    return settings


def _sensible(name: str, value: object) -> bool:
    if name == "theme":
        return isinstance(value, str) and len(value) <= 200
    if name == "sort":
        return value in SORTS
    if name == "pane":
        return value in PANES
    if name == "bell":
        return isinstance(value, bool)
    if name == "confirm_usd_micro":
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if name == "forget_key_after_s":
        return isinstance(value, int) and not isinstance(value, bool) and 10 <= value <= 86_400
    return False


# What is looked for now hides the rest; the next session begins with all of it.
PASSING = frozenset({"filter"})


def save(path: Path, settings: Settings) -> None:
    """Writes by rename, so a cut leaves the old file. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_suffix(f".{os.getpid()}.tmp")
    kept = {name: value for name, value in asdict(settings).items() if name not in PASSING}
    fresh.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", "utf-8")
    fresh.replace(path)
