"""Reads a foreign document: JSON or YAML, every value as the text that is written.

Numbers stay text, so none is rounded on the way; a key that is there twice is an error.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, InvalidOperation
from typing import Any

import yaml  # type: ignore[import-untyped]

from holdfast.policies.errors import PolicyTextError
from holdfast.wording import safe

# Comments of JavaScript, on lines of their own or behind a comma or an open bracket.
_COMMENT = re.compile(r"(^|[,{\[])[ \t]*//.*$", re.MULTILINE)
DOCUMENT_BYTES_MAX = 1 << 20
DEPTH_MAX = 32
# Digits of the largest amount and of the smallest part of one.
EXACT = Context(prec=80)


class _Loader(yaml.BaseLoader):  # type: ignore[misc]
    """Without types, aliases or duplicate keys."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise PolicyTextError(f"line {self._line()}: aliases are not read: write it out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise PolicyTextError(f"line {key.start_mark.line + 1}: a key must be text")
            if key.value in seen:
                line = key.start_mark.line + 1
                raise PolicyTextError(f"line {line}: `{safe(key.value, 64)}` is there twice")
            seen.add(key.value)
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found

    def _line(self) -> int:
        return int(self.peek_event().start_mark.line) + 1


def read_document(text: str) -> Any:
    """Objects, lists and text. Raises PolicyTextError with the line of the first fault."""
    if len(text) > DOCUMENT_BYTES_MAX:
        raise PolicyTextError("the document is larger than 1 MiB")
    plain = _COMMENT.sub(r"\1", text).replace("\t", "  ")
    try:
        return yaml.load(plain, Loader=_Loader)  # noqa: S506 - it makes text, lists and mappings
    except RecursionError:
        raise PolicyTextError(f"the document has more than {DEPTH_MAX} levels") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}:{mark.column + 1}: " if mark else ""
        problem = safe(error.problem or "it cannot be read", 200)
        raise PolicyTextError(f"{where}neither JSON nor YAML: {problem}") from None
    except yaml.YAMLError as error:
        raise PolicyTextError(f"neither JSON nor YAML: {safe(error, 200)}") from None


def table(value: Any, name: str) -> dict[str, Any]:
    """An object. Raises PolicyTextError."""
    if not isinstance(value, dict):
        raise PolicyTextError(f"`{name}` must be an object")
    return value


def rows(value: Any, name: str) -> list[dict[str, Any]]:
    """A list of objects. Raises PolicyTextError."""
    if not isinstance(value, list):
        raise PolicyTextError(f"`{name}` must be a list")
    return [table(each, f"{name}[{index}]") for index, each in enumerate(value)]


def words(value: Any, name: str) -> list[str]:
    """A list of text; one text is a list of itself. Raises PolicyTextError."""
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise PolicyTextError(f"`{name}` must be a list of text")
    return [each.strip() for each in found]


def number(value: Any, name: str, places: int = 6) -> Decimal:
    """A decimal number of zero or more, with at most `places`. Raises PolicyTextError."""
    try:
        found = Decimal(value) if isinstance(value, str) else Decimal("NaN")
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or found < 0 or found >= Decimal(10) ** 30:
        raise PolicyTextError(f"`{name}` must be a number of zero or more, not {_shown(value)}")
    if found != found.quantize(Decimal(10) ** -places, context=EXACT):
        raise PolicyTextError(f"`{name}` has more than {places} decimal places")
    return found


def whole(value: Any, name: str) -> int:
    """A whole number of zero or more. Raises PolicyTextError."""
    return int(number(value, name, 0))


def flag(value: Any, name: str) -> bool:
    """True or false. Raises PolicyTextError."""
    if value not in ("true", "false", "True", "False"):
        raise PolicyTextError(f"`{name}` must be true or false, not {_shown(value)}")
    return str(value).lower() == "true"


def _shown(value: Any) -> str:
    return f"`{safe(value, 64)}`"
