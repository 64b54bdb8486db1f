"""The folder of the agents' sockets.

In the home for agents of the guardian's own user, else where other users may pass through. Whom a
socket serves is then up to the kernel's word on the peer.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from holdfast.secrets.files import UnsafeFile, check_ancestors, check_private
from holdfast.service.home.folder import Home, HomeError

# Others pass through to a socket they know; they do not list what else is there.
FOLDER_MODE = 0o711
PASSABLE = stat.S_IXGRP | stat.S_IXOTH


def place_agents(home: Home, agents_dir: str, runtime: str | None) -> Home:
    """The home with its agents' folder made and checked.

    `agents_dir` of config.toml, else `agents` in the first of systemd's RUNTIME_DIRECTORY
    (systemd.exec(5)), else in the home.

    Raises HomeError when another user could put a socket of their own there.
    """
    if agents_dir:
        folder = Path(agents_dir)
    elif runtime:
        folder = Path(runtime.partition(":")[0]) / "agents"
    else:
        return home
    try:
        _make(folder)
        check_ancestors(folder)
        check_private(folder, folder=True)
    except UnsafeFile as error:
        raise HomeError(f"the folder of the agents' sockets: {error}") from None
    return replace(home, agents=folder)


def obstacle(folder: Path) -> str | None:
    """Why no other user gets to `folder`, as a sentence with what to do, or None."""
    for place in (folder, *folder.parents):
        try:
            mode = place.stat().st_mode
        except OSError as error:
            return f"`{place}` cannot be inspected: {error.strerror}"
        if not mode & PASSABLE:
            return (
                f"`{place}` is closed to other users (mode {stat.S_IMODE(mode):04o}): set "
                "`agents_dir` in config.toml to a folder outside the home, such as "
                "/run/holdfast/agents, and start the guardian again"
            )
    return None


def _make(folder: Path) -> None:
    try:
        with suppress(FileExistsError):
            folder.mkdir(mode=FOLDER_MODE)
            folder.chmod(FOLDER_MODE)  # the umask is not asked
    except OSError as error:
        parent = folder.parent
        raise HomeError(
            f"the folder of the agents' sockets, `{folder}`, cannot be created "
            f"({error.strerror}): create `{parent}` with `install -d -o {os.geteuid()} -m 0711 "
            f"{parent}`, or let systemd "
            "do it with `RuntimeDirectory=`"
        ) from None
