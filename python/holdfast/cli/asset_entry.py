"""What an `[[asset]]` table would pin of a contract, and what a person should know before."""

from __future__ import annotations

import json
import re
import tomllib
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from holdfast._core import display_safe
from holdfast.cli.output import Failure
from holdfast.codes import Code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdfast.service.chain.token_facts import Text, TokenFacts

STANDARDS = ("erc20", "erc721", "erc1155")
SYMBOL_CHARS_MAX = 16
NAME_CHARS_MAX = 64
DECIMALS_MAX = 36
DECIMALS_USUAL_MAX = 18
ALIKE_DIGITS = 4
ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")

Table = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the operator says; it counts more than what the contract says."""

    ident: str | None = None
    symbol: str | None = None
    standard: str | None = None
    decimals: int | None = None
    pin_code: bool = False


@dataclass(slots=True)
class Entry:
    """One `[[asset]]` table. `warnings` are (code, text) pairs."""

    ident: str
    facts: TokenFacts
    standard: str
    decimals: int
    symbol: str
    name: str | None
    pin_code: bool = False
    warnings: list[tuple[str, str]] = field(default_factory=list)

    def toml(self) -> str:
        """The table as it is appended to a policy."""
        # A JSON string without control characters is a TOML string as well.
        lines = [
            "[[asset]]",
            f'id = "{self.ident}"',
            f"chain = {self.facts.chain_id}",
            f'address = "{self.facts.address}"',
            f'standard = "{self.standard}"',
            f"symbol = {json.dumps(self.symbol, ensure_ascii=False)}",
        ]
        if self.standard == "erc20":
            lines.append(f"decimals = {self.decimals}")
        lines += self._code()
        return "\n".join(lines) + "\n"

    def _code(self) -> list[str]:
        """The hashes, as keys or as a comment to make keys of."""
        facts = self.facts
        behind = facts.implementation_hash
        if self.pin_code:
            pinned = [f'code_hash = "{facts.code_hash}"']
            pinned += [] if behind is None else [f'implementation_hash = "{behind}"']
            return [*pinned, f"# code read at block {facts.block}"]
        said = [f"# code hash {facts.code_hash} read at block {facts.block}"]
        return said + ([] if behind is None else [f"# implementation hash {behind}"])

    def as_json(self) -> Table:
        """Everything shown, for `--json`."""
        return {
            "asset": {
                "id": self.ident,
                "chain": self.facts.chain_id,
                "address": self.facts.address,
                "standard": self.standard,
                "symbol": self.symbol,
                "decimals": self.decimals,
            },
            "name": self.name,
            "code_hash": self.facts.code_hash,
            "code_bytes": self.facts.code_bytes,
            "implementation_hash": self.facts.implementation_hash,
            "block": self.facts.block,
            "proxy": self.facts.proxy,
            "warnings": [{"code": code, "text": text} for code, text in self.warnings],
            "toml": self.toml(),
        }


def tables(source: str, name: str) -> list[Table]:
    """The `name` tables of a policy that the core has checked."""
    found = tomllib.loads(source.removeprefix("\ufeff")).get(name, [])
    return [table for table in found if isinstance(table, dict)]


def build(facts: TokenFacts, wanted: Wanted, source: str) -> Entry:
    """The table for a contract beside what the policy `source` has.

    Raises Failure where only the operator can say what is meant.
    """
    assets = tables(source, "asset")
    for asset in assets:
        if asset.get("chain") == facts.chain_id and asset.get("address") == facts.address:
            text = f"{facts.address} is already registered as `{asset['id']}`: nothing was changed"
            raise Failure(text, code="registered")
    standard, warnings = _standard(facts, wanted.standard)
    symbol, about_symbol = _symbol(facts, wanted.symbol)
    decimals, about_decimals = _decimals(facts, standard, wanted.decimals)
    warnings += about_symbol + about_decimals
    ident = _ident(wanted.ident, symbol, facts.address, {str(asset["id"]) for asset in assets})
    warnings += _twins(symbol, facts.symbol, assets)
    warnings += _look_alikes(facts.address, source)
    if facts.proxy:
        text = (
            "it is a proxy: its admin can change everything the token does, and the code hash "
            "covers only the proxy"
        )
        warnings.append(("proxy", text))
    shown = None if facts.name is None else display_safe(facts.name.value, NAME_CHARS_MAX)
    return Entry(ident, facts, standard, decimals, symbol, shown, wanted.pin_code, warnings)


def _standard(facts: TokenFacts, wanted: str | None) -> tuple[str, list[tuple[str, str]]]:
    told = facts.standards
    if wanted is not None:
        if told == (wanted,):
            return wanted, []
        said = " and ".join(told) if told else "no token standard"
        text = f"you gave {wanted}; the contract claims {said}"
        return wanted, [("standard_differs", text)]
    if len(told) == 1:
        return told[0], []
    said = f"claims to be {' and '.join(told)}" if told else "does not respond like a token"
    text = f"{facts.address} {said}: if you know its standard, give --standard"
    raise Failure(text, code="standard_unknown")


def _symbol(facts: TokenFacts, wanted: str | None) -> tuple[str, list[tuple[str, str]]]:
    """A label of 1 to 16 display-safe characters."""
    told = facts.symbol
    symbol = display_safe(wanted if wanted is not None else _words(told), SYMBOL_CHARS_MAX).strip()
    if not symbol:
        text = f"{facts.address} has no symbol: give one with --symbol"
        raise Failure(text, code="no_symbol")
    warnings = []
    if wanted is None and told is not None and (told.cut or symbol != told.value):
        text = f"the symbol shown differs from the contract's: `{_shown(told)}`"
        warnings.append(("symbol_odd", text))
    elif not symbol.isascii():
        text = f"the symbol `{symbol}` has letters other than a to z: it may imitate another symbol"
        warnings.append(("symbol_odd", text))
    if wanted is not None and _words(told) != wanted:
        said = f"`{_shown(told)}`" if _words(told) else "nothing"
        warnings.append(("symbol_differs", f"you gave `{symbol}`; the contract says {said}"))
    return symbol, warnings


def _words(text: Text | None) -> str:
    return "" if text is None else text.value


def _shown(text: Text | None) -> str:
    if text is None:
        return ""
    return display_safe(text.value, NAME_CHARS_MAX) + (" and more" if text.cut else "")


def _decimals(
    facts: TokenFacts, standard: str, wanted: int | None
) -> tuple[int, list[tuple[str, str]]]:
    if standard != "erc20":
        if wanted:
            raise Failure(f"{standard} tokens have no decimals", code="usage", exit_code=2)
        return 0, []
    told = facts.decimals
    decimals = told if wanted is None else wanted
    if decimals is None:
        text = f"{facts.address} does not report its decimals: look them up and give --decimals"
        raise Failure(text, code="no_decimals")
    if not 0 <= decimals <= DECIMALS_MAX:
        said = str(decimals) if decimals < 10**6 else "an implausible number"
        text = f"the decimals are {said}; a policy allows 0 to {DECIMALS_MAX}"
        raise Failure(text, code="decimals_out_of_range")
    warnings = []
    if wanted is not None and told != wanted:
        said = "nothing" if told is None else str(told) if told < 10**6 else "an implausible number"
        warnings.append(("decimals_differ", f"you gave {wanted}; the contract says {said}"))
    if decimals == 0 or decimals > DECIMALS_USUAL_MAX:
        text = f"{decimals} decimals are unusual: with wrong ones every amount is wrong"
        warnings.append(("decimals_odd", text))
    return decimals, warnings


def _ident(wanted: str | None, symbol: str, address: str, taken: set[str]) -> str:
    derived = re.sub(r"[^a-z0-9]+", "-", symbol.lower()).strip("-") or f"token-{address[2:8]}"
    ident = wanted if wanted is not None else derived.lower()
    if not ID.fullmatch(ident):
        text = "--id takes at most 64 lowercase letters, digits and hyphens"
        raise Failure(text, code="usage", exit_code=2)
    if ident in taken:
        text = f"the policy has another asset `{ident}`: choose another id with --id"
        raise Failure(text, code="id_taken")
    return ident


def _twins(symbol: str, told: Text | None, assets: list[Table]) -> Iterator[tuple[str, str]]:
    """Assets that carry the same symbol, however it is written."""
    mine = {_folded(symbol), _folded(_words(told))} - {""}
    for asset in assets:
        if _folded(str(asset.get("symbol", ""))) in mine:
            where = asset.get("address", "the native coin")
            text = (
                f"`{asset['id']}` ({where}, chain {asset['chain']}) has the symbol "
                f"{display_safe(str(asset['symbol']), SYMBOL_CHARS_MAX)} already: "
                "is one of them a fake?"
            )
            yield "twin_symbol", text


def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in folded if char.isalnum())


def _look_alikes(address: str, source: str) -> Iterator[tuple[str, str]]:
    """Addresses of the policy that begin and end alike.

    A person who compares ends takes one for the other.
    """
    mine = address[2:].lower()
    for what, other in _addresses(source):
        theirs = other[2:].lower()
        alike = (
            theirs[:ALIKE_DIGITS] == mine[:ALIKE_DIGITS]
            and theirs[-ALIKE_DIGITS:] == mine[-ALIKE_DIGITS:]
        )
        if alike and theirs != mine:
            text = (
                f"it has the same first and last characters as {other} ({what}): one may "
                f"imitate the other"
            )
            yield Code.LOOK_ALIKE, text


def _addresses(source: str) -> Iterator[tuple[str, str]]:
    for name in ("asset", "contract", "wallet"):
        for table in tables(source, name):
            if "address" in table:
                yield f"{name} `{table['id']}`", str(table["address"])
    for table in tables(source, "list"):
        for entry in table.get("entry", []):
            yield f"on the list `{table['id']}`", str(entry["address"])
