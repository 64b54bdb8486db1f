"""The journal as text for other people's tools.

JSON lines (the records as they were signed) or CSV.
"""

import csv
import json
from pathlib import Path
from typing import Literal, TextIO

from holdfast.service.journal.open import open_reader
from holdfast.service.runtime.event import parse

COLUMNS = ("seq", "at", "kind", "request", "agent", "wallet", "state", "outcome", "hash", "data")

Format = Literal["jsonl", "csv"]


def export(path: Path, form: Format, out: TextIO) -> int:
    """Writes every event of a home (a folder) or a journal file to `out`; gives their number.

    Raises JournalError.
    """
    reader = open_reader(path)
    count = 0
    try:
        write = csv.writer(out)
        if form == "csv":
            write.writerow(COLUMNS)
        for _, chunk in reader.chunks():
            for record in chunk:
                if form == "jsonl":
                    out.write(record.decode("utf-8") + "\n")
                else:
                    write.writerow(_row(record))
            count += len(chunk)
    finally:
        reader.close()
    return count


def _row(record: bytes) -> list[str]:
    event = parse(record)
    data = event["data"]
    named = {key: data.get(key) for key in COLUMNS}
    named |= {
        "seq": event["seq"],
        "at": event["at"],
        "kind": event["kind"],
        "request": data.get("id"),
    }
    named["data"] = json.dumps(data, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return [_cell(named[key]) for key in COLUMNS]


def _cell(value: object) -> str:
    """A text no spreadsheet takes for a formula (OWASP, CSV injection)."""
    text = "" if value is None else str(value)
    text = text.encode("unicode_escape").decode("ascii") if not text.isprintable() else text
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
