"""Values of the right type out of a file that anything may have written to."""

from __future__ import annotations

from holdfast.service.journal.interface import JournalError


def number(value: object, table: str) -> int:
    """An integer. Raises JournalError (`<table>_bad`)."""
    if not isinstance(value, int):
        raise JournalError(f"{table}_bad", f"a row of `{table}` holds no number where one belongs")
    return value


def blob(value: object, table: str) -> bytes:
    """Bytes. Raises JournalError (`<table>_bad`)."""
    if not isinstance(value, bytes):
        raise JournalError(f"{table}_bad", f"a row of `{table}` holds no bytes where some belong")
    return value
