"""Three users: the guardian and two agents, each reaching only what is theirs."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any

import pytest
from tests.service.in_process import Guardian, Line, make_home, put_policy, serving, until
from tests.support.anvil import Anvil
from tests.support.operator_cli import holdfast
from tests.support.users import (
    BUYER,
    GUARDIAN,
    SELLER,
    STRANGER,
    Installation,
    installation,
)

from holdfast.agent import socket_path
from holdfast.service.agents.folder import place_agents
from holdfast.service.guardian.policy_file import PolicyRejected
from holdfast.service.home.folder import SOCKET_PATH_BYTES_MAX, Home, HomeError

VENDOR = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
DOCS = Path(__file__).parents[2] / "docs"
POLICY = Template("""
version = 1
name = "three users"
[[chain]]
id = 31337
name = "local"
gas_max = 500_000
fee_per_gas_max = "100 gwei"
priority_fee_per_gas_max = "5 gwei"
[[wallet]]
id = "purse"
address = "$wallet"
[[agent]]
id = "buyer"
wallets = ["purse"]
chain = 31337
uids = [$buyer]
[[agent]]
id = "seller"
wallets = ["purse"]
chain = 31337
uids = [$seller]
[[asset]]
id = "eth"
chain = 31337
native = true
decimals = 18
symbol = "ETH"
price_usd = "3000"
[[rule]]
id = "payments"
effects = ["transfer"]
assets = ["eth"]
amount_max = "1"
tier = "instant"
""")
# What an agent may import is enough: it is found without a home of its own.
PAY = f"""
import sys
from holdfast.agent import connect
with connect(None, sys.argv[1]) as guardian:
    wallet = guardian.call("eth_accounts")[0]
    payment = {{"from": wallet, "to": "{VENDOR}", "value": "0x3e8"}}
    print(guardian.send_transaction(payment, wait_s=20, idempotency_key=sys.argv[2]))
"""
ASK = """
import sys
from holdfast.agent import connect
try:
    with connect(None, sys.argv[1]) as guardian:
        print(guardian.call("eth_chainId"))
except ConnectionError:
    print("turned away")
"""
LOOK = """
import os, socket, sys
for path in sys.argv[1:]:
    for look in (os.listdir, lambda p: open(p, "rb"), socket.socket(socket.AF_UNIX).connect):
        try:
            look(path)
        except PermissionError:
            continue
        except OSError as error:
            if isinstance(error, (NotADirectoryError, IsADirectoryError)) or error.errno == 6:
                continue
        print(path, look)
"""


@pytest.fixture
def place() -> Iterator[Installation]:
    with installation() as made:
        yield made


def unit() -> dict[str, str]:
    """The systemd unit of docs/operations.md."""
    text = (DOCS / "operations.md").read_text()
    (found,) = re.findall(r"```ini\n(.*?)```", text, re.DOTALL)
    return dict(line.split("=", 1) for line in found.splitlines() if "=" in line)


def start_as_documented(place: Installation, home: Path, run: Path) -> Any:
    """Does what systemd does with the documented unit, with the test's user and folders."""
    said = unit()
    assert said["User"] == "holdfast"
    assert said["RuntimeDirectory"] == "holdfast"
    if not run.exists():
        run.mkdir()
        os.chown(run, GUARDIAN, GUARDIAN)
        run.chmod(int(said["RuntimeDirectoryMode"], 8))
    command = said["ExecStart"]
    assert command.startswith("/opt/holdfast/bin/holdfast serve --home /var/lib/holdfast/guardian ")
    before = os.umask(int(said["UMask"], 8))
    try:
        env = {"RUNTIME_DIRECTORY": str(run)}
        capability = said["AmbientCapabilities"].removeprefix("CAP_").lower()
        log = place.folder / "log"
        return place.serve(GUARDIAN, home, log, env=env, capability=capability)
    finally:
        os.umask(before)


def test_each_agent_reaches_its_own_socket_and_nothing_else(
    place: Installation, anvil: Anvil
) -> None:
    home = place.own_folder("var", GUARDIAN) / "home"
    place.init(GUARDIAN, home, "--rpc-url", anvil.url)
    (keystore,) = (home / "keys" / "wallets").iterdir()
    wallet = json.loads(keystore.read_text())["address"]
    anvil.fund(wallet)
    text = POLICY.substitute(wallet=keystore.stem, buyer=BUYER, seller=SELLER)
    (home / "policy.toml").write_text(text)
    own = ["--passphrase-command", "echo operator-pass", "--home", home]
    signed = place.run(GUARDIAN, place.holdfast, "policy", "apply", "--yes", *own)
    assert signed.returncode == 0, signed.stderr
    run = place.folder / "run"
    env = {"HOLDFAST_AGENTS": str(run / "agents"), "HOME": "/nonexistent"}

    def agent(uid: int, program: str, *arguments: str | Path) -> Any:
        return place.run(uid, place.python, "-I", "-c", program, *arguments, env=env)

    for number in range(2):  # the second time after a restart
        daemon = start_as_documented(place, home, run)
        before = anvil.balance(VENDOR)
        paid = agent(BUYER, PAY, "buyer", f"payment-{number}")
        assert re.fullmatch(r"0x[0-9a-f]{64}", paid.stdout.strip()), paid.stderr
        anvil.wait_mined(paid.stdout.strip())
        assert anvil.balance(VENDOR) == before + 1000
        assert agent(SELLER, ASK, "seller").stdout.strip() == "0x7a69"
        for uid, name in ((SELLER, "buyer"), (BUYER, "seller"), (STRANGER, "buyer")):
            assert agent(uid, ASK, name).stdout.strip() == "turned away"
        seen = agent(
            BUYER, LOOK, run / "agents", home.parent, home, home / "config.toml",
            home / "journal.sqlite", home / "keys", home / "run" / "operator.sock",
        )  # fmt: skip
        assert (seen.returncode, seen.stdout) == (0, ""), seen
        shown = place.run(GUARDIAN, place.holdfast, "status", "--home", home, "--json")
        status = json.loads(shown.stdout)
        assert {each["id"]: each["socket"] for each in status["agents"]} == {
            name: str(run / "agents" / f"{name}.sock") for name in ("buyer", "seller")
        }
        assert status["health"]["turned_away"] == {"buyer": 2, "seller": 1}
        assert not status["health"]["sockets"]
        daemon.terminate()
        assert daemon.wait(30) == 0


def test_the_folder_is_passable_and_the_operators_socket_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "agents"
    home = place_agents(Home(tmp_path / "home"), str(folder), None)
    assert home.agent_socket("a") == folder / "a.sock"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o711
    assert home.operator_socket == tmp_path / "home" / "run" / "operator.sock"


def test_a_folder_that_another_user_could_swap_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    folder = tmp_path / "agents"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(HomeError, match="chmod go-w"):
        place_agents(home, str(folder), None)
    folder.chmod(0o711)
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(HomeError, match="symbolic link"):
        place_agents(home, str(tmp_path / "link"), None)
    tmp_path.chmod(0o777)
    with pytest.raises(HomeError, match="can be written by everyone"):
        place_agents(home, str(folder), None)
    tmp_path.chmod(0o700)
    with pytest.raises(HomeError, match="install -d"):
        place_agents(home, str(tmp_path / "none" / "agents"), None)
    assert place_agents(home, "", f"{tmp_path}:/other").agents == folder
    assert place_agents(home, "", None) == home


async def test_one_agent_that_cannot_be_opened_keeps_no_other_from_its_users(
    tmp_path: Path,
) -> None:
    """What the policy says of who may connect is in force at once, with an alarm for the rest.

    The next start works.
    """
    home = make_home(tmp_path)
    blocked = home.agent_socket("blocked")
    blocked.write_text("in the way")
    async with serving(home) as guardian:
        line = await guardian.agent()
        assert "result" in await line.call("eth_chainId")
        text = home.policy_path.read_text()
        more = '[[agent]]\nid = "blocked"\nwallets = ["purse"]\nchain = 31337\n\n[[agent]]'
        text = text.replace("[[agent]]", more, 1)
        text = text.replace("waiting_max = 64", f"waiting_max = 64\nuids = [{STRANGER}]", 1)
        put_policy(home, text)
        operator = await guardian.operator()
        await operator.operate("reload")
        assert await line.line() == b""
        assert await (await guardian.agent()).line() == b""
        alarms = await until_alarmed(operator)
        assert ("blocked", "socket_failed") in alarms
        assert ("agent", "socket_unreachable") in alarms  # its home is closed to other users
    async with serving(home) as guardian:
        assert "result" in await (await guardian.agent("other")).call("eth_chainId")
        assert ("blocked", "socket_failed") in await until_alarmed(await guardian.operator())
        blocked.unlink()
        await guardian.inside._gate.sync()
        assert "result" in await (await guardian.agent("blocked")).call("eth_chainId")


async def test_a_policy_whose_agent_could_have_no_socket_is_refused_whole(tmp_path: Path) -> None:
    """By whatever looks at it, before anything of it counts: who may connect stays as it was."""
    room = SOCKET_PATH_BYTES_MAX - len(os.fsencode(tmp_path)) - len("/home/run/agents/.sock")
    folder = tmp_path / ("d" * max(1, room - 25))
    folder.mkdir()
    home = make_home(folder)
    longest = "a" * (SOCKET_PATH_BYTES_MAX - len(os.fsencode(home.agents_dir / ".sock")))
    assert 2 <= len(longest) < 32
    before = home.policy_path.read_text()

    def with_agent(name: str) -> str:
        table = f'[[agent]]\nid = "{name}"\nwallets = ["purse"]\nchain = 31337\n\n'
        strict = before.replace("waiting_max = 64", f"waiting_max = 64\nuids = [{STRANGER}]", 1)
        return strict.replace("[[agent]]", f"{table}[[agent]]", 1)

    long = with_agent(longest + "a")
    draft = tmp_path / "draft.toml"
    draft.write_text(long)
    async with serving(home) as guardian:
        line, operator = await guardian.agent(), await guardian.operator()
        applied = await holdfast(home, "policy", "apply", str(draft), "--yes")
        assert (applied.code, f"`{longest}a`" in applied.out) == (1, True), applied
        assert home.policy_path.read_text() == before
        put_policy(home, long)
        refused = await operator.operate_raw("reload", {})
        assert refused["error"]["code"] == "policy_invalid"
        number = 1 + long[: long.index(longest)].count("\n")
        assert f"policy.toml:{number}:1: socket_path" in refused["error"]["text"]
        assert "result" in await line.call("eth_chainId")
        checked = await holdfast(home, "policy", "check", str(home.policy_path))
        assert (checked.code, f"`{longest}a`" in checked.out) == (1, True), checked
        assert (await holdfast(home, "policy", "check", str(draft))).code == 0
    with pytest.raises(PolicyRejected, match="shorter id"):
        async with serving(home):
            pass
    put_policy(home, with_agent(longest))
    async with serving(home) as guardian:
        assert "result" in await (await guardian.agent(longest)).call("eth_chainId")
        assert await (await guardian.agent()).line() == b""


async def test_a_home_that_moved_starts_and_names_the_agents_without_a_socket(
    tmp_path: Path,
) -> None:
    """The policy in force was fit for the old place."""
    short = '[[agent]]\nid = "b"\nwallets = ["purse"]\nchain = 31337\n'
    home = make_home(tmp_path, more=short)
    room = SOCKET_PATH_BYTES_MAX - len(os.fsencode(tmp_path)) - len("//run/agents/agent.sock")
    moved = Home(home.path.rename(tmp_path / ("m" * (room + 1))))
    assert len(os.fsencode(moved.operator_socket)) <= SOCKET_PATH_BYTES_MAX
    async with serving(moved) as guardian:
        alarms = await until_alarmed(await guardian.operator())
        assert alarms == {("agent", "socket_failed"), ("other", "socket_failed")}
        assert "result" in await (await guardian.agent("b")).call("eth_chainId")


async def until_alarmed(operator: Line) -> set[tuple[str, str]]:
    while not (found := (await operator.operate("status"))["health"]["sockets"]):
        pass
    return {(each["agent"], each["code"]) for each in found}


async def test_a_socket_is_open_to_other_users_only_while_the_policy_names_some(
    tmp_path: Path,
) -> None:
    home = make_home(tmp_path, uids=f"uids = [{STRANGER}]")
    async with serving(home) as guardian:
        path = home.agent_socket("agent")
        assert mode(path) == 0o666
        assert mode(home.agent_socket("other")) == 0o600
        assert mode(home.operator_socket) == 0o600
        text = home.policy_path.read_text()
        put_policy(home, text.replace(f"uids = [{STRANGER}]", ""))
        await (await guardian.operator()).operate("reload")
        await until(lambda: mode(path) == 0o600)
        assert "result" in await (await guardian.agent()).call("eth_chainId")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_strangers_are_counted_and_hardly_logged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = make_home(tmp_path, uids=f"uids = [{STRANGER}]")
    async with serving(home) as guardian:
        for _ in range(300):
            with socket.socket(socket.AF_UNIX) as knocking:
                knocking.connect(str(home.agent_socket("agent")))
                knocking.send(b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}')
        await until(lambda: turned_away(guardian) == 300)
    assert capsys.readouterr().err.count("stranger refused") <= 4


def turned_away(guardian: Guardian) -> int:
    return int(guardian.inside.health.turned_away()["agent"])


def test_a_program_finds_the_socket_without_seeing_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HOLDFAST_HOME", "HOLDFAST_AGENTS", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert socket_path(None, "a") == Path("/run/holdfast/agents/a.sock")
    home = tmp_path / ".local" / "share" / "holdfast"
    home.mkdir(parents=True)
    assert socket_path(None, "a") == socket_path(home, "a") == home / "run/agents/a.sock"
    (home / "config.toml").write_text('version = 1\nagents_dir = "/elsewhere"\n')
    assert socket_path(None, "a") == socket_path(home, "a") == Path("/elsewhere/a.sock")
    monkeypatch.setenv("HOLDFAST_AGENTS", "/given")
    assert socket_path(None, "a") == Path("/given/a.sock")
    assert socket_path(home, "a") == Path("/elsewhere/a.sock")
