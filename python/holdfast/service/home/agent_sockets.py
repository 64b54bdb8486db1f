"""Whether a home has room for the sockets of a policy's agents: known before it is in force."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from holdfast._core import PolicyError
from holdfast.codes import Code, PolicyCode
from holdfast.service.home.folder import SOCKET_PATH_BYTES_MAX, Home

_HEADER = re.compile(r"\s*\[")
_AGENT = re.compile(r"\s*\[\[\s*agent\s*\]\]")
_ID = re.compile(r"""\s*id\s*=\s*["']([a-z0-9-]+)["']""")


def check_sockets(home: Home, source: str, agents: Iterable[str]) -> None:
    """Raises PolicyError for agents whose socket would have too long a path (unix(7)).

    It has a fault for each of these `agents` of the policy `source`.
    """
    faults = []
    lines = _lines(source)
    for agent in agents:
        path = home.agents_dir / f"{agent}.sock"
        over = len(os.fsencode(path)) - SOCKET_PATH_BYTES_MAX
        if over > 0:
            text = (
                f"the socket of agent `{agent}` would be `{path}`, {over} bytes longer than a "
                f"Unix socket's path can be ({SOCKET_PATH_BYTES_MAX})"
            )
            hint = "a shorter id, or set `agents_dir` in config.toml to a folder with a short path"
            faults.append((lines.get(agent, 1), 1, PolicyCode.SOCKET_PATH.value, text, hint))
    if faults:
        raise PolicyError(Code.POLICY_INVALID.value, faults[0][3], faults)


def with_agents_dir(home: Home) -> Home:
    """The home with the `agents_dir` that its config.toml names, as far as it can be read.

    The guardian uses that if an operator signed it.
    """
    try:
        found = tomllib.loads(home.config_path.read_text("utf-8")).get("agents_dir")
    except (OSError, ValueError):
        return home
    return replace(home, agents=Path(found)) if isinstance(found, str) and found else home


def _lines(source: str) -> dict[str, int]:
    """The line in which each agent has its id."""
    found: dict[str, int] = {}
    inside = False
    for number, line in enumerate(source.split("\n"), 1):
        if _HEADER.match(line):
            inside = _AGENT.match(line) is not None
        elif inside and (named := _ID.match(line)):
            found.setdefault(named[1], number)
    return found
