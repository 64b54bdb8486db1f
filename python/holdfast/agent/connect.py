"""Where an agent's socket is, and a ready client on it."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

from holdfast.agent.client import Client
from holdfast.agent.signed import RequestKey

# What the set-up with a user for each agent gives them; docs/operations.md.
SYSTEM_AGENTS_DIR = Path("/run/holdfast/agents")


def default_home() -> Path:
    """`HOLDFAST_HOME`, else `$XDG_DATA_HOME/holdfast`, else `~/.local/share/holdfast`."""
    if home := os.environ.get("HOLDFAST_HOME"):
        return Path(home)
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(data) / "holdfast"


def socket_path(home: str | Path | None, agent: str) -> Path:
    """The socket of `agent`.

    Of the guardian in `home`, as its config.toml says. With None: in the folder that
    HOLDFAST_AGENTS names, else of a guardian of this user (`default_home`), else in
    `/run/holdfast/agents`, where a guardian that runs as a user of its own has it.
    """
    return _folder(home) / f"{agent}.sock"


def _folder(home: str | Path | None) -> Path:
    if home is not None:
        return _of_home(Path(home))
    if folder := os.environ.get("HOLDFAST_AGENTS"):
        return Path(folder)
    try:
        own = default_home()
    except RuntimeError:  # a user id without a home folder
        return SYSTEM_AGENTS_DIR
    return _of_home(own) if os.path.lexists(own) else SYSTEM_AGENTS_DIR


def _of_home(home: Path) -> Path:
    """`agents_dir` of its config.toml; where that cannot be read or says nothing, in the home."""
    try:
        found = tomllib.loads((home / "config.toml").read_text("utf-8")).get("agents_dir")
    except (OSError, ValueError):
        found = None
    return Path(found) if isinstance(found, str) and found else home / "run" / "agents"


def connect(
    home: str | Path | None, agent: str, key: RequestKey | None = None, timeout_s: float = 30.0
) -> Client:
    """A client on the socket of `agent`; with `key`, every call is signed.

    `home` as in `socket_path`. Raises OSError when no guardian listens there or it does not serve
    this user.
    """
    return Client(socket_path(home, agent), agent=agent, key=key, timeout_s=timeout_s)
