"""A policy in several files is one text wherever it is read, signed and in force."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.conftest import OPERATOR_PASSPHRASE, Run

from holdfast.service.home.folder import Home

POLICY = Path(__file__).with_name("policy.toml").read_text()
HEAD, RULES = POLICY.split("[[rule]]", 1)
MAIN = HEAD.replace('name = "cli-tests"', 'name = "cli-tests"\ninclude = ["rules.toml"]')


def written(folder: Path, main: str = MAIN, rules: str = "[[rule]]" + RULES) -> Path:
    path = folder / "main.toml"
    path.write_text(main)
    (folder / "rules.toml").write_text(rules)
    return path


def test_files_together_decide_as_one(run: Run, tmp_path: Path) -> None:
    path, whole = written(tmp_path), tmp_path / "whole.toml"
    whole.write_text(POLICY)
    assert run("policy", "check", path).code == 0
    same = run("policy", "diff", whole, path, "--json")
    assert same.json["relation"] == "equal", same.out
    words = ("--agent", "shopper", "--pay", "1 eth", "--to", "0x" + "11" * 20, "--json")
    assert run("policy", "try", path, *words).json["verdict"] == "instant"
    assert run("policy", "explain", path).out == run("policy", "explain", whole).out


def test_a_fault_is_at_its_place_in_the_file_it_is_in(run: Run, tmp_path: Path) -> None:
    path = written(tmp_path, rules='# ours\n[[rule]]\nid = "r"\ncolour = 1\n')
    checked = run("policy", "check", path)
    assert checked.code == 1
    assert f"{tmp_path / 'rules.toml'}:4:1: error: " in checked.out
    above = written(tmp_path, MAIN + "[[limit]]\nid = 5\n")
    assert f"{above}:{len(MAIN.splitlines()) + 2}:6: error: " in run("policy", "check", above).out


def test_a_stricter_file_is_stricter_and_a_milder_one_changes_nothing(
    run: Run, tmp_path: Path
) -> None:
    extra = '[[rule]]\nid = "asks"\neffects = ["transfer"]\nassets = ["eth"]\ntier = "{}"\n'
    whole = tmp_path / "whole.toml"
    whole.write_text(POLICY)
    words = ("--agent", "shopper", "--pay", "1 eth", "--to", "0x" + "11" * 20, "--json")
    main = POLICY.replace('name = "cli-tests"', 'name = "cli-tests"\ninclude = ["rules.toml"]')
    stricter = written(tmp_path, main, extra.format("approval"))
    assert run("policy", "try", stricter, *words).json["verdict"] == "approval"
    main = main.replace('tier = "instant"', 'tier = "approval"')
    milder = written(tmp_path, main, extra.format("instant"))
    assert run("policy", "try", milder, *words).json["verdict"] == "approval"


@pytest.mark.parametrize(
    ("include", "rules", "words"),
    [
        ('["../rules.toml"]', "", "cannot be included"),
        ('["/etc/rules.toml"]', "", "cannot be included"),
        ('["rules.txt"]', "", "cannot be included"),
        ('["rules.toml", "rules.toml"]', "", "different files"),
        ("[]", "", "1 to 64"),
        ("[1]", "", "1 to 64"),
        ('["none.toml"]', "", "cannot be read"),
        ('["rules.toml"]', "version = 1", "`version` belongs in the main file"),
        ('["rules.toml"]', 'include = ["more.toml"]', "`include` belongs in the main file"),
        ('["rules.toml"]', "include = []", "`include` belongs in the main file"),
        ('["rules.toml"]', "[rule]", "`rule` belongs in the main file"),
        ('["rules.toml"]', "[[rule", "rules.toml: "),
        ('["rules.toml"]', "x = " + "[" * 100_000, "nested too deep"),
    ],
)
def test_what_cannot_be_included_is_said(
    run: Run, tmp_path: Path, include: str, rules: str, words: str
) -> None:
    path = written(tmp_path, MAIN.replace('["rules.toml"]', include), rules)
    checked = run("policy", "check", path)
    assert checked.code == 1
    assert words in checked.err, checked.err


def test_an_include_that_is_not_on_a_line_of_its_own_is_refused(run: Run, tmp_path: Path) -> None:
    main = MAIN.replace('include = ["rules.toml"]', '"include" = ["rules.toml"]')
    checked = run("policy", "check", written(tmp_path, main))
    assert checked.code == 1
    assert "at the start of a line" in checked.err
    # A text that looks like it stays as it is.
    main = MAIN.replace(
        'name = "cli-tests"', 'name = """\ninclude = ["no.toml"]\n"""\n'.replace("\n", "")
    )
    assert run("policy", "check", written(tmp_path, main)).code == 0


def test_what_is_applied_is_one_text_in_force(run: Run, home: Home, tmp_path: Path) -> None:
    starter = home.policy_path.read_text()
    first, last = starter.split("[[limit]]", 1)
    path = written(
        tmp_path,
        first.replace("version = 1", 'version = 1\ninclude = ["rules.toml"]'),
        "[[limit]]" + last,
    )
    fd = ("--passphrase-fd", "{0}", "--home", home.path)
    done = run("policy", "apply", path, "--yes", *fd, secrets=(OPERATOR_PASSPHRASE,))
    assert done.code == 0, done.err
    in_force = home.policy_path.read_text()
    assert '# include = ["rules.toml"]' in in_force
    assert "[[limit]]" + last in in_force
    assert run("policy", "check", home.policy_path).code == 0
    # A guardian reads one text: it says what to do with a file that names others.
    home.policy_path.write_text(path.read_text())
    (home.path / "rules.toml").write_text("[[limit]]" + last)
    again = run("policy", "apply", "--yes", *fd, secrets=(OPERATOR_PASSPHRASE,))
    assert again.code == 1
    assert "keep it in another folder" in again.err
    served = run("serve", *fd, secrets=("wallets of the tests",))
    assert served.code == 1
    assert "holdfast policy apply FILE" in served.err
