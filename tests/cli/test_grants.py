"""`holdfast grant`, against a guardian in a process of its own."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run
from tests.service.guardian.test_grants import race
from tests.service.guardian.test_restart import daemon
from tests.service.in_process import OPERATOR_PASSPHRASE, STRANGER, make_home

OWN = OPERATOR_PASSPHRASE.decode()


def test_a_grant_is_given_listed_used_and_revoked(run: Run, tmp_path: Path) -> None:
    home = make_home(tmp_path)
    with daemon(home):

        def holdfast(*arguments: object, secrets: tuple[str, ...] = ()) -> str:
            done = run(*arguments, "--home", home.path, secrets=secrets)
            assert done.code == 0, done.err
            return done.out

        assert holdfast("grant") == "no grants\n"
        words = ("--agent", "agent", "--pay", "0.5 eth", "--to", STRANGER, "--for", "2h")
        key = ("--passphrase-fd", "{0}")
        out = holdfast("grant", "give", *words, "--yes", *key, secrets=(OWN,))
        assert "pays     at most 0.5 eth in one payment" in out
        assert STRANGER in out
        number = out.split("grant revoke ")[1].split("`")[0]
        listed = holdfast("grant")
        assert f"grant {number}: agent may pay 0.50 ETH once to {STRANGER}" in listed
        assert "open: 0 ETH paid, 0.50 ETH left" in listed
        assert race(home.agent_socket("agent"), [10**17]) == ["pending"]
        assert "used: 0 ETH paid, 0 ETH left" in holdfast("grant")
        assert holdfast("grant", "revoke", number, *key, secrets=(OWN,)) == f"revoked  {number}\n"
        (row,) = run("grant", "--json", "--home", home.path).lines
        assert (row["state"], row["to"], row["once"]) == ("revoked", STRANGER, True)


def test_what_a_grant_cannot_be_is_said_with_what_can(run: Run, tmp_path: Path) -> None:
    home = make_home(tmp_path)
    with daemon(home):
        good = {"--agent": "agent", "--pay": "1 eth", "--to": STRANGER, "--for": "2h"}
        for option, value, words in [
            ("--agent", "nobody", "choose `agent`, `other`"),
            ("--pay", "1", 'such as "25 usdc"'),
            ("--pay", "1 doge", "choose `eth`"),
            ("--pay", "0.0000000000000000001 eth", "at most 18 decimal places"),
            ("--to", "@vendors", "not a list"),
            ("--to", "0x90f79bf6eb2c4f870365e785982e1f101e93b90", "40 hex digits"),
            ("--for", "2", "like 30m, 2h or 7d"),
            ("--for", "32d", "at most 31d"),
        ]:
            given = [each for pair in (good | {option: value}).items() for each in pair]
            done = run("grant", "give", *given, "--yes", "--home", home.path)
            assert done.code == 2, (option, value, done)
            assert words in done.err, done.err
        gone = run(
            "grant", "revoke", 1, "--passphrase-fd", "{0}", "--home", home.path, secrets=(OWN,)
        )
        assert gone.code == 1
        assert "there is no grant 1 to revoke" in gone.err
