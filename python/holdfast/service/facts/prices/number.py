"""A price out of a JSON document, exactly: no number is ever a float on the way."""

from __future__ import annotations

import json
import re
from typing import Any

DECIMALS = 18
# Numbers of a sane length; an exponent has at most two digits.
CHARACTERS_MAX = 80
# With more decimals than we write, a price must still be exact to a millionth.
ROUNDED_MIN = 10**6
ATTO_MAX = 2**128 - 1

_NUMBER = re.compile(r"(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,2}))?")


class NoPrice(Exception):
    """What was found is no price; the text says why, in our own words."""


def price_at(document: bytes, pointer: str) -> int:
    """The number that the JSON pointer (RFC 6901) leads to, in 1e-18 USD.

    It may be a string. Raises NoPrice.
    """
    value = _parse(document)
    for part in pointer.split("/")[1:]:
        value = _member(value, part.replace("~1", "/").replace("~0", "~"))
    if not isinstance(value, str):
        raise NoPrice("there is no number at the place named by `value`")
    return atto_usd(value)


def atto_usd(text: str) -> int:
    """A decimal number of USD in 1e-18 USD, rounded up. Raises NoPrice."""
    found = _NUMBER.fullmatch(text) if len(text) <= CHARACTERS_MAX else None
    if found is None:
        raise NoPrice("the value is not a plain decimal number above zero")
    fraction = found[2] or ""
    shift = int(found[3] or 0) + DECIMALS - len(fraction)
    digits = int(found[1] + fraction)
    if shift >= 0:
        return checked(digits * 10**shift)
    atto, rest = divmod(digits, 10**-shift)
    if rest and atto < ROUNDED_MIN:
        raise NoPrice("the price is too small to be written with 18 decimals")
    return checked(atto + (rest > 0))


def checked(atto: int) -> int:
    """A price the core can hold. Raises NoPrice."""
    if not 0 < atto <= ATTO_MAX:
        raise NoPrice("the price is not above zero, or is too large")
    return atto


def written(atto: int) -> str:
    """As a price fact has it: `3000.5`."""
    whole, fraction = divmod(atto, 10**DECIMALS)
    decimals = f"{fraction:0{DECIMALS}}".rstrip("0")
    return f"{whole}.{decimals}" if decimals else str(whole)


def _parse(document: bytes) -> Any:
    try:
        # Numbers stay the text they are; a document that says a thing twice says nothing.
        return json.loads(
            document.decode(),
            parse_float=str,
            parse_int=str,
            parse_constant=_refuse,
            object_pairs_hook=_object,
        )
    except (ValueError, RecursionError):
        raise NoPrice("the answer is not valid JSON") from None


def _refuse(_: str) -> None:
    raise ValueError


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise ValueError
    return found


def _member(value: Any, part: str) -> Any:
    if isinstance(value, dict):
        return value.get(part)
    is_index = part.isascii() and part.isdigit() and (part == "0" or part[0] != "0")
    if isinstance(value, list) and is_index and len(part) < 6 and int(part) < len(value):
        return value[int(part)]
    return None
