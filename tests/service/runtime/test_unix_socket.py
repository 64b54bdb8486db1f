"""A socket is private from its first moment and replaces only its own leftovers."""

import os
import socket
import stat
from pathlib import Path

import pytest

from holdfast.service.runtime.unix_socket import ListeningSocket, SocketError, peer_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "run"
    made.mkdir(mode=0o700)
    return made


def leave_stale(path: Path) -> None:
    old = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old.bind(str(path))
    old.close()


def test_only_the_owner_can_reach_it(folder: Path) -> None:
    listening = ListeningSocket(folder / "a.sock")
    assert stat.S_IMODE((folder / "a.sock").stat().st_mode) == 0o600
    listening.close()
    assert not (folder / "a.sock").exists()


def test_a_stale_socket_is_replaced(folder: Path) -> None:
    leave_stale(folder / "a.sock")
    listening = ListeningSocket(folder / "a.sock")
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.connect(str(folder / "a.sock"))
    client.close()
    listening.close()


def test_a_socket_somebody_listens_on_is_left_alone(folder: Path) -> None:
    first = ListeningSocket(folder / "a.sock")
    with pytest.raises(SocketError, match="another process listens"):
        ListeningSocket(folder / "a.sock")
    assert (folder / "a.sock").exists()
    first.close()


def test_a_file_or_a_link_in_the_way_is_left_alone(folder: Path) -> None:
    (folder / "file.sock").write_text("mine")
    with pytest.raises(SocketError, match="is not a socket"):
        ListeningSocket(folder / "file.sock")
    assert (folder / "file.sock").read_text() == "mine"
    leave_stale(folder / "real.sock")
    (folder / "link.sock").symlink_to(folder / "real.sock")
    with pytest.raises(SocketError, match="is not a socket"):
        ListeningSocket(folder / "link.sock")


def test_a_folder_others_can_write_is_refused(folder: Path) -> None:
    folder.chmod(0o770)
    with pytest.raises(SocketError, match="writable only by it"):
        ListeningSocket(folder / "a.sock")


def test_a_socket_that_took_our_place_is_not_removed(folder: Path) -> None:
    first = ListeningSocket(folder / "a.sock")
    (folder / "a.sock").unlink()
    second = ListeningSocket(folder / "a.sock")
    first.close()
    assert (folder / "a.sock").exists()
    second.close()


def test_the_kernel_says_who_is_at_the_other_end() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    peer = peer_of(ours)
    assert (peer.pid, peer.uid, peer.gid) == (os.getpid(), os.geteuid(), os.getegid())
    ours.close()
    theirs.close()
