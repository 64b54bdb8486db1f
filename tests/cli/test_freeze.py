"""Stopping without a guardian: a file that nothing but an operator's key undoes."""

import os
import socket
import stat

from tests.cli.conftest import Run

from holdfast.service.home.folder import Home


def test_freeze_without_a_guardian_leaves_the_file(run: Run, home: Home) -> None:
    result = run("freeze", "--reason", "smoke", "--home", home.path, "--json")
    assert result.code == 0
    assert result.json["frozen"] == "file"
    assert result.json["scope"] == {"kind": "everything"}
    assert "smoke" in home.freeze_file.read_text()
    assert stat.S_IMODE(home.freeze_file.stat().st_mode) == 0o600


def test_a_second_freeze_without_a_guardian_leaves_nothing_of_the_first_text(
    run: Run, home: Home
) -> None:
    run("freeze", "--reason", "a reason that is longer than the next", "--home", home.path)
    assert run("freeze", "--reason", "second", "--home", home.path).code == 0
    text = home.freeze_file.read_text()
    assert text.startswith("second (by ")
    assert text.endswith("Z)\n")
    assert text.count("\n") == 1


def test_a_narrow_freeze_without_a_guardian_stops_everything_and_says_so(
    run: Run, home: Home
) -> None:
    result = run("freeze", "--agent", "shopper", "--home", home.path)
    assert result.code == 0
    assert "EVERYTHING" in result.err
    assert home.freeze_file.exists()


def test_a_guardian_that_hangs_is_not_waited_for(run: Run, home: Home) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.bind(str(home.operator_socket))
        silent.listen()
        result = run("freeze", "--home", home.path)
    assert result.code == 0
    assert home.freeze_file.exists()


def test_a_link_in_the_place_of_the_file_is_not_followed(run: Run, home: Home, tmp_path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    home.freeze_file.symlink_to(victim)
    result = run("freeze", "--home", home.path, "--json")
    assert victim.read_text() == "precious"
    assert result.code == 1
    assert result.json["error"]["code"] == "not_frozen"


def test_a_pipe_in_the_place_of_the_file_keeps_no_one_waiting(run: Run, home: Home) -> None:
    os.mkfifo(home.freeze_file)
    result = run("freeze", "--home", home.path, "--json")
    assert result.code == 1
    assert result.json["error"]["code"] == "not_frozen"


def test_two_scopes_at_once_are_wrong_use(run: Run, home: Home) -> None:
    result = run("freeze", "--agent", "a", "--wallet", "0x1", "--home", home.path)
    assert result.code == 2
    assert not home.freeze_file.exists()
