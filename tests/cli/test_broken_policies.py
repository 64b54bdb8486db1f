"""`holdfast policy check` names every mistake of a broken file, its place and what to write."""

import re
from pathlib import Path

import pytest
from tests.cli.broken_policies import FILES, checked, expected
from tests.cli.conftest import Run

from holdfast._core import codes

# What no file can show: where a guardian is known (tests/perimeter), or what depends on the day.
ELSEWHERE = {"wallet_unknown", "socket_path", "entry_expiring", "rule_expiring"}


def test_each_broken_file_gets_the_message_the_place_and_the_fix_it_needs() -> None:
    shown = expected()
    assert len(FILES) >= 100
    wrong = []
    for file in FILES:
        code, out = checked(file)
        wanted = shown.get(file.name, "")
        if (code, out) != (1 if ": error: " in wanted else 0, wanted):
            wrong.append(f"{file.name} (exit {code}), expected:\n{wanted}found:\n{out}")
    again = "if they are right, `python -m tests.cli.broken_policies` writes them down"
    assert not wrong, "\n".join([*wrong, again])


def test_every_message_has_a_place_and_says_what_to_write() -> None:
    for name, text in expected().items():
        lines = text.splitlines()
        for first, fix in zip(lines[::2], lines[1::2], strict=True):
            assert re.match(rf"{re.escape(name)}:\d+:\d+: (error|note): .+ \[\w+\]$", first), first
            assert re.match(r"    fix: \S", fix), first


def test_every_error_and_warning_is_given_by_a_file() -> None:
    known = {code for kind, code, *_ in codes() if kind == "policy"}
    given = set(re.findall(r"\[(\w+)\]$", "".join(expected().values()), re.MULTILINE))
    assert given | ELSEWHERE == known
    assert not given & ELSEWHERE


def test_a_file_that_cannot_be_read_says_why(run: Run, tmp_path: Path) -> None:
    missing = run("policy", "check", tmp_path / "none.toml")
    assert (missing.code, missing.out) == (1, "")
    assert "cannot be read: No such file or directory" in missing.err
    folder = run("policy", "check", tmp_path)
    assert (folder.code, "cannot be read: Is a directory" in folder.err) == (1, True)
    latin = tmp_path / "latin.toml"
    latin.write_bytes('version = 1\nname = "Müller"\n'.encode("latin-1"))
    result = run("policy", "check", latin)
    assert result.code == 1
    assert "is not UTF-8 text: line 2, column 10" in result.err


def test_a_file_without_end_is_refused_in_bounded_time_and_words(run: Run, tmp_path: Path) -> None:
    huge = tmp_path / "huge.toml"
    huge.write_text("version = 1\n" + '[[rule]]\nid = "A"\n' * 200_000)
    result = run("policy", "check", huge)
    assert result.code == 1
    assert len(result.out) < 100_000
    assert "100 errors" in result.err


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_line_ends_and_tabs_of_another_editor_are_no_errors(
    run: Run, tmp_path: Path, end: str
) -> None:
    text = (FILES[0].parent / "file-byte-order-mark.toml").read_text(encoding="utf-8-sig")
    other = tmp_path / "other.toml"
    other.write_bytes(text.replace(" = ", "\t=\t").replace("\n", end).encode())
    result = run("policy", "check", other)
    assert (result.code, result.out) == (0, ""), result.out
