"""From the tables of tests/threats to what an agent sends.

Transactions, documents, texts, and parameters as they stand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from string import Template
from typing import Any

from tests.support.threats_abi import Notation, struct_types

from holdfast._core import checksum_address

Json = dict[str, Any]

CHAIN_ID = 1
DOMAIN = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
    ("salt", "bytes32"),
)
RAW = frozenset({"method", "params", "fill"})
TEXT = frozenset({"method", "text"})
DOCUMENT = frozenset({"method", "type", "contract", "domain", "message", "document"})
TRANSACTION = frozenset({"method", "to", "value", "call", "args", "append", "data", "fields"})
MEMBERS = RAW | TEXT | DOCUMENT | TRANSACTION


@dataclass(frozen=True)
class Request:
    """One call of an agent. `params` is JSON text, or what only looks like it."""

    method: str
    params: str

    def keyed(self, key: str) -> Request:
        """The same, meant for itself although an earlier one looks alike."""
        options = json.dumps({"idempotencyKey": key})
        return Request(self.method, f"{self.params[:-1]}, {options}]")


class Requests:
    """Makes requests of the members of a case. `types` are `encodeType` texts by name."""

    def __init__(self, notation: Notation, types: Mapping[str, str]) -> None:
        self.notation = notation
        self.names = notation.names
        self._types = types

    def make(self, raw: Json) -> Request:
        """The request; which kind it is follows from its members."""
        if "params" in raw:
            known, usual = RAW, ""
            params = self._raw(raw["params"], raw.get("fill", {}))
        elif "text" in raw:
            known, usual = TEXT, "personal_sign"
            params = json.dumps(["0x" + raw["text"].encode().hex(), self.names["me"]])
        elif "type" in raw:
            known, usual = DOCUMENT, "eth_signTypedData_v4"
            params = json.dumps([self.names["me"], self._document(raw)])
        else:
            known, usual = TRANSACTION, "eth_sendTransaction"
            params = json.dumps([self._transaction(raw)])
        assert not set(raw) - known, f"members that mean nothing here: {set(raw) - known}"
        return Request(raw.get("method", usual), params)

    def _raw(self, text: str, fill: Json) -> str:
        """Names as `$eve`; `fill` puts long texts in, where `#` counts and `%` is one ahead."""
        long = {
            key: "".join(part.replace("#", str(n)).replace("%", str(n + 1)) for n in range(count))
            for key, (part, count) in fill.items()
        }
        return Template(text.replace("\n", " ")).substitute(self.names, **long)

    def _transaction(self, raw: Json) -> Json:
        made: Json = {}
        if "to" in raw:
            made["to"] = checksum_address(self.notation.address(raw["to"]))
        if "value" in raw:
            made["value"] = hex(self.notation.number(raw["value"]))
        data = self.notation.bytes(raw.get("data", "0x"))
        if raw.get("call"):
            data = self.notation.call(raw["call"], raw.get("args", []))
        data += self.notation.bytes(raw.get("append", "0x"))
        if data:
            made["data"] = "0x" + data.hex()
        fields: Json = raw.get("fields", {})
        return made | fields

    def _document(self, raw: Json) -> Json:
        """A member of the domain that is empty is left out."""
        primary, types = struct_types(self._types.get(raw["type"]) or raw["type"])
        domain: Json = {"name": "Threats", "version": "1", "chainId": CHAIN_ID}
        if "contract" in raw:
            domain["verifyingContract"] = self.names[raw["contract"]]
        domain |= raw.get("domain", {})
        domain = {name: each for name, each in domain.items() if each != ""}
        own = [{"name": name, "type": kind} for name, kind in DOMAIN if name in domain]
        document = {
            "types": {"EIP712Domain": own, **types},
            "primaryType": primary,
            "domain": domain,
            "message": self._struct(types, primary, raw["message"]),
        }
        return document | dict(raw.get("document", {}))

    def _struct(self, types: Json, name: str, values: Json) -> Json:
        """Members nobody declared stay as they stand."""
        kinds = {member["name"]: member["type"] for member in types[name]}
        return {
            key: self._leaf(types, kinds[key], each) if key in kinds else each
            for key, each in values.items()
        }

    def _leaf(self, types: Json, kind: str, value: Any) -> Any:
        """What is not a value of its type stays as it stands."""
        if kind.endswith("]") and isinstance(value, list):
            return [self._leaf(types, kind[: kind.rindex("[")], each) for each in value]
        if kind in types and isinstance(value, dict):
            return self._struct(types, kind, value)
        if kind == "address" and value in self.names:
            return self.names[value]
        if kind.startswith(("uint", "int")) and isinstance(value, str):
            return str(self.notation.number(value)) if self.notation.is_number(value) else value
        if kind == "bytes" and isinstance(value, dict):
            return "0x" + self.notation.bytes(value).hex()
        if kind.startswith("bytes") and isinstance(value, int):
            return "0x" + value.to_bytes(int(kind[5:]), "big").hex()
        return value
