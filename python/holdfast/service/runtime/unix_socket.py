"""Sockets that only their owner's processes can reach.

Unless others are let in; and they never take the place of another's file.
"""

import os
import socket
import stat
import struct
from dataclasses import dataclass
from pathlib import Path

BACKLOG = 1024
CONNECT_SECONDS_MAX = 0.5


class SocketError(RuntimeError):
    """A socket that cannot be opened safely; the text names the path and what to do."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, as the kernel says (SO_PEERCRED, unix(7))."""

    pid: int
    uid: int
    gid: int


def peer_of(connection: socket.socket) -> Peer:
    """The peer of a connected Unix socket (also of the socket object a transport shows)."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return Peer(*struct.unpack("3i", raw))


class ListeningSocket:
    """A listening socket whose file is removed again on `close`.

    Its mode is 0600, or 0666 when it is `shared`: then who connects must be asked for by `peer_of`.
    """

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        """Binds `path`.

        A file in the way is removed only if it is our socket and no process listens. Raises
        SocketError.
        """
        self.path = path
        _check_folder(path.parent)
        _clear(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        # Between bind and chmod no other process may connect, so the mode is right from the start.
        before = os.umask(0o177)
        try:
            self.socket.bind(str(path))
        except OSError as error:
            self.socket.close()
            raise SocketError(f"{path}: cannot be opened: {error.strerror}") from error
        finally:
            os.umask(before)
        self._inode = path.lstat().st_ino
        self.share(shared)
        self.socket.listen(BACKLOG)

    def share(self, shared: bool) -> None:
        """Lets processes of other users connect, or no more.

        Raises SocketError when the file is not this socket's any more.
        """
        # Only this user can put another file there: the folder was checked.
        if not self.is_in_place:
            raise SocketError(f"{self.path}: was removed or replaced")
        self.path.chmod(0o666 if shared else 0o600)

    @property
    def is_in_place(self) -> bool:
        """Whether the file is there, and is this socket's."""
        try:
            return self.path.lstat().st_ino == self._inode
        except OSError:
            return False

    def close(self) -> None:
        """Stops listening and removes the file, if it is still this socket's."""
        self.socket.close()
        if self.is_in_place:
            self.path.unlink(missing_ok=True)


def _check_folder(folder: Path) -> None:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise SocketError(f"{folder}: is not a folder (a link is not followed)")
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise SocketError(f"{folder}: must belong to this user and be writable only by it")


def _clear(path: Path) -> None:
    """Makes `path` free, or says why it is not."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise SocketError(f"{path}: is not a socket; move it away")
    if found.st_uid != os.geteuid():
        raise SocketError(
            f"{path}: belongs to uid {found.st_uid}; remove it if it should not be there"
        )
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        probe.settimeout(CONNECT_SECONDS_MAX)
        probe.connect(str(path))
    except ConnectionRefusedError:
        path.unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        raise SocketError(f"{path}: another process may be listening ({error})") from error
    else:
        raise SocketError(f"{path}: another process listens on it")
    finally:
        probe.close()
