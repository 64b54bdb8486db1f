"""From the description of tables and keys to a JSON schema."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

from holdfast._core import EFFECT_KINDS, SIGNING_METHODS

Json = dict[str, Any]
DIALECT = "http://json-schema.org/draft-07/schema#"


def policy_schema() -> Json:
    """The schema of a whole policy, for Taplo and Even Better TOML."""
    described = tomllib.loads(
        files("holdfast.policies.schema").joinpath("keys.toml").read_text("utf-8")
    )
    types = _types(described["types"])
    definitions = {name: _table(name, described) for name in described["tables"]}
    root = _object(described["head"])
    for name in definitions:
        owner, _, nested = name.partition(".")
        holder = definitions[owner] if nested else root
        rows = {"type": "array", "items": {"$ref": f"#/definitions/{name}"}}
        holder["properties"][nested or owner] = rows
    title = {"$schema": DIALECT, "title": "Holdfast policy"}
    return {**title, **root, "definitions": {**definitions, **types}}


def _types(described: Json) -> Json:
    types = {f"type.{name}": schema for name, schema in described.items()}
    types["type.effects"]["items"] = {"enum": list(EFFECT_KINDS)}
    types["type.methods"]["items"] = {"enum": sorted(SIGNING_METHODS)}
    return types


def _table(name: str, described: Json) -> Json:
    matchers = described["matchers"].items()
    matched = {key: row for key, row in matchers if name in row["tables"]}
    return _object({**described["tables"][name], **matched})


def _object(keys: Json) -> Json:
    """Keys that are not described are errors, as in the core."""
    return {
        "type": "object",
        "properties": {
            name: {
                "description": key["words"],
                "allOf": [{"$ref": f"#/definitions/type.{key['type']}"}],
            }
            for name, key in keys.items()
        },
        "required": [name for name, key in keys.items() if key.get("required")],
        "additionalProperties": False,
    }
