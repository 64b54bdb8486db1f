"""A running guardian with two nodes of one chain, one of which asks for a secret."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import Run
from tests.support.proxy import NodeProxy

from holdfast.demo.chain import Chain
from holdfast.demo.guardian import OPERATOR_PASSPHRASE, DemoGuardian

pytestmark = pytest.mark.timeout(180)

SECRET = "k3y-of-The-provider"
SECOND = """
[[endpoint]]
chain = 31337
rpc_url = "{url}"
token_file = "node.token"
"""


@pytest.fixture(scope="module")
def chain() -> Iterator[Chain]:
    with Chain() as made:
        yield made


@pytest.fixture(scope="module")
def node(chain: Chain) -> Iterator[NodeProxy]:
    made = NodeProxy(chain.url)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def demo(chain: Chain, node: NodeProxy) -> Iterator[DemoGuardian]:
    with (
        tempfile.TemporaryDirectory(prefix="hf-") as folder,
        DemoGuardian(Path(folder), chain) as made,
    ):
        _write(made, SECRET)
        made.config(SECOND.format(url=node.url))
        made.start()
        yield made
        assert made.stop() == 0, made.last_words()


def _write(demo: DemoGuardian, token: str) -> None:
    path = demo.home.path / "node.token"
    path.touch(mode=0o600)
    path.write_text(token + "\n")


def _wait(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_status_shows_each_endpoint_and_goes_on_without_one(
    run: Run, demo: DemoGuardian, node: NodeProxy
) -> None:
    def told() -> list[bool]:
        chains = run("status", "--home", demo.home.path, "--json").json["health"]["chains"]
        assert all(each["ok"] for each in chains)
        return [each["ok"] for chain in chains for each in chain["endpoints"]]

    _wait(lambda: told() == [True, True])
    text = run("status", "--home", demo.home.path)
    assert "chain     31337 ok" in text.out
    assert f"          {node.url} ok" in text.out
    node.hook = lambda call, forward: None
    _wait(lambda: told() == [True, False])
    text = run("status", "--home", demo.home.path)
    assert "chain     31337 ok" in text.out
    assert f"          {node.url} NOT OK: down: the connection to {node.url} broke" in text.out
    node.hook = None
    # Asked again by itself, with growing pauses.
    _wait(lambda: told() == [True, True], seconds=60)


def test_the_secret_of_a_node_is_sent_and_kept_from_every_eye(
    run: Run, demo: DemoGuardian, node: NodeProxy
) -> None:
    _wait(lambda: bool(node.headers))
    assert {each.get("authorization") for each in node.headers} == {f"Bearer {SECRET}"}
    shown = [run("status", "--home", demo.home.path, "--json").out, demo.last_words()]
    files = ("journal.sqlite", "journal.sqlite-wal", "config.toml", "config.sig")
    shown += [(demo.home.path / each).read_bytes().decode(errors="replace") for each in files]
    for text in shown:
        assert SECRET not in text
    # The copy of what was signed has it, for its owner alone.
    copy = demo.home.path / "config.good.json"
    assert SECRET in copy.read_text()
    assert copy.stat().st_mode & 0o777 == 0o600


def test_another_secret_counts_once_it_is_signed(run: Run, demo: DemoGuardian) -> None:
    _write(demo, "another-Secret")
    words = ("config", "apply", "--home", demo.home.path, "--yes", "--passphrase-fd", "{0}")
    applied = run(*words, secrets=(OPERATOR_PASSPHRASE,))
    assert applied.code == 0, applied.err
    assert "endpoint[2].token = … (" in applied.out
    for secret in (SECRET, "another-Secret"):
        assert secret not in applied.out + applied.err


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (b"two\nlines", 0o600, "must hold one line"),
        (b"", 0o600, "must hold one line"),
        (b"\xff\xfe", 0o600, "is not ASCII text"),
        (b"k3y-of-The-provider", 0o644, "node.token"),
    ],
    ids=["lines", "empty", "binary", "readable"],
)
def test_a_file_that_cannot_hold_the_secret_is_named(
    run: Run, demo: DemoGuardian, content: bytes, mode: int, words: str
) -> None:
    path = demo.home.path / "node.token"
    path.write_bytes(content)
    path.chmod(mode)
    refused = run("config", "apply", "--home", demo.home.path, "--yes")
    assert refused.code != 0
    assert "`endpoint[1].token_file`" in refused.err
    assert words in refused.err
    assert "k3y" not in refused.err
    path.chmod(0o600)
