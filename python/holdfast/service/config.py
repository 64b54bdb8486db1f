"""`config.toml`: endpoints and timings, set by the operator.

Strict: an unknown key or a wrong type is an error.

Money rules are not here but in the policy. Every value has a default except the endpoints.
"""

import tomllib
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from holdfast.service.agents.settings import GateConfig, ReadsConfig
from holdfast.service.chain import endpoint_tables
from holdfast.service.chain.endpoint import EndpointSettings
from holdfast.service.facts.prices import settings as price_settings
from holdfast.service.facts.prices.settings import PriceSettings
from holdfast.service.journal.settings import JournalConfig
from holdfast.service.pipeline.settings import SendingConfig
from holdfast.service.runtime.errors import ConfigError

T = TypeVar("T")

VERSION = 1
MAY_BE_ZERO = ("jitter_ms", "released_ms")
LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Config:
    """The whole file.

    `alert` is as it is written; the alerts part checks it. `registry` is a folder of ERC-7730
    descriptors, relative to the home; without it there are none. `agents_dir` is the folder of the
    agents' sockets, absolute; without it they are in the home. With `end_with_signer` the daemon
    ends when the signer died, for a supervisor to start it again. With `compare_signatures`
    eth-account signs everything a second time, and both must be the same.
    """

    version: int = VERSION
    endpoint: tuple[EndpointSettings, ...] = ()
    price: tuple[PriceSettings, ...] = ()
    gate: GateConfig = field(default_factory=GateConfig)
    reads: ReadsConfig = field(default_factory=ReadsConfig)
    sending: SendingConfig = field(default_factory=SendingConfig)
    journal: JournalConfig = field(default_factory=JournalConfig)
    log_level: str = "info"
    registry: str = ""
    agents_dir: str = ""
    end_with_signer: bool = False
    compare_signatures: bool = False
    alert: list[dict[str, Any]] = field(default_factory=list)


def load_config(path: Path) -> Config:
    """Reads and checks the file; a file that is not there is an empty one. Raises ConfigError."""
    return config_of(read_table(path), str(path))


def read_table(path: Path) -> dict[str, Any]:
    """The file as TOML; a file that is not there is an empty one. Raises ConfigError."""
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from error


def parse_config(text: str, name: str) -> Config:
    """Checks the text of a file called `name`. Raises ConfigError."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}: {error}") from error
    return config_of(table, name)


def config_of(table: dict[str, Any], name: str, *, with_secrets: bool = False) -> Config:
    """Checks the tables of a file called `name`.

    `with_secrets`: as they are signed, with the contents of the files that hold secrets. Raises
    ConfigError.
    """
    sections: dict[str, Any] = {
        "gate": GateConfig,
        "reads": ReadsConfig,
        "sending": SendingConfig,
        "journal": JournalConfig,
    }
    values = dict(table)
    for key, kind in sections.items():
        if key in values:
            values[key] = _strict(kind, values[key], name, key)
    lists: dict[str, Any] = {"endpoint": EndpointSettings, "price": PriceSettings}
    for key, kind in lists.items():
        tables = values.get(key, [])
        if not isinstance(tables, list):
            raise ConfigError(f"{name}: `{key}`: write `[[{key}]]` with double brackets")
        if key == "endpoint":
            tables = endpoint_tables.of_one_chain(tables)
        values[key] = tuple(
            _strict(kind, each, name, f"{key}[{n}]") for n, each in enumerate(tables)
        )
    alerts = values.get("alert", [])
    if not isinstance(alerts, list):
        raise ConfigError(f"{name}: `alert`: write `[[alert]]` with double brackets")
    config = _strict(Config, values, name, "")
    _check(config, name, with_secrets)
    return config


def _strict(kind: type[T], table: object, name: str, where: str) -> T:
    """Builds the dataclass from a table whose keys and types must be exactly its own."""
    if not isinstance(table, dict):
        raise ConfigError(f"{name}: `{where}`: must be a table")
    known: dict[str, Field[Any]] = {each.name: each for each in fields(kind)}  # type: ignore[arg-type]
    types = get_type_hints(kind)
    dot = f"{where}." if where else ""
    for key, value in table.items():
        if key not in known:
            raise ConfigError(f"{name}: `{dot}{key}`: unknown key; known are {', '.join(known)}")
        if types[key] is int and (not isinstance(value, int) or isinstance(value, bool)):
            raise ConfigError(f"{name}: `{dot}{key}`: must be an integer")
        if types[key] is int and not 0 <= value < 2**53:
            raise ConfigError(f"{name}: `{dot}{key}`: must be between 0 and 2^53")
        if types[key] is bool and not isinstance(value, bool):
            raise ConfigError(f"{name}: `{dot}{key}`: must be true or false")
        if types[key] is str and not isinstance(value, str):
            raise ConfigError(f"{name}: `{dot}{key}`: must be a string")
    for key, each in known.items():
        if each.default is MISSING and each.default_factory is MISSING and key not in table:
            raise ConfigError(f"{name}: `{dot}{key}`: is missing")
    return kind(**table)


def _check(config: Config, name: str, with_secrets: bool) -> None:
    if config.version != VERSION:
        raise ConfigError(f"{name}: `version`: this Holdfast supports only version {VERSION}")
    fault = endpoint_tables.fault_of(config.endpoint, with_secrets=with_secrets)
    fault = fault or price_settings.fault_of(config.price, {each.chain for each in config.endpoint})
    if fault is not None:
        raise ConfigError(f"{name}: {fault}")
    if config.agents_dir and not Path(config.agents_dir).is_absolute():
        raise ConfigError(f"{name}: `agents_dir`: must be an absolute path")
    if config.log_level not in LOG_LEVELS:
        raise ConfigError(f"{name}: `log_level`: must be one of {', '.join(LOG_LEVELS)}")
    if not 10 <= config.gate.hold_ms <= 8_000:
        raise ConfigError(f"{name}: `gate.hold_ms`: must be 10 to 8000; viem gives up after 10 s")
    for section in (config.gate, config.reads, config.sending, config.journal):
        for each in fields(section):
            value = getattr(section, each.name)
            if not isinstance(value, bool) and value < 1 and each.name not in MAY_BE_ZERO:
                raise ConfigError(f"{name}: `{each.name}`: must be at least 1")
