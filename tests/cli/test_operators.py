"""Several operators: their keys, and what they approve and loosen together."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run
from tests.service.guardian.test_grants import race
from tests.service.guardian.test_restart import daemon
from tests.service.in_process import OPERATOR_PASSPHRASE, WALLETS_PASSPHRASE

from holdfast.service.home.folder import Home

OWN = OPERATOR_PASSPHRASE.decode()
BEN = "the other operator of the tests"
KEY = ("--passphrase-fd", "{0}")


def two_operators(run: Run, folder: Path) -> tuple[Home, Path]:
    """A home whose second operator has a key of its own beside it."""
    folder.chmod(0o700)
    ben, home = folder / "ben.json", Home(folder / "home")
    made = run("operator", "new", ben, "--id", "ben", "--kdf", "light", *KEY, secrets=(BEN,))
    assert made.code == 0, made.err
    secrets = (WALLETS_PASSPHRASE.decode(), OWN)
    descriptors = (*KEY, "--operator-passphrase-fd", "{1}")
    words = ("--home", home.path, "--kdf", "light", "--co-operator", made.out.strip())
    done = run("init", *words, *descriptors, secrets=secrets)
    assert done.code == 0, done.err
    return home, ben


def place(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_two_operators_loosen_a_policy_that_asks_for_two(run: Run, tmp_path: Path) -> None:
    home, ben = two_operators(run, tmp_path)
    strict = home.policy_path.read_text().replace(
        "version = 1\n", "version = 1\nloosen_quorum = 2\n"
    )
    first = place(tmp_path, "first.toml", strict)
    at = ("--home", home.path)
    with daemon(home):
        done = run("policy", "apply", first, "--yes", *KEY, *at, secrets=(OWN,))
        assert done.code == 0, done.err
        loose = place(tmp_path, "loose.toml", strict.replace('timeout = "30m"', 'timeout = "1h"'))
        alone = run("policy", "apply", loose, "--yes", *KEY, *at, secrets=(OWN,))
        assert alone.code == 1
        assert "1 of the 2 operators it needs signed it" in alone.err
        signature = tmp_path / "ben.sig"
        sign = ("policy", "sign", loose, "--key", ben, "--out", signature, "--yes", *KEY, *at)
        signed = run(*sign, secrets=(BEN,))
        assert signed.code == 0, signed.err
        assert "1 of them looser" in signed.out
        again = run(*sign, secrets=(BEN,))
        assert again.code == 1, "a signature is written to a new file"
        missing = run("policy", "apply", loose, "--with", ben.with_name("no.sig"), "--yes", *at)
        assert "has no signature" in missing.err
        both = ("policy", "apply", loose, "--with", signature, "--yes", *KEY, *at)
        assert run(*both, secrets=(OWN,)).code == 0
        status = run("status", "--json", *at).json
        assert (status["policy"]["revision"], status["policy"]["loosen_quorum"]) == (3, 2)
    # What was applied is what the next start finds, with both signatures.
    with daemon(home):
        status = run("status", "--json", *at).json
        assert status["policy"]["alarm"] is None
        assert status["policy"]["revision"] == 3
    assert run("journal", "verify", home.path).code == 0


def test_two_operators_put_a_looser_policy_in_force_for_the_next_start(
    run: Run, tmp_path: Path
) -> None:
    home, ben = two_operators(run, tmp_path)
    at = ("--home", home.path)
    strict = home.policy_path.read_text().replace(
        "version = 1\n", "version = 1\nloosen_quorum = 2\n"
    )
    first = place(tmp_path, "first.toml", strict)
    assert run("policy", "apply", first, "--yes", *KEY, *at, secrets=(OWN,)).code == 0
    with daemon(home):
        assert run("status", "--json", *at).json["policy"]["revision"] == 2
    loose = place(tmp_path, "loose.toml", strict.replace('timeout = "30m"', 'timeout = "1h"'))
    before = home.policy_path.read_bytes()
    alone = run("policy", "apply", loose, "--yes", *KEY, *at, secrets=(OWN,))
    assert alone.code == 1, "no guardian runs, and the next start would reject it"
    assert "1 of the 2 operators" in alone.err
    many = place(tmp_path, "many.toml", strict.replace("loosen_quorum = 2", "loosen_quorum = 3"))
    more = run("policy", "apply", many, "--yes", *KEY, *at, secrets=(OWN,))
    assert "has 2 operators" in more.err
    assert home.policy_path.read_bytes() == before
    signature = tmp_path / "ben.sig"
    sign = ("policy", "sign", loose, "--key", ben, "--out", signature, "--yes", *KEY, *at)
    assert run(*sign, secrets=(BEN,)).code == 0
    both = ("policy", "apply", loose, "--with", signature, "--yes", *KEY, *at)
    assert run(*both, secrets=(OWN,)).code == 0
    with daemon(home):
        status = run("status", "--json", *at).json
        assert (status["policy"]["revision"], status["policy"]["alarm"]) == (3, None)


def test_two_operators_approve_what_asks_for_two(run: Run, tmp_path: Path) -> None:
    home, ben = two_operators(run, tmp_path)
    at = ("--home", home.path)
    text = home.policy_path.read_text().replace('timeout = "30m"', 'quorum = 2\ntimeout = "30m"')
    path = place(tmp_path, "two.toml", text)
    assert run("policy", "apply", path, "--yes", *KEY, *at, secrets=(OWN,)).code == 0
    with daemon(home):
        assert race(home.agent_socket("agent"), [10**15]) == ["pending"]
        (shown,) = run("pending", "--json", *at).lines
        ident, digest = shown["id"], ("--digest", shown["digest"])
        one = run("approve", ident, *digest, "--json", *KEY, *at, secrets=(OWN,))
        assert one.code == 0, one.err
        assert one.json["state"] == "waiting-approval"
        twice = run("approve", ident, *digest, *KEY, *at, secrets=(OWN,))
        assert twice.code == 1
        two = run("approve", ident, *digest, "--key", ben, "--json", *KEY, *at, secrets=(BEN,))
        assert two.code == 0, two.err
        events = [each["kind"] for each in run("show", ident, "--json", *at).json["history"]]
        assert events.count("request.approved") == 2, events


def test_operators_that_cannot_be_are_refused_before_a_passphrase_is_asked_for(
    run: Run, tmp_path: Path
) -> None:
    key = "0x" + "11" * 32
    for text, words in [
        ("ben", "ben=0x…"),
        ("ben=0x12", "ben=0x…"),
        (f"Ben={key}", "not an operator id"),
        (f"operator={key}", "an id of its own"),
    ]:
        done = run("init", "--home", tmp_path / "h", "--co-operator", text)
        assert done.code in (1, 2)
        assert words in done.err, done.err
    twice = ("--co-operator", f"ben={key}", "--co-operator", "ben=0x" + "22" * 32)
    done = run("init", "--home", tmp_path / "h", *twice)
    assert "named twice" in done.err
    taken = place(tmp_path, "taken.json", "{}")
    done = run("operator", "new", taken, "--id", "ben", *KEY, secrets=(BEN,))
    assert "exists" in done.err
    assert taken.read_text() == "{}"


def test_a_key_of_another_guardian_signs_no_policy(run: Run, tmp_path: Path) -> None:
    home, _ = two_operators(run, tmp_path)
    carl = tmp_path / "carl.json"
    made = run("operator", "new", carl, "--id", "carl", "--kdf", "light", *KEY, secrets=(BEN,))
    assert made.code == 0, made.err
    out = tmp_path / "carl.sig"
    words = ("--key", carl, "--out", out, "--yes", *KEY, "--home", home.path)
    signed = run("policy", "sign", home.policy_path, *words, secrets=(BEN,))
    assert signed.code == 1
    assert "it has `operator`, `ben`" in signed.err
    assert not out.exists()


def test_a_large_looser_policy_waits_with_a_guardian_that_runs_and_with_none(
    run: Run, tmp_path: Path
) -> None:
    """It is too long for the socket, and goes by the files of the home."""
    home, _ = two_operators(run, tmp_path)
    at = ("--home", home.path)
    strict = home.policy_path.read_text()
    strict = strict.replace("version = 1\n", 'version = 1\nloosen_delay = "1h"\n')
    first = place(tmp_path, "first.toml", strict)
    assert run("policy", "apply", first, "--yes", *KEY, *at, secrets=(OWN,)).code == 0
    long = strict.replace('timeout = "30m"', 'timeout = "1h"') + "# words\n" * 60_000
    loose = place(tmp_path, "loose.toml", long)
    with daemon(home):
        running = run("policy", "apply", loose, "--yes", "--json", *KEY, *at, secrets=(OWN,))
        assert running.code == 0, running.err
        policy = run("status", "--json", *at).json["policy"]
        assert policy["coming"]["due_ms"] > 0
        assert running.json["in_force"] in run("status", *at).out
    again = place(tmp_path, "again.toml", long + "# more\n")
    stopped = run("policy", "apply", again, "--yes", *KEY, *at, secrets=(OWN,))
    assert stopped.code == 0, stopped.err
    assert "from the next start on it waits" in stopped.err
