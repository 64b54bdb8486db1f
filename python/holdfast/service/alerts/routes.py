"""Where alerts go: the `[[alert]]` tables of config.toml."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

from holdfast.secrets.files import UnsafeFile, read_private
from holdfast.service.runtime.errors import ConfigError

ROUTES_MAX = 16
PER_MINUTE_DEFAULT = 20
PER_MINUTE_MAX = 1_000
URL_CHARACTERS_MAX = 2_048

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_KIND = re.compile(r"[a-z]+\.[a-z-]+")
_KEYS = {"id", "url", "url_file", "min_severity", "kinds", "per_minute"}


class RouteError(ConfigError):
    """An `[[alert]]` table with a fault; the text says which one and what to write instead."""


class Severity(IntEnum):
    """How much an alert matters; a route takes those of its `min_severity` and above."""

    INFO = 0
    WARNING = 1
    ACTION = 2  # an operator has to decide
    CRITICAL = 3

    @property
    def word(self) -> str:
        """As it is spelled in config.toml."""
        return self.name.lower()


@dataclass(frozen=True)
class Route:
    """One destination.

    `url` is an Apprise URL and often holds a password or a token: it is never shown.
    """

    id: str
    url: str = field(repr=False)
    min_severity: Severity = Severity.WARNING
    kinds: frozenset[str] | None = None  # event kinds it takes; None takes all
    per_minute: int = (
        PER_MINUTE_DEFAULT  # messages of one severity; more become one summary a minute
    )

    def takes(self, severity: Severity, kind: str) -> bool:
        """Whether an alert about an event of `kind` goes here."""
        return severity >= self.min_severity and (self.kinds is None or kind in self.kinds)


def parse_routes(tables: object, folder: Path) -> list[Route]:
    """The routes of the `alert` value of config.toml; `url_file` is relative to `folder`, the home.

    Raises RouteError. The text never holds a URL.
    """
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise RouteError("`alert` must be a list of tables: write [[alert]]")
    if len(tables) > ROUTES_MAX:
        raise RouteError(f"{len(tables)} [[alert]] tables are more than {ROUTES_MAX}")
    routes = [_route(table, f"[[alert]] number {n}", folder) for n, table in enumerate(tables, 1)]
    seen: set[str] = set()
    for route in routes:
        if route.id in seen:
            raise RouteError(f"[[alert]] `{route.id}` is there twice: give each its own id")
        seen.add(route.id)
    return routes


def _route(table: dict[str, Any], where: str, folder: Path) -> Route:
    unknown = sorted(set(table) - _KEYS)
    if unknown:
        raise RouteError(
            f"{where}: unknown key `{unknown[0]}`; known are {', '.join(sorted(_KEYS))}"
        )
    name = table.get("id")
    if not isinstance(name, str) or not _ID.fullmatch(name):
        raise RouteError(f'{where}: `id` must be a name such as "phone" (a-z, 0-9, -; at most 32)')
    where = f"[[alert]] `{name}`"
    return Route(
        id=name,
        url=_url(table, where, folder),
        min_severity=_severity(table.get("min_severity", "warning"), where),
        kinds=_kinds(table.get("kinds"), where),
        per_minute=_per_minute(table.get("per_minute", PER_MINUTE_DEFAULT), where),
    )


def _url(table: dict[str, Any], where: str, folder: Path) -> str:
    if ("url" in table) == ("url_file" in table):
        raise RouteError(f"{where}: give either `url` or `url_file`")
    if "url" in table:
        url = table["url"]
    else:
        path = table["url_file"]
        if not isinstance(path, str) or not path:
            raise RouteError(f"{where}: `url_file` must be the path of a file")
        try:
            url = read_private(folder / path, secret=True).decode("utf-8").strip()
        except UnsafeFile as error:
            raise RouteError(f"{where}: {error}") from None
        except UnicodeDecodeError:
            raise RouteError(f"{where}: `{path}` is not UTF-8 text") from None
    if not isinstance(url, str) or "://" not in url or not url.isprintable():
        raise RouteError(f'{where}: the URL must look like "ntfys://host/topic" on one line')
    if len(url) > URL_CHARACTERS_MAX:
        raise RouteError(f"{where}: the URL is longer than {URL_CHARACTERS_MAX} characters")
    return url


def _severity(value: object, where: str) -> Severity:
    for severity in Severity:
        if value == severity.word:
            return severity
    words = ", ".join(f'"{severity.word}"' for severity in Severity)
    raise RouteError(f"{where}: `min_severity` must be one of {words}")


def _kinds(value: object, where: str) -> frozenset[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not value:
        raise RouteError(f"{where}: `kinds` must be a list of event kinds, or left out for all")
    for kind in value:
        if not isinstance(kind, str) or not _KIND.fullmatch(kind):
            raise RouteError(f'{where}: `kinds` takes event kinds such as "freeze.set"')
    return frozenset(value)


def _per_minute(value: object, where: str) -> int:
    if type(value) is not int or not 1 <= value <= PER_MINUTE_MAX:
        raise RouteError(f"{where}: `per_minute` must be a whole number from 1 to {PER_MINUTE_MAX}")
    return value
