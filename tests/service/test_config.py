"""A configuration file is taken whole and right, or refused with words that say what to write."""

from pathlib import Path

import pytest

from holdfast.service.config import Config, load_config, parse_config
from holdfast.service.runtime.errors import ConfigError

SECOND = '[[endpoint]]\nchain = 31337\nrpc_url = "http://127.0.0.1:8546"\n'
THIRD = '[[endpoint]]\nchain = 31337\nrpc_url = "http://127.0.0.1:8547"\n'
CHAIN = '[[endpoint]]\nchain = 31337\nrpc_url = "http://127.0.0.1:8545"\n'
PRICE = '[[price]]\nasset = "eth"\n'
FEED = PRICE + f'chain = 31337\nfeed = "0x{"feed1":0>40}"\n'
URL = PRICE + 'url = "https://a/b"\nvalue = "/c/0"\n'


def test_a_missing_file_is_an_empty_one(tmp_path: Path) -> None:
    assert load_config(tmp_path / "config.toml") == Config()


def test_every_value_given_is_taken() -> None:
    text = f'version = 1\nlog_level = "debug"\n{CHAIN}confirmations = 3\n[gate]\nhold_ms = 500\n'
    config = parse_config(text, "c")
    assert config.endpoint[0].chain == 31337
    assert config.endpoint[0].confirmations == 3
    assert config.gate.hold_ms == 500
    assert config.gate.frame_bytes_max == 1024 * 1024


def test_sources_of_prices_are_taken_and_their_secrets_never_shown() -> None:
    local = URL.replace("https://a/b", "http://[::1]:9/k?token=secret")
    config = parse_config(CHAIN + FEED + URL + "every_seconds = 600\n" + local, "c")
    feed, url, here = config.price
    assert (feed.chain, feed.every_seconds, url.every_seconds) == (31337, 60, 600)
    assert url.name == "https://a"
    assert "secret" not in here.name + repr(config)


def test_what_counts_for_a_chain_is_written_once() -> None:
    text = CHAIN + SECOND + "confirmations = 3\ncalls_per_second = 5\n" + THIRD
    other = '[[endpoint]]\nchain = 1\nrpc_url = "http://127.0.0.1:8545"\n'
    endpoints = parse_config(text + other, "c").endpoint
    assert [each.confirmations for each in endpoints] == [3, 3, 3, 1]
    assert [each.calls_per_second for each in endpoints] == [0, 5, 0, 0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("127.0.0.1:8545", "localhost:8545"),
        ("localhost:8545", "127.0.0.1:8545"),
        ("127.0.0.1:8545", "LocalHost.:8545/rpc"),
        ("127.0.0.1:8545", "node.localhost:8545"),
        ("127.0.0.1:8545", "127.0.0.2:8545"),
        ("127.0.0.1:8545", "127.1:8545"),
        ("127.0.0.1:8545", "0.0.0.0:8545"),
        ("localhost:8545", "[::1]:8545"),
        ("localhost:8545", "[::ffff:127.0.0.1]:8545"),
        ("127.0.0.1", "localhost:80"),
        ("node.example", "NODE.example.:80/key"),
        ("10.1.2.3:8545", "[::ffff:10.1.2.3]:8545"),
        ("[2001:db8::1]", "[2001:DB8:0:0::1]"),
    ],
)
def test_one_server_under_two_names_is_not_two_nodes(one: str, other: str) -> None:
    tables = [
        f'[[endpoint]]\nchain = 31337\nrpc_url = "http://{place}"\n' for place in (one, other)
    ]
    with pytest.raises(ConfigError, match=r"`endpoint\[1\].rpc_url`: .* one server twice"):
        parse_config("".join(tables), "c")
    assert len(parse_config(tables[0] + tables[1].replace("= 31337", "= 1"), "c").endpoint) == 2


@pytest.mark.parametrize(
    "other", ["127.0.0.1:8546", "localhost:8546", "10.1.2.3:8545", "localhost.example:8545"]
)
def test_servers_at_different_places_are_two_nodes(other: str) -> None:
    second = SECOND.replace("127.0.0.1:8546", other)
    assert len(parse_config(CHAIN + second, "c").endpoint) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("holdms = 3", "`holdms`: unknown key; known are version, endpoint, price, gate"),
        ("version = 2", "`version`: this Holdfast supports only version 1"),
        ("[gate]\nhold = 3", "`gate.hold`: unknown key"),
        ("[gate]\nhold_ms = true", "`gate.hold_ms`: must be an integer"),
        ('[gate]\nhold_ms = "8s"', "`gate.hold_ms`: must be an integer"),
        ("[gate]\nhold_ms = 9000", "must be 10 to 8000; viem gives up after 10 s"),
        ("[gate]\nframe_bytes_max = 0", "`frame_bytes_max`: must be at least 1"),
        ("gate = 3", "`gate`: must be a table"),
        ('log_level = "loud"', "`log_level`: must be one of"),
        ("[endpoint]\nchain = 1", "write `[[endpoint]]` with double brackets"),
        ("[[endpoint]]\nchain = 1", "`endpoint[0].rpc_url`: is missing"),
        ('[[endpoint]]\nchain = -1\nrpc_url = "http://a"', "must be between 0 and 2^53"),
        ('[[endpoint]]\nchain = 1\nrpc_url = "ftp://a"', "must be an http:// or https:// address"),
        (CHAIN + CHAIN, "`endpoint[0]` is at http://127.0.0.1:8545 too: one server twice"),
        (CHAIN + SECOND.replace("8546", "8545/other"), "one server twice"),
        (
            CHAIN + "confirmations = 3\n" + SECOND + "confirmations = 2",
            "`endpoint[0].confirmations` is 3 and `endpoint[1].confirmations` is 2",
        ),
        (
            CHAIN + "poll_ms = 100\n" + SECOND + "poll_ms = 200",
            "`endpoint[0].poll_ms` is 100 and `endpoint[1].poll_ms` is 200",
        ),
        (
            CHAIN + SECOND + 'simulate = "off"\n' + THIRD + 'simulate = "required"',
            "`endpoint[0].simulate` is off and `endpoint[2].simulate` is required",
        ),
        (CHAIN + 'token = "s3cret"', "`endpoint[0].token`: write the secret into a file"),
        (CHAIN + 'token_header = "x y"', "`endpoint.token_header`: must be the name of a header"),
        (CHAIN + 'token_header = "Host"', "`endpoint.token_header`: must be the name of a header"),
        (CHAIN + "calls_per_second = 10_001", "`endpoint.calls_per_second`: must be at most 10000"),
        (
            CHAIN.replace("127.0.0.1", "node.example") + 'token_file = "t"',
            "`endpoint.rpc_url`: with a token it must be https://",
        ),
        (CHAIN + "poll_ms = 1", "`endpoint.poll_ms`: must be at least 10 ms"),
        (CHAIN + "confirmations = 0", "`endpoint.confirmations`: must be at least 1"),
        ("[price]\nasset = 1", "write `[[price]]` with double brackets"),
        ("[[price]]\nfeed = 1", "`price[0].feed`: must be a string"),
        ('[[price]]\nurl = "x"', "`price[0].asset`: is missing"),
        (PRICE + 'feeed = "x"', "`price[0].feeed`: unknown key"),
        (PRICE, "`price[0].feed`: give either `feed` with `chain`, or `url` with `value`"),
        (FEED + 'url = "https://a/"', "give either `feed`"),
        (FEED + 'value = "/a"', "`price[0].value`: goes with `url` only"),
        (FEED.replace("feed1", "feed"), "`price[0].feed`: must be the address of a contract"),
        (FEED, "`price[0].chain`: there is no [[endpoint]] for chain 31337"),
        (CHAIN + FEED + FEED, "`price[1]`: the same source of `eth` twice"),
        (CHAIN + FEED + FEED.replace("feed", "FEED").replace("FEED =", "feed ="), "twice"),
        (CHAIN + FEED + "every_seconds = 1", "`price[0].every_seconds`: must be 10 to 3600"),
        (URL + "chain = 1", "`price[0].chain`: goes with `feed` only"),
        (URL.replace("https://a", "ftp://a"), "must be an https:// address"),
        (URL.replace("https://a", "https://me:secret@a"), "without a user name"),
        (URL.replace("https://a", "https:///a"), "must be an https:// address"),
        (URL.replace("https://a", "https://a:x"), "`price[0].url`: is not an address"),
        (URL.replace("https://a", "http://a"), "http:// is for servers of this machine"),
        (URL.replace("https://a", "http://10.0.0.1"), "http:// is for servers of this machine"),
        (URL.replace("https://a", "http://localhost"), "http:// is for servers of this machine"),
        (URL.replace("/b", "/ b"), "ASCII characters without a space"),
        (URL.replace('"/c/0"', '"c"'), "`price[0].value`: must be a JSON pointer"),
        (URL.replace('"/c/0"', '"/~2"'), "`price[0].value`: must be a JSON pointer"),
        (URL.replace('value = "/c/0"', ""), "`price[0].value`: must be a JSON pointer"),
        ("".join(URL.replace("/b", f"/{n}") for n in range(101)), "101 [[price]] tables"),
        (CHAIN + 'simulate = "always"', "`endpoint.simulate`: must be one of off, when-possible"),
        (CHAIN + "simulate = true", "`endpoint[0].simulate`: must be a string"),
        ("[alert]\nid = 1", "write `[[alert]]` with double brackets"),
        ("gate = [", "c: "),
    ],
)
def test_what_is_wrong_is_named(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_config(text, "c")
    assert words in str(refused.value)
    assert str(refused.value).startswith("c: ")
