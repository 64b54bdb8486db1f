"""Reads a folder of ERC-7730 descriptors: bounded; what cannot be used is left out and named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from holdfast._core import ClearSigning

FILES_MAX = 20_000
FILE_BYTES_MAX = 1 << 20
FOLDER_BYTES_MAX = 64 << 20

Fault = tuple[str, str]
"""(path relative to the folder, what is wrong with it)"""


def read_folder(folder: Path, *, beyond: bool = False) -> tuple[ClearSigning, list[Fault]]:
    """Every JSON file below `folder` and the files these include.

    With `beyond` also included ones outside of it. What is not a descriptor is left out. Raises
    OSError when there is no folder.
    """
    from holdfast._core import ClearSigning

    files: dict[str, bytes] = {}
    faults: list[Fault] = []
    wanted = sorted(_json_files(folder), reverse=True)
    if len(wanted) > FILES_MAX:
        faults.append((".", f"more than {FILES_MAX:,} JSON files: the rest is not read"))
        wanted = wanted[-FILES_MAX:]
    left = FOLDER_BYTES_MAX
    while wanted:
        name = wanted.pop()
        if name in files or len(files) >= FILES_MAX:
            continue
        try:
            data = _bounded(folder / name)
        except OSError as error:
            faults.append((name, f"cannot be read: {error.strerror}"))
            continue
        if data is None:
            faults.append((name, f"is not a file of at most {FILE_BYTES_MAX:,} bytes"))
            continue
        left -= len(data)
        if left < 0:
            text = f"more than {FOLDER_BYTES_MAX:,} bytes of JSON: the rest is not read"
            faults.append((name, text))
            break
        files[name] = data
        include = _include(data)
        if include is not None:
            included = os.path.normpath(Path(name).parent / include)
            if beyond or not (included.startswith("..") or Path(included).is_absolute()):
                wanted.append(included)
    found = ClearSigning(sorted(files.items()))
    return found, faults + found.faults


def _json_files(folder: Path) -> Iterator[str]:
    """Relative paths; links to folders are not followed."""

    def fail(error: OSError) -> None:
        if Path(error.filename) == folder:
            raise error

    for place, _, names in os.walk(folder, onerror=fail):
        for name in names:
            if name.endswith(".json"):
                yield str(Path(place, name).relative_to(folder))


def _bounded(path: Path) -> bytes | None:
    """The bytes of a regular file that is not too large; None for anything else."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        data = file.read(FILE_BYTES_MAX + 1)
    return data if len(data) <= FILE_BYTES_MAX else None


def _include(data: bytes) -> str | None:
    try:
        # orjson bounds the depth; json overflows the stack once eth-account has lifted the limit.
        told = orjson.loads(data)
    except ValueError:
        return None
    include = told.get("includes") if isinstance(told, dict) else None
    return include if isinstance(include, str) and include.endswith(".json") else None
