"""A validator for the few keywords of JSON schema that the schema of policies uses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": (str, date),
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}
WORDS = {"$schema", "title", "description", "definitions", "format"}


def faults(schema: dict[str, Any], value: Any, root: dict[str, Any], at: str = "") -> Iterator[str]:
    """Each `place: what is wrong`. An unknown keyword is an error of the test."""
    for keyword, wanted in schema.items():
        match keyword:
            case "type":
                names = wanted if isinstance(wanted, list) else [wanted]
                if not any(_is(value, name) for name in names):
                    yield f"{at}: not {names}"
                    return
            case "const" if value != wanted:
                yield f"{at}: not {wanted}"
            case "enum" if value not in wanted:
                yield f"{at}: `{value}` is none of {wanted}"
            case "pattern" if isinstance(value, str) and not re.search(wanted, value):
                yield f"{at}: `{value}` does not fit {wanted}"
            case "minimum" if value < wanted:
                yield f"{at}: below {wanted}"
            case "maximum" if value > wanted:
                yield f"{at}: above {wanted}"
            case "minLength" | "minItems" if len(value) < wanted:
                yield f"{at}: too short"
            case "maxLength" if len(value) > wanted:
                yield f"{at}: too long"
            case "$ref":
                name = wanted.removeprefix("#/definitions/")
                yield from faults(root["definitions"][name], value, root, at)
            case "allOf":
                for each in wanted:
                    yield from faults(each, value, root, at)
            case "items":
                for index, item in enumerate(value):
                    yield from faults(wanted, item, root, f"{at}/{index}")
            case "properties":
                for name, inner in wanted.items():
                    if name in value:
                        yield from faults(inner, value[name], root, f"{at}/{name}")
            case "required":
                yield from (f"{at}: `{name}` is missing" for name in wanted if name not in value)
            case "additionalProperties":
                extra = set(value) - set(schema["properties"])
                yield from (f"{at}: `{name}` is unknown" for name in sorted(extra))
            case _:
                known = {"const", "enum", "pattern", "minimum", "maximum"}
                known |= {"minLength", "minItems", "maxLength"}
                assert keyword in WORDS | known, keyword


def _is(value: Any, name: str) -> bool:
    return isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))
