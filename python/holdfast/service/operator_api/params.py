"""The params of operator methods, read one by one. Anything else raises Refused `malformed`."""

from __future__ import annotations

from holdfast.codes import Code
from holdfast.service.operator_api.socket import Params, Refused


def text(params: Params, key: str, *, chars_max: int = 256, default: str | None = None) -> str:
    """A string of at most `chars_max` characters."""
    value = params.get(key, default)
    if not isinstance(value, str) or len(value) > chars_max:
        raise Refused(Code.MALFORMED, f"`{key}` must be a string of at most {chars_max} characters")
    return value


def integer(params: Params, key: str, default: int) -> int:
    """An integer from -1 to 2^53 - 1; `default` where it is missing or null."""
    value = params.get(key, default)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not -1 <= value < 2**53:
        raise Refused(Code.MALFORMED, f"`{key}` must be an integer that is not negative")
    return value


def objects(params: Params, key: str, *, most: int) -> list[Params]:
    """A list of at most so many objects; none where it is missing."""
    value = params.get(key, [])
    if not isinstance(value, list) or len(value) > most:
        raise Refused(Code.MALFORMED, f"`{key}` must be a list of at most {most}")
    if not all(isinstance(each, dict) for each in value):
        raise Refused(Code.MALFORMED, f"`{key}` must be a list of objects")
    return value
