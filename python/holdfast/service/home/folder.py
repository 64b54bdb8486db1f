"""The home of one guardian.

Where its files are, and whether they may be trusted.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from holdfast.secrets.files import (
    UnsafeFile,
    check_ancestors,
    check_private,
)
from holdfast.service.journal.settings import FILE_NAME

# sockaddr_un.sun_path holds 108 bytes with its final NUL; see unix(7).
SOCKET_PATH_BYTES_MAX = 107
AGENT_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
OPERATOR_ID = AGENT_ID


class HomeError(ValueError):
    """A home that cannot be made or must not be trusted; the text names the path and what to do."""


@dataclass(frozen=True)
class Home:
    """The paths inside one home folder. Making one touches nothing on disk.

    `agents` is where the agents' sockets are when that is not in the home; see `agents_folder`.
    """

    path: Path
    agents: Path | None = None

    @classmethod
    def locate(cls, given: str | os.PathLike[str] | None) -> Home:
        """The home given (`--home`), else that of HOLDFAST_HOME.

        Without both, `holdfast` in the XDG data folder.
        """
        chosen = given or os.environ.get("HOLDFAST_HOME")
        if chosen:
            return cls(Path(chosen).expanduser().absolute())
        data = os.environ.get("XDG_DATA_HOME", "")
        # The XDG base directory specification: a relative path is invalid and must be ignored.
        base = Path(data) if Path(data).is_absolute() else Path.home() / ".local" / "share"
        return cls(base / "holdfast")

    @property
    def journal_path(self) -> Path:
        return self.path / FILE_NAME

    @property
    def policy_path(self) -> Path:
        return self.path / "policy.toml"

    @property
    def shadow_path(self) -> Path:
        """A candidate that runs beside the policy in force and decides nothing."""
        return self.path / "shadow.toml"

    @property
    def config_path(self) -> Path:
        return self.path / "config.toml"

    @property
    def run_dir(self) -> Path:
        return self.path / "run"

    @property
    def agents_dir(self) -> Path:
        return self.agents or self.run_dir / "agents"

    @property
    def operator_socket(self) -> Path:
        """Raises HomeError when the path is too long for a socket."""
        return _socket_path(self.run_dir / "operator.sock")

    def agent_socket(self, agent: str) -> Path:
        """Raises HomeError for an id that is not one, or when the path is too long for a socket."""
        if not AGENT_ID.fullmatch(agent):
            raise HomeError(
                f"`{agent}` is not an agent id: use a-z, 0-9 and `-`, at most 32 characters"
            )
        return _socket_path(self.agents_dir / f"{agent}.sock")

    @property
    def freeze_file(self) -> Path:
        return self.path / "FREEZE"

    @property
    def reserve_path(self) -> Path:
        """Holds room on the disk for stopping."""
        return self.path / "reserve"

    @property
    def lock_path(self) -> Path:
        return self.path / "lock"

    @property
    def keys_dir(self) -> Path:
        return self.path / "keys"

    @property
    def wallets_dir(self) -> Path:
        return self.keys_dir / "wallets"

    @property
    def log_key_path(self) -> Path:
        return self.keys_dir / "log.json"

    @property
    def operator_key_path(self) -> Path:
        return self.keys_dir / "operator.json"

    @property
    def exists(self) -> bool:
        """Whether something was initialised here (not whether it is valid)."""
        return self.journal_path.exists() or self.keys_dir.exists()

    def open_checked(self) -> Home:
        """This home, after every path in it proved to be ours alone.

        Raises HomeError with what to do.
        """
        if not self.path.exists():
            raise HomeError(
                f"there is no guardian in `{self.path}`: create one with `holdfast init`"
            )
        try:
            self._check_paths()
        except UnsafeFile as error:
            raise HomeError(str(error)) from None
        if not self.journal_path.exists():
            raise HomeError(
                f"`{self.journal_path}` is missing: without it the limits would be lost, so the "
                f"guardian does not start. Restore it from a backup, or create a new home with "
                f"new wallets"
            )
        _ = self.operator_socket
        return self

    def _check_paths(self) -> None:
        # What only names a path of the home loads no journal.
        from holdfast.service.journal import high_water
        from holdfast.service.journal.open import files_of

        check_ancestors(self.path)
        check_private(self.path, folder=True, secret=True)
        for folder in (self.keys_dir, self.wallets_dir):
            check_private(folder, folder=True, secret=True)
        for folder in (self.run_dir, self.run_dir / "agents"):
            folder.mkdir(mode=0o700, exist_ok=True)
            check_private(folder, folder=True, secret=True)
        for file in (self.log_key_path, *sorted(self.wallets_dir.iterdir())):
            check_private(file, folder=False, secret=True)
        for file in (self.config_path, self.policy_path):
            check_private(file, folder=False)
        for file in (self.policy_path, self.config_path):
            if (signature := file.with_suffix(".sig")).exists():
                check_private(signature, folder=False)
        # The operator's key may live elsewhere; the others come and go with the daemon.
        optional = [self.operator_key_path, self.lock_path, *files_of(self.journal_path)]
        optional += [high_water.path_of(self.journal_path)]
        optional += [self.operator_key_path.with_suffix(".guardian")]
        for file in optional:
            if file.is_symlink() or file.exists():
                check_private(file, folder=False, secret=True)


def _socket_path(path: Path) -> Path:
    size = len(os.fsencode(path))
    if size > SOCKET_PATH_BYTES_MAX:
        raise HomeError(
            f"`{path}` is {size} bytes long, but a Unix socket's path holds at most "
            f"{SOCKET_PATH_BYTES_MAX}: "
            "choose a home with a shorter path (--home or HOLDFAST_HOME), or for an agent's socket "
            "a shorter id or another `agents_dir`"
        )
    return path
