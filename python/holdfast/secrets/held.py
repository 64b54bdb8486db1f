"""Which wallets a home has keys for, without a passphrase and without opening any."""

from __future__ import annotations

import json
from pathlib import Path

from holdfast._core import HoldfastError, checksum_address
from holdfast.secrets.files import UnsafeFile, read_private


def held_wallets(folder: Path) -> list[str] | None:
    """The checksummed addresses that the keystores of `keys/wallets` carry, by their file names.

    None when one of them cannot be read, or carries no address, as the format allows: then only
    its passphrase says which wallet it is.
    """
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix == ".json")
        return [_address(path) for path in files if not path.name.startswith(".")]
    except (OSError, ValueError, UnsafeFile, HoldfastError):
        return None


def _address(path: Path) -> str:
    """Raises ValueError for what is no keystore, or one without an address."""
    keystore = json.loads(read_private(path, secret=True))
    claimed = keystore.get("address") if isinstance(keystore, dict) else None
    if not isinstance(claimed, str) or not claimed:
        raise ValueError(f"`{path.name}` carries no address")
    return checksum_address("0x" + claimed.lower().removeprefix("0x"))
