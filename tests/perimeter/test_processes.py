"""What a process of Holdfast loads, inherits and shows to others: nothing but its own."""

from __future__ import annotations

import ast
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.terminal import Terminal
from tests.support.users import (
    ENVIRONMENT,
    GUARDIAN,
    STRANGER,
    Installation,
    as_user,
    children,
    installation,
    wait_for_log,
)

import holdfast
from holdfast.process import child
from holdfast.process.places import UnsafeFile, check_ancestors, check_place

PACKAGE = Path(holdfast.__file__).parent
# Loaded by every command, by the daemon, by the signer and by the console.
PLANTED = ("argparse", "base64", "ctypes", "json", "logging", "sqlite3", "textual", "typer")
STARTERS = {"process/child.py", "process/isolated.py"}
ATTACK = Path(__file__).with_name("take.py")
SCREEN = ENVIRONMENT | {"TERM": "xterm-256color", "HOME": "/nonexistent"}
PASSPHRASE = ("--passphrase-command", "echo wallets-pass")


@pytest.fixture(scope="module")
def place() -> Iterator[Installation]:
    with installation() as made:
        yield made


@pytest.fixture(scope="module")
def home(place: Installation) -> Path:
    """A guardian's home; no guardian runs there before or after a test."""
    made = place.own_folder("guardian", GUARDIAN) / "home"
    place.init(GUARDIAN, made)
    return made


@pytest.fixture(autouse=True)
def _nothing_runs(place: Installation) -> Iterator[None]:
    yield
    place.end_all()


@pytest.fixture
def planted(place: Installation) -> Iterator[Path]:
    """A stranger's folder of modules.

    Each ends the process that loads it, and writes its name to the file `LOADED` there.
    """
    folder = place.own_folder("planted", STRANGER, 0o755)
    told = folder / "LOADED"
    told.touch(mode=0o666)
    told.chmod(0o666)
    for name in PLANTED:
        text = f"open({str(told)!r}, 'a').write({name!r} + chr(10))\n"
        text += f"raise SystemExit('loaded the planted {name}')\n"
        (folder / f"{name}.py").write_text(text)
    yield folder
    assert not told.read_text()
    shutil.rmtree(folder)


@pytest.mark.parametrize("way", ["script", "module"])
def test_nothing_is_loaded_from_the_folder_it_is_started_in(
    place: Installation, home: Path, planted: Path, way: str
) -> None:
    """Neither by `holdfast` nor by `python -m holdfast` with a PYTHONPATH that names the folder.

    What such a path names counts before our first line does, so there the package itself is ours.
    """
    if way == "script":
        shutil.copy(planted / "json.py", planted / "holdfast.py")
        words, env = [place.holdfast], {}
    else:
        words, env = [place.python, "-m", "holdfast"], {"PYTHONPATH": f".:{planted}"}
    log = place.folder / f"log of {way}"
    command = [*words, "serve", "--home", home, *PASSPHRASE]
    serving = place.start(GUARDIAN, *command, cwd=planted, env=env, log=log)
    wait_for_log(log, '"signing"', serving)  # daemon and signer have loaded all they load
    asked = place.run(GUARDIAN, *words, "status", "--home", home, cwd=planted, env=env)
    assert asked.returncode == 0, asked.stderr


def test_an_installation_that_isolated_mode_does_not_see_is_refused_in_words(
    place: Installation,
) -> None:
    bare = Path(os.path.realpath(place.python))
    done = place.run(
        GUARDIAN, bare, "-m", "holdfast", "--version", env={"PYTHONPATH": str(PACKAGE.parent)}
    )
    assert done.returncode == 1
    assert "install Holdfast into a virtual environment" in done.stderr
    assert "Traceback" not in done.stderr


def test_up_and_its_console_load_nothing_from_the_folder_either(
    place: Installation, home: Path, planted: Path
) -> None:
    command = as_user(GUARDIAN, place.holdfast, "up", "--home", home, *PASSPHRASE)
    terminal = Terminal(["env", "-C", str(planted), *command], SCREEN, columns=120)
    try:
        terminal.wait_for("LIVE", seconds=60)
        terminal.process.terminate()
        terminal.wait_exit(60)
    finally:
        terminal.close()


def test_a_child_is_given_nothing_of_its_starter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "do-not-pass-on")
    monkeypatch.setenv("LD_PRELOAD", "")
    monkeypatch.setenv("TERM", "vt100")
    leaked, _ = os.pipe()
    os.set_inheritable(leaked, True)
    program = "import os,sys;print(sys.flags.isolated,os.getcwd(),os.getsid(0)==os.getpid(),"
    program += "sorted(os.environ),os.listdir('/proc/self/fd'))"
    command = [child.own("holdfast")[0], "-I", "-c", program]
    process = child.start(command, keep=("TERM",), stdout=child.PIPE, text=True)
    out, _ = process.communicate(timeout=30)
    # The fourth descriptor is that of the folder it lists.
    names = "['LANG', 'LC_ALL', 'PATH', 'TERM']"
    assert out.strip() == f"1 / True {names} ['0', '1', '2', '3']"
    with pytest.raises(ValueError, match="absolute path"):
        child.start(["python3"])


def test_a_passphrase_command_runs_beside_nothing_of_others(
    place: Installation, home: Path, planted: Path
) -> None:
    """It keeps its user's environment but for what changes the code it loads.

    A name without a path is never one in the working folder.
    """
    (planted / "sh").write_text(f"#!/bin/sh\necho sh >>{planted}/LOADED\n")
    (planted / "sh").chmod(0o755)
    env = {"PATH": f".:{ENVIRONMENT['PATH']}", "GNUPGHOME": "/kept", "LD_LIBRARY_PATH": "."}
    seen = home.parent / "seen"
    more = {"cwd": planted, "env": env}
    words = [place.holdfast, "serve", "--home", home, "--passphrase-command"]
    done = place.run(GUARDIAN, *words, f"sh -c 'env >{seen}; pwd >>{seen}; exit 7'", **more)
    assert "`sh` failed with exit code 7" in done.stderr
    *variables, folder = seen.read_text().splitlines()
    assert "GNUPGHOME=/kept" in variables
    assert not [line for line in variables if line.startswith(("LD_", "PYTHON"))]
    assert folder == "/"
    done = place.run(GUARDIAN, *words, "./sh", **more)
    assert "name it by its absolute path" in done.stderr


def test_one_place_starts_every_process() -> None:
    found = {
        f"{file.relative_to(PACKAGE)}: {name}"
        for file in PACKAGE.rglob("*.py")
        if str(file.relative_to(PACKAGE)) not in STARTERS
        for name in starting(ast.parse(file.read_text()))
    }
    assert not found


def starting(tree: ast.AST) -> Iterator[str]:
    """Every name in a module by which Python starts a process or becomes another program."""
    modules = ("subprocess", "multiprocessing", "pty", "_posixsubprocess")
    of_os = ("exec", "spawn", "posix_spawn", "fork", "system", "popen")
    of_loops = ("create_subprocess", "subprocess_", "ProcessPoolExecutor")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name.startswith(modules))
        elif isinstance(node, ast.ImportFrom):
            names = [each.name for each in node.names]
            if (node.module or "").startswith(modules):
                yield str(node.module)
            starts = of_os if node.module == "os" else of_loops
            yield from (name for name in names if name.startswith(starts))
        elif isinstance(node, ast.Attribute):
            is_os = isinstance(node.value, ast.Name) and node.value.id == "os"
            if node.attr.startswith(of_loops) or (is_os and node.attr.startswith(of_os)):
                yield node.attr


def test_what_starts_a_process_is_found() -> None:
    programs = (
        "import subprocess as s", "from os import execv", "os.system('')", "os.posix_spawn()",
        "await asyncio.create_subprocess_exec()", "loop.subprocess_shell()",
        "from concurrent.futures import ProcessPoolExecutor", "import multiprocessing.pool",
    )  # fmt: skip
    assert all(list(starting(ast.parse(f"async def f():\n {each}"))) for each in programs)


def test_code_that_others_can_write_is_refused_before_a_passphrase_is_read(
    place: Installation, home: Path
) -> None:
    asked = home.parent / "asked"
    words = ["--home", home, "--passphrase-command", f"touch {asked}"]
    for path, mode in ((place.site, 0o777), (place.site / "holdfast.pth", 0o666)):
        sound = path.stat().st_mode & 0o7777
        path.chmod(mode)
        for command in ("serve", "up"):
            done = place.run(GUARDIAN, place.holdfast, command, *words)
            assert done.returncode == 1
            assert str(path) in done.stderr
            assert f"chmod go-w {path}" in done.stderr
        path.chmod(sound)
    os.chown(place.site / "holdfast.pth", STRANGER, STRANGER)
    done = place.run(GUARDIAN, place.holdfast, "serve", *words)
    os.chown(place.site / "holdfast.pth", 0, 0)
    assert f"belongs to uid {STRANGER}" in done.stderr
    assert not asked.exists()


def test_code_that_only_its_owner_can_read_keeps_no_other_user_from_starting(
    place: Installation, home: Path
) -> None:
    closed = place.folder / "closed"
    closed.mkdir(mode=0o700)
    (place.site / "closed.pth").write_text(f"{closed}\n")
    words = ["--home", home, "--yes", "--passphrase-command", "echo operator-pass"]
    done = place.run(GUARDIAN, place.holdfast, "policy", "apply", *words)
    assert str(closed) not in done.stderr
    assert done.returncode == 0, done.stderr
    (place.site / "closed.pth").unlink()
    closed.rmdir()


def test_a_home_below_a_folder_that_others_can_write_is_refused(
    place: Installation, home: Path
) -> None:
    words, parent = [place.holdfast, "serve", "--home", home, *PASSPHRASE], home.parent
    for mode in (0o770, 0o707):
        parent.chmod(mode)
        for command in (words, [place.holdfast, "console", "--home", home]):
            done = place.run(GUARDIAN, *command)
            assert done.returncode == 1
            assert f"chmod go-w {parent}" in done.stderr
    os.chown(parent, STRANGER, STRANGER)
    parent.chmod(0o755)
    done = place.run(GUARDIAN, *words)
    assert f"belongs to uid {STRANGER}" in done.stderr
    os.chown(parent, GUARDIAN, GUARDIAN)
    parent.chmod(0o700)


def test_ordinary_places_are_accepted_and_swappable_ones_are_not(tmp_path: Path) -> None:
    """/tmp has the sticky bit: nobody renames a folder of ours there.

    A link counts with all it passes.
    """
    check_ancestors(tmp_path / "home")
    check_place(tmp_path / "not there yet" / "file.zip")
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "code").mkdir()
    shared.chmod(0o1777)
    check_place(shared / "code")
    with pytest.raises(UnsafeFile, match="can be written by everyone"):
        check_place(shared)
    shared.chmod(0o777)
    (tmp_path / "link").symlink_to(shared / "code")
    with pytest.raises(UnsafeFile, match=r"`.*shared` above `link` can be written by everyone"):
        check_place(tmp_path / "link")


def test_a_private_group_is_not_others_and_a_shared_one_is(place: Installation) -> None:
    """Many systems give each user a group of their own and let it write."""
    names = [line.split(":") for line in Path("/etc/passwd").read_text().splitlines()]
    groups = [line.split(":") for line in Path("/etc/group").read_text().splitlines()]
    crowded = {int(user[3]) for user in names if sum(u[3] == user[3] for u in names) > 1}
    crowded |= {int(group[2]) for group in groups if group[3]}
    user = next(u for u in names if 0 < int(u[3]) < 60_000 and int(u[3]) not in crowded)
    uid, gid = int(user[2]), int(user[3])
    folder = place.own_folder("code", uid)
    program = "import sys,pathlib;from holdfast.process.places import check_place;"
    program += "check_place(pathlib.Path(sys.argv[1]))"
    for group, accepted in ((gid, True), (0, False), (STRANGER, False)):
        os.chown(folder, uid, group)
        folder.chmod(0o775)
        done = place.run(uid, place.python, "-I", "-c", program, folder)
        assert (done.returncode == 0) is accepted, done.stderr
        assert accepted or "can be written by its group" in done.stderr


def test_a_process_of_the_same_user_takes_nothing(place: Installation, home: Path) -> None:
    """Daemon, signer, console and command line; the attack does take all from an ordinary one."""
    daemon = place.serve(GUARDIAN, home, place.folder / "log")
    (signer,) = children(daemon.pid)
    ordinary = place.start(GUARDIAN, "sleep", "600")
    watch_log = place.folder / "watch"
    watching = place.start(
        GUARDIAN, place.holdfast, "watch", "--from-seq", "0", "--home", home, log=watch_log
    )
    console = Terminal(as_user(GUARDIAN, place.holdfast, "console", "--home", home), SCREEN)
    try:
        console.wait_for("LIVE", seconds=60)
        wait_for_log(watch_log, "guardian started", watching)
        shutil.copy(ATTACK, place.folder)
        ours = [daemon.pid, signer, console.process.pid, watching.pid]
        pids = [str(pid) for pid in (*ours, ordinary.pid)]
        done = place.run(GUARDIAN, place.python, "-I", place.folder / ATTACK.name, *pids)
        taken = json.loads(done.stdout)
        assert {"descriptor 0", "environ", "mem", "control"} <= set(taken[str(ordinary.pid)])
        assert {pid: taken[str(pid)] for pid in ours} == {pid: [] for pid in ours}
        for pid in ours:
            limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
            core = next(line for line in limits if line.startswith("Max core file size"))
            assert core.split()[4:6] == ["0", "0"]
            assert "NoNewPrivs:\t1" in Path(f"/proc/{pid}/status").read_text()
    finally:
        console.close()
    assert daemon.poll() is None


def test_a_capability_protects_from_the_first_instruction_on(place: Installation) -> None:
    """Until a process has hardened itself, the capability of the documented unit does it."""
    ordinary = place.start(GUARDIAN, "sleep", "600", capability="ipc_lock")
    until_runs(ordinary.pid, "sleep")
    shutil.copy(ATTACK, place.folder)
    done = place.run(GUARDIAN, place.python, "-I", place.folder / ATTACK.name, str(ordinary.pid))
    assert json.loads(done.stdout) == {str(ordinary.pid): []}


def until_runs(pid: int, program: str) -> None:
    """Returns when a process has become that program."""
    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}/comm").read_text().strip() != program:
        assert time.monotonic() < deadline
        time.sleep(0.01)
