"""Streams that are closed, full, not read, not UTF-8 or no terminal: words and an exit code."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.service.in_process import Guardian, make_home, serving
from tests.support.operator_thread import ThreadedOperator
from tests.support.terminal import Terminal

from holdfast.service.home.folder import Home

HOLDFAST = [sys.executable, "-m", "holdfast"]
MESSAGE = "grüße, 日本, 10 € …"


def closing(*descriptors: int) -> Callable[[], None]:
    """Closes these in the child."""

    def close() -> None:
        for each in descriptors:
            os.close(each)

    return close


def command(home: Path, *words: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    done: subprocess.CompletedProcess[bytes] = subprocess.run(  # type: ignore[call-overload]
        [*HOLDFAST, *words, "--home", str(home)], timeout=60, check=False, **given | options
    )
    assert b"Traceback" not in (done.stderr or b""), done.stderr
    assert b"Exception ignored" not in (done.stderr or b""), done.stderr
    return done


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """The home of a guardian that is played."""
    server = ThreadedOperator(make_home(tmp_path).path, "busy")
    yield tmp_path / "home"
    server.close()


SCREENS = (("console",), ("up",), ("demo",))


@pytest.mark.parametrize("words", SCREENS, ids=lambda words: words[0])
def test_a_screen_without_a_terminal_is_refused_in_words(home: Path, words: tuple[str]) -> None:
    done = command(home, *words)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"no terminal" in done.stderr


@pytest.mark.parametrize("words", [("status",), ("pending",), ("status", "--json")])
def test_output_that_cannot_be_written_is_a_failure_in_words(
    home: Path, words: tuple[str, ...]
) -> None:
    with Path("/dev/full").open("wb") as full:
        done = command(home, *words, stdout=full)
    assert (done.returncode, b"cannot be written: No space" in done.stderr) == (1, True), done
    done = command(home, *words, stdout=None, preexec_fn=closing(1))
    assert (done.returncode, b"cannot be written" in done.stderr) == (1, True), done


def test_closed_streams_lose_words_and_keep_the_exit_code(home: Path) -> None:
    shown = command(home, "pending", stderr=None, preexec_fn=closing(0, 2))
    assert shown.returncode == 0
    assert shown.stdout == command(home, "pending").stdout
    wrong = ("policy", "apply", str(home / "none.toml"))
    failed = command(home, *wrong, stdout=None, stderr=None, preexec_fn=closing(0, 1, 2))
    assert failed.returncode == 1


def test_a_question_without_an_answer_is_answered_no(home: Path) -> None:
    done = command(home, "thaw", "1", preexec_fn=closing(0))
    assert done.returncode != 0
    assert done.stderr


def test_who_reads_only_the_first_line_ends_the_command_without_words(home: Path) -> None:
    for words in (("status",), ("watch", "--from-seq", "0")):
        read_end, write_end = os.pipe()
        process = subprocess.Popen(
            [*HOLDFAST, *words, "--home", str(home)],
            stdin=subprocess.DEVNULL,
            stdout=write_end,
            stderr=subprocess.PIPE,
        )
        os.close(write_end)
        os.close(read_end)
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, b""), words


def test_watch_ends_with_its_guardian(home: Path, tmp_path: Path) -> None:
    other = ThreadedOperator(make_home(tmp_path / "other").path, "busy")
    process = subprocess.Popen(
        [*HOLDFAST, "watch", "--from-seq", "0", "--home", str(tmp_path / "other" / "home")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    other.close()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert b"no guardian answers" in err


@pytest.fixture(scope="session")
def latin(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a terminal that knows only ISO-8859-1."""
    folder = tmp_path_factory.mktemp("locale")
    maker = shutil.which("localedef")
    made = maker and subprocess.run(
        [maker, "-i", "en_US", "-f", "ISO-8859-1", str(folder / "en_US.ISO-8859-1")],
        capture_output=True,
        check=False,
    )
    if not made or made.returncode != 0:
        pytest.skip("this system has no sources of locales")
    return {**os.environ, "LOCPATH": str(folder), "LC_ALL": "en_US.ISO-8859-1"}


async def message(guardian: Guardian) -> str:
    """The id of a message that waits."""
    agent = await guardian.agent()
    wallet = (await agent.call("eth_accounts"))["result"][0]
    params = ["0x" + MESSAGE.encode().hex(), wallet]
    answer = await agent.call("holdfast_submit", [{"method": "personal_sign", "params": params}])
    return str(answer["result"]["requestId"])


async def test_what_a_terminal_cannot_say_is_shown_as_escapes(
    tmp_path: Path, latin: dict[str, str]
) -> None:
    async with serving(make_home(tmp_path)) as guardian:
        ident = await message(guardian)
        place = guardian.home.path

        async def shown(*words: str) -> bytes:
            done = await asyncio.to_thread(command, place, *words, env=latin)
            assert done.returncode == 0, done
            return done.stdout

        assert "grüße, \\u65e5\\u672c, 10 \\u20ac \\u2026".encode("latin-1") in await shown(
            "show", ident
        )
        view = json.loads((await shown("show", ident, "--json")).decode("utf-8"))
        assert MESSAGE in json.dumps(view, ensure_ascii=False)


def on_terminal(home: Path, *words: str, **env: str) -> Terminal:
    clean = {**os.environ, "TERM": "xterm-256color", "XDG_CONFIG_HOME": str(home / "config")}
    return Terminal([*HOLDFAST, *words, "--home", str(home)], {**clean, **env})


def test_a_terminal_that_is_not_utf8_gets_no_screen(home: Path, latin: dict[str, str]) -> None:
    terminal = on_terminal(home, "console", **latin)
    try:
        assert terminal.wait_exit() == 2
        assert b"LC_ALL=C.UTF-8" in terminal.output
    finally:
        terminal.close()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_hang_up_or_a_kill_leaves_the_terminal_as_it_was(home: Path, number: int) -> None:
    terminal = on_terminal(home, "console")
    try:
        terminal.wait_for("LIVE")
        terminal.process.send_signal(number)
        assert terminal.wait_exit() == 128 + number
        assert terminal.output.rfind(b"\x1b[?1049l") > terminal.output.rfind(b"\x1b[?1049h")
    finally:
        terminal.close()


@pytest.mark.parametrize("kept", [False, True], ids=["hangs up", "nohup"])
def test_a_guardian_ends_in_good_order_when_its_terminal_hangs_up(
    tmp_path: Path, kept: bool
) -> None:
    home = make_home(tmp_path)
    process = serve(home, ignoring=kept)
    try:
        process.send_signal(signal.SIGHUP)
        if kept:
            assert command(home.path, "status").returncode == 0
            process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    assert b"guardian.stopped" in command(home.path, "journal", "export").stdout


def serve(home: Home, *, ignoring: bool) -> subprocess.Popen[bytes]:
    """A guardian of its own that answers."""
    words = ["serve", "--home", str(home.path)]
    words += ["--passphrase-command", "echo wallets of the tests"]
    process = subprocess.Popen(
        [*HOLDFAST, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=(lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) if ignoring else None,
    )
    until = time.monotonic() + 60
    while command(home.path, "status").returncode == 3:
        assert time.monotonic() < until
        assert process.poll() is None
    return process
