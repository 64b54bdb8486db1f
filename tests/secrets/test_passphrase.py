"""Where a passphrase may come from, and that nothing else sees it."""

import os
import pty
import subprocess
import sys

import pytest

from holdfast.secrets.passphrase import PassphraseError, PassphraseSource, wipe

READ = (
    "from holdfast.secrets.passphrase import PassphraseSource, PassphraseError\n"
    "try:\n"
    "    print('got', PassphraseSource().read('this home', new={new}).decode())\n"
    "except PassphraseError as error:\n"
    "    print('refused:', error)\n"
)


def from_bytes(*parts: bytes) -> int:
    read_end, write_end = os.pipe()
    for part in parts:
        os.write(write_end, part)
    os.close(write_end)
    return read_end


def test_it_is_read_from_a_descriptor_without_its_line_end() -> None:
    descriptor = from_bytes(b"first one\nsecond one\r\n")
    source = PassphraseSource(fd=descriptor)
    assert source.read("a") == b"first one"
    assert source.read("b") == b"second one"
    with pytest.raises(PassphraseError, match="of c is empty"):
        source.read("c")
    os.close(descriptor)
    with pytest.raises(PassphraseError, match="cannot be read"):
        source.read("d")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (b"x" * 1025, "longer than 1024"),
        (b"\xff\xfe", "not UTF-8"),
        (b"q\0q", "NUL"),
        (b"", "empty"),
        (b"kurz", "at least 8"),
    ],
)
def test_a_bad_one_is_refused_and_never_repeated(given: bytes, words: str) -> None:
    descriptor = from_bytes(given)
    with pytest.raises(PassphraseError, match=words) as caught:
        PassphraseSource(fd=descriptor).read("this home", new=True)
    os.close(descriptor)
    assert not given or given.decode("latin-1") not in str(caught.value)


def test_it_is_the_first_line_a_command_prints_and_no_shell_runs_it() -> None:
    assert PassphraseSource(command="printf 'one two\\nthree'").read("a") == b"one two"
    assert PassphraseSource(command="echo '$HOME;' ok").read("a") == b"$HOME; ok"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("false", "exit code 1"),
        ("/nowhere/at-all", "cannot be run"),
        ("echo 'open", "cannot be split"),
        ("", "empty"),
        ("true", "is empty"),
    ],
)
def test_a_command_that_fails_is_told_in_words(command: str, words: str) -> None:
    with pytest.raises(PassphraseError, match=words):
        PassphraseSource(command=command).read("this home")


def test_only_one_source_may_be_named() -> None:
    with pytest.raises(PassphraseError, match="not both"):
        PassphraseSource(fd=3, command="true")


def on_terminal(script: str, typed: list[bytes]) -> str:
    """What a script says on a terminal of its own when a person types after each prompt."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", script])
    said = b""
    for line in typed:
        while not said.rstrip().endswith(b":"):
            said += os.read(terminal, 1024)
        os.write(terminal, line + b"\n")
        said += b"|"
    try:
        while part := os.read(terminal, 1024):
            said += part
    except OSError:
        pass  # the terminal closes when the script ends
    os.waitpid(pid, 0)
    os.close(terminal)
    return said.decode()


def test_a_person_is_asked_on_the_terminal_without_echo() -> None:
    said = on_terminal(READ.format(new=False), [b"a long secret"])
    assert "Passphrase of this home:" in said
    assert "got a long secret" in said
    assert said.count("a long secret") == 1  # printed by the script, never echoed


def test_a_new_one_is_asked_for_twice_and_again_until_both_are_the_same() -> None:
    secret = b"a long secret"
    assert "got a long secret" in on_terminal(READ.format(new=True), [secret, secret])
    typed = [secret, b"a lung secret", b"kurz", secret, secret]
    said = on_terminal(READ.format(new=True), typed)
    assert "the two passphrases are not the same; type it again" in said
    assert "too short: use at least 8 characters; type it again" in said
    assert "got a long secret" in said
    assert "lung" not in said


def test_without_a_terminal_nothing_is_read_from_standard_input() -> None:
    done = subprocess.run(
        [sys.executable, "-c", READ.format(new=False)],
        input=b"not this\n",
        capture_output=True,
        start_new_session=True,
        check=True,
        timeout=30,
    )
    assert b"there is no terminal" in done.stdout
    assert b"not this" not in done.stdout


def test_a_wiped_secret_is_zeros() -> None:
    secret = bytearray(b"secret")
    wipe(secret)
    assert secret == bytes(6)
