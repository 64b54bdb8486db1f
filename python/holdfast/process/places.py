"""Whether another user could change or swap a file.

Its owner, its mode, and every folder and link on the way to it.
"""

from __future__ import annotations

import functools
import grp
import os
import pwd
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

LINKS_MAX = 40
PACKAGE = Path(__file__).resolve().parent.parent


class UnsafeFile(ValueError):
    """A file or folder that others could have made, changed or swapped.

    The text names it and says why.
    """


def check_ancestors(path: Path) -> None:
    """Refuses with `UnsafeFile` when another user could swap a folder above `path`.

    A folder that others can write is accepted above it only with the sticky bit (as /tmp has it):
    then only its owner renames what is in it, and each owner on the way is root or this user.
    """
    real = Path(os.path.realpath(path))
    for place, found in _way(path.absolute()):
        if place not in (real, path.absolute()):
            _check_step(place, found, path.name)


def check_place(path: Path) -> None:
    """Refuses with `UnsafeFile` when another user could change `path` or swap it.

    One that does not exist is accepted where others cannot make it.
    """
    real = Path(os.path.realpath(path))
    for place, found in _way(path.absolute()):
        _check_step(place, found, path.name, final=place == real)


def check_code() -> None:
    """Refuses with `UnsafeFile` when another user could change the code that runs here.

    The interpreter, each entry of `sys.path` with the files and folders in it, this package, and
    the file of every module that is loaded.
    """
    interpreters = {sys.executable, getattr(sys, "_base_executable", sys.executable)}
    for file in (*interpreters, str(Path(sys.prefix) / "pyvenv.cfg")):
        check_place(Path(file))
    for entry in sys.path:
        folder = Path(entry or os.curdir)
        check_place(folder)
        if folder.is_dir():
            _check_content(folder, deep=False)
    check_place(PACKAGE)
    _check_content(PACKAGE, deep=True)
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    loaded = {Path(file) for file in files if file}
    for place in sorted(loaded | {file.parent for file in loaded}):
        with suppress(FileNotFoundError):
            _check_own(str(place), place.stat())


def others_can_write(found: os.stat_result, path: str | Path) -> bool:
    """Whether the mode lets another user than root and this one write.

    The group counts as others unless it is known to have no such member, as the private group that
    many systems give each user. Group 0 always counts: in many containers every program is in it.
    """
    if found.st_mode & stat.S_IWOTH:
        return True
    if not found.st_mode & stat.S_IWGRP:
        return False
    return found.st_gid == 0 or not _is_private(found.st_gid) or _has_acl(path)


def _way(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Every folder, link and file on the way to an absolute path.

    From the top, as the kernel passes them; ends early where there is nothing.
    """
    here, rest, links = Path("/"), list(reversed(path.parts[1:])), 0
    yield here, here.lstat()
    while rest:
        name = rest.pop()
        if name == "..":
            here = here.parent
            continue
        place = here / name
        try:
            found = place.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise UnsafeFile(f"`{place}` cannot be inspected: {error.strerror}") from None
        yield place, found
        if not stat.S_ISLNK(found.st_mode):
            here = place
            continue
        links += 1
        if links > LINKS_MAX:
            raise UnsafeFile(f"`{path}` leads through too many symbolic links")
        target = place.readlink()
        rest += reversed(target.parts[1:] if target.is_absolute() else target.parts)
        here = Path("/") if target.is_absolute() else here


def _check_step(place: Path, found: os.stat_result, name: str, *, final: bool = False) -> None:
    where = f"`{place}`" if final else f"`{place}` above `{name}`"
    if found.st_uid not in (0, os.geteuid()):
        raise UnsafeFile(
            f"{where} belongs to uid {found.st_uid}, who could swap what is there: let it belong "
            f"to root or to uid {os.geteuid()} (chown), or use another place"
        )
    if stat.S_ISLNK(found.st_mode) or (not final and found.st_mode & stat.S_ISVTX):
        return
    if others_can_write(found, place):
        raise UnsafeFile(
            f"{where} can be written by {_who(found)}, who could swap what is there: `chmod go-w "
            f"{place}` after checking what is in it"
        )


def _check_content(folder: Path, *, deep: bool) -> None:
    folders = [str(folder)]
    while folders:
        try:
            entries = os.scandir(folders.pop())
        except PermissionError:
            # No other user can put anything there, and this one runs no code that it cannot read.
            # Root's guardian leaves compiled files like that.
            continue
        with entries:
            for entry in entries:
                found = entry.stat(follow_symlinks=False)
                if stat.S_ISLNK(found.st_mode) and found.st_uid in (0, os.geteuid()):
                    continue
                _check_own(entry.path, found)
                if deep and stat.S_ISDIR(found.st_mode):
                    folders.append(entry.path)


def _check_own(path: str, found: os.stat_result) -> None:
    """One file or folder, without the way to it."""
    if found.st_uid not in (0, os.geteuid()):
        raise UnsafeFile(
            f"`{path}` is code that runs here and belongs to uid {found.st_uid}: let it belong to "
            f"root or to uid {os.geteuid()} (chown) after checking it, or install Holdfast anew"
        )
    if others_can_write(found, path):
        raise UnsafeFile(
            f"`{path}` is code that runs here and can be written by {_who(found)}: `chmod go-w "
            f"{path}` after checking it, or install Holdfast anew"
        )


def _who(found: os.stat_result) -> str:
    mode = f"mode {stat.S_IMODE(found.st_mode):04o}"
    if found.st_mode & stat.S_IWOTH:
        return f"everyone ({mode})"
    return f"its group {found.st_gid} ({mode})"


@functools.cache
def _is_private(gid: int) -> bool:
    """Whether only this user and root are in a group, as far as the user database says."""
    own, users = {0, os.geteuid()}, pwd.getpwall()
    try:
        named = set(grp.getgrgid(gid).gr_mem)
    except KeyError:
        return False
    mine = {user.pw_name for user in users if user.pw_uid in own}
    with suppress(KeyError):  # a directory service may know this user without listing it
        mine.add(pwd.getpwuid(os.geteuid()).pw_name)
    return named <= mine and all(user.pw_uid in own for user in users if user.pw_gid == gid)


def _has_acl(path: str | Path) -> bool:
    """Whether an access control list names more users than the mode shows; see acl(5)."""
    try:
        os.getxattr(path, "system.posix_acl_access")
    except OSError:
        return False
    return True
