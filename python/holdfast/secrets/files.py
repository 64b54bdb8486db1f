"""Private files: made whole or not at all, and read only if no other user could write them."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from holdfast.process.places import UnsafeFile, check_ancestors

__all__ = [
    "UnsafeFile",
    "check_ancestors",
    "check_private",
    "read_private",
    "sync_folder",
    "write_private",
]

FILE_BYTES_MAX = 1 << 20


def write_private(path: Path, data: bytes, *, replace: bool = False) -> None:
    """Writes `data` to `path` with mode 0600: afterwards the whole file is on disk, or nothing is.

    Without `replace` an existing file is never touched: raises FileExistsError.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(path)
        else:
            path.hardlink_to(temporary)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Makes the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_private(path: Path, *, folder: bool, secret: bool = False) -> None:
    """Refuses with `UnsafeFile` what another user could write.

    Also unless `path` is a real file (or folder) of this user.

    A `secret` one must not be readable by anyone else either.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        raise UnsafeFile(f"`{path}` does not exist") from None
    except OSError as error:
        raise UnsafeFile(f"`{path}` cannot be inspected: {error.strerror}") from None
    if stat.S_ISLNK(found.st_mode):
        raise UnsafeFile(
            f"`{path}` is a symbolic link: a link can be pointed elsewhere, so put the real one "
            "there"
        )
    expected = stat.S_ISDIR if folder else stat.S_ISREG
    if not expected(found.st_mode):
        raise UnsafeFile(f"`{path}` is not a {'folder' if folder else 'regular file'}")
    if found.st_uid != os.geteuid():
        raise UnsafeFile(
            f"`{path}` belongs to uid {found.st_uid}, not to uid {os.geteuid()} who runs this"
        )
    bits = stat.S_IMODE(found.st_mode)
    if bits & 0o022:
        raise UnsafeFile(
            f"`{path}` can be written by others (mode {bits:04o}): chmod go-w it after checking "
            "its contents"
        )
    if secret and bits & 0o077:
        raise UnsafeFile(
            f"`{path}` can be read by others (mode {bits:04o}): chmod go-rwx it; treat its key as "
            f"compromised"
        )


def read_private(path: Path, *, secret: bool = False) -> bytes:
    """The bytes of a checked file of at most 1 MiB. Raises `UnsafeFile`."""
    check_private(path, folder=False, secret=secret)
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(FILE_BYTES_MAX + 1)
    if len(data) > FILE_BYTES_MAX:
        raise UnsafeFile(f"`{path}` is larger than {FILE_BYTES_MAX} bytes")
    return data
