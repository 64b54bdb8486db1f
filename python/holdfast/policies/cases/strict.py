"""A table of a TOML file that is read strictly: every fault with its line and column."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from holdfast._core import PolicyError, key_places
from holdfast.policies.errors import PolicyTextError
from holdfast.wording import safe


@dataclass(frozen=True)
class Source:
    """A file's name for messages, and where its keys are, by JSON pointer."""

    name: str
    places: dict[str, tuple[int, int]]

    @classmethod
    def parse(cls, name: str, text: str) -> tuple[Source, Table]:
        """The file as one table. Raises PolicyTextError for what is not TOML."""
        try:
            found = key_places(text)
            document = tomllib.loads(text.removeprefix("\ufeff"))
        except PolicyError as error:
            line, column, code, words, _ = error.args[2][0]
            raise PolicyTextError(f"{name}:{line}:{column}: {words} [{code}]") from None
        except tomllib.TOMLDecodeError as error:
            raise PolicyTextError(f"{name}: {error}") from None
        source = cls(name, {pointer: (line, column) for pointer, line, column in found})
        return source, Table(source, "", document)


@dataclass(frozen=True)
class Table:
    """`pointer` is where it is in the file."""

    source: Source
    pointer: str
    values: dict[str, Any]

    @property
    def line(self) -> int:
        return self.source.places.get(self.pointer, (1, 1))[0]

    def fail(self, key: str, text: str) -> NoReturn:
        """Raises PolicyTextError with the place of `key`, or of the table without that key."""
        pointer = f"{self.pointer}/{key}" if key in self.values else self.pointer
        line, column = self.source.places.get(pointer, (1, 1))
        raise PolicyTextError(f"{self.source.name}:{line}:{column}: {text}")

    def known(self, keys: Iterable[str]) -> None:
        """Every key must be one of these."""
        keys = tuple(keys)
        for key in self.values:
            if key not in keys:
                known = ", ".join(keys)
                self.fail(key, f"unknown key `{safe(key, 64)}`: known keys are {known}")

    def text(self, key: str) -> str | None:
        value = self.values.get(key)
        if value is not None and not (isinstance(value, str) and value):
            self.fail(key, f'`{key}` must be text in quotes, like {key} = "…"')
        return value

    def required(self, key: str) -> str:
        found = self.text(key)
        if found is None:
            self.fail(key, f'`{key}` is missing: write {key} = "…"')
        return found

    def table(self, key: str) -> Table | None:
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.fail(key, f"`{key}` must be a table, like {key} = {{ … }}")
        return Table(self.source, f"{self.pointer}/{key}", value)

    def tables(self, key: str) -> list[Table]:
        """The tables of `[[key]]`, or of a list of tables in braces."""
        rows = self.values.get(key, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            self.fail(key, f"`{key}` must be a list of tables, like [[{key}]]")
        return [
            Table(self.source, f"{self.pointer}/{key}/{index}", row)
            for index, row in enumerate(rows)
        ]
