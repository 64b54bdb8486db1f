"""A configuration file is taken whole and right, or refused with words that say what to write."""

from pathlib import Path

import pytest

from holdfast.service.config import Config, ConfigError, load_config, parse_config

CHAIN = '[[endpoint]]\nchain = 31337\nrpc_url = "http://127.0.0.1:8545"\n'


def test_a_missing_file_is_an_empty_one(tmp_path: Path) -> None:
    assert load_config(tmp_path / "config.toml") == Config()


def test_every_value_given_is_taken() -> None:
    text = f'version = 1\nlog_level = "debug"\n{CHAIN}confirmations = 3\n[gate]\nhold_ms = 500\n'
    config = parse_config(text, "c")
    assert config.endpoint[0].chain == 31337
    assert config.endpoint[0].confirmations == 3
    assert config.gate.hold_ms == 500
    assert config.gate.frame_bytes_max == 1024 * 1024


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("holdms = 3", "`holdms`: unknown key; known are version, endpoint, gate"),
        ("version = 2", "`version`: this holdfast knows version 1 only"),
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
        (CHAIN + CHAIN, "chain 31337 is given twice"),
        (CHAIN + "poll_ms = 1", "`endpoint.poll_ms`: must be at least 10 ms"),
        (CHAIN + "confirmations = 0", "`endpoint.confirmations`: must be at least 1"),
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
