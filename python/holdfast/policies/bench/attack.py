"""An attack as data, and the request that it is in a scene."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from holdfast.policies.bench.scene import Scene

Json = dict[str, Any]
_MAX = 2**256 - 1
_ENTITY = re.compile(r"(\w+)\(([^)]*)\)")
_NAMES = ("token", "payee", "twin")


@dataclass(frozen=True)
class Attack:
    """`members` say how its request is made; see attacks.toml."""

    id: str
    category: str
    text: str
    members: Json

    @property
    def has_amount(self) -> bool:
        return _holds(self.members, "amount")

    def fits(self, scene: Scene) -> bool:
        """Whether the scene has everyone that it names."""
        return all(name in scene.names or not _holds(self.members, name) for name in _NAMES)

    def request(self, scene: Scene, amount: int, at_s: int) -> Json:
        """`{method, params}` with `amount` in base units."""
        return _Maker(scene, amount, at_s).make(self.members)


def attacks() -> list[Attack]:
    """All of them, in the order of the file."""
    text = files("holdfast.policies.bench").joinpath("attacks.toml").read_text("utf-8")
    rows = tomllib.loads(text)["attack"]
    return [Attack(row.pop("id"), row.pop("category"), row.pop("text"), row) for row in rows]


def _holds(value: Any, name: str) -> bool:
    if isinstance(value, dict):
        return any(_holds(each, name) for each in value.values())
    if isinstance(value, list):
        return any(_holds(each, name) for each in value)
    return bool(value == name)


@dataclass(frozen=True)
class _Maker:
    scene: Scene
    amount: int
    at_s: int

    def make(self, raw: Json) -> Json:
        wallet = self.scene.names["wallet"]
        if "plain" in raw or "sign_in" in raw:
            text = raw.get("plain") or self._sign_in(raw["sign_in"])
            return {"method": raw["method"], "params": ["0x" + text.encode().hex(), wallet]}
        if "params" in raw:
            return {"method": raw["method"], "params": self.value(raw["params"])}
        if "type" in raw:
            return {"method": "eth_signTypedData_v4", "params": [wallet, self._document(raw)]}
        return {"method": "eth_sendTransaction", "params": [self._transaction(raw)]}

    def value(self, value: Any) -> Any:
        """Names and words replaced, through lists and tables; a call becomes its bytes."""
        if isinstance(value, dict) and "call" in value:
            return self._call(value)
        if isinstance(value, dict):
            return {key: self.value(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.value(each) for each in value]
        if not isinstance(value, str):
            return value
        words = {"amount": self.amount, "max": _MAX, "soon": self.at_s + 3000}
        return self.scene.names.get(value, words.get(value, value))

    def _call(self, raw: Json) -> bytes:
        signature = raw["call"]
        types = _split(signature[signature.index("(") + 1 : -1])
        args = [_abi(self.value(each)) for each in raw["args"]]
        return bytes(keccak(signature.encode())[:4] + encode(types, args))

    def _transaction(self, raw: Json) -> Json:
        made: Json = {"from": self.scene.names["wallet"]}
        if "to" in raw:
            made["to"] = self.value(raw["to"])
        if "value" in raw:
            made["value"] = hex(self.value(raw["value"]))
        if "call" in raw:
            made["data"] = "0x" + self._call(raw).hex()
        elif "data" in raw:
            made["data"] = raw["data"]
        fields: Json = self.value(raw.get("fields", {}))
        return made | fields

    def _document(self, raw: Json) -> Json:
        found = _ENTITY.findall(raw["type"])
        types = {name: [_member(each) for each in body.split(",")] for name, body in found}
        domain = {"name": "Bench", "version": "1", "chainId": self.scene.agent.chain}
        own = [("name", "string"), ("version", "string"), ("chainId", "uint256")]
        own.append(("verifyingContract", "address"))
        return {
            "types": {"EIP712Domain": [{"name": n, "type": t} for n, t in own], **types},
            "primaryType": found[0][0],
            "domain": domain | {"verifyingContract": self.value(raw["contract"])},
            "message": _texts(self.value(raw["message"])),
        }

    def _sign_in(self, site: str) -> str:
        return (
            "shop.example wants you to sign in with your Ethereum account:\n"
            f"{self.scene.names['wallet']}\n\nWelcome.\n\nURI: https://{site}/login\nVersion: 1\n"
            f"Chain ID: {self.scene.agent.chain}\nNonce: 32891756\n"
            "Issued At: 2026-01-01T00:00:00Z\nExpiration Time: 2036-01-01T00:00:00Z"
        )


def _split(types: str) -> list[str]:
    """The types of a list at its own level: `(address,bytes)[],bool` are two."""
    found, depth = [""], 0
    for letter in types:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            found.append("")
        else:
            found[-1] += letter
    return [each for each in found if each]


def _abi(value: Any) -> Any:
    """As the encoder takes it: hex that is no address as bytes."""
    if isinstance(value, list):
        return [_abi(each) for each in value]
    if isinstance(value, str) and value.startswith("0x"):
        if len(value) == 42:
            return value.lower()
        return int(value, 16) if len(value) > 4 else bytes.fromhex(value[2:])
    return value


def _texts(value: Any) -> Any:
    """Numbers of a document as text, so that no reader rounds them."""
    if isinstance(value, dict):
        return {key: _texts(each) for key, each in value.items()}
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _member(text: str) -> Json:
    kind, name = text.split(" ")
    return {"name": name, "type": kind}
