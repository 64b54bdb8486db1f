"""Where an agent's socket is, and a ready client on it."""

from __future__ import annotations

import os
from pathlib import Path

from holdfast.agent.client import Client
from holdfast.agent.signed import RequestKey


def default_home() -> Path:
    """`HOLDFAST_HOME`, else `$XDG_DATA_HOME/holdfast`, else `~/.local/share/holdfast`."""
    if home := os.environ.get("HOLDFAST_HOME"):
        return Path(home)
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(data) / "holdfast"


def socket_path(home: str | Path | None, agent: str) -> Path:
    """The socket of `agent` in `home` (None: the default home)."""
    return Path(home or default_home()) / "run" / "agents" / f"{agent}.sock"


def connect(
    home: str | Path | None, agent: str, key: RequestKey | None = None, timeout_s: float = 30.0
) -> Client:
    """A client on the socket of `agent`; with `key`, every call is signed.

    Raises OSError when no guardian listens there.
    """
    return Client(socket_path(home, agent), agent=agent, key=key, timeout_s=timeout_s)
