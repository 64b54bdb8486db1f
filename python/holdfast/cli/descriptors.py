"""Reads a folder of ERC-7730 descriptors for `--registry`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.cli.output import Failure, say

if TYPE_CHECKING:
    from holdfast._core import ClearSigning

FILES_MAX = 20_000
FILE_BYTES_MAX = 1 << 20
FAULTS_SHOWN = 5


def load(folder: Path) -> ClearSigning:
    """Every JSON file below `folder`, and the files these include, wherever they are. What is not
    a descriptor is left out; faults are said.
    """
    from holdfast._core import ClearSigning

    if not folder.is_dir():
        raise Failure(f"`{folder}` is not a folder", code="bad_file")
    files: dict[str, bytes] = {}
    wanted = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.json"))
    if len(wanted) > FILES_MAX:
        raise Failure(f"`{folder}` holds more than {FILES_MAX:,} JSON files", code="bad_file")
    while wanted:
        name = wanted.pop()
        path = folder / name
        if name in files or not path.is_file() or path.stat().st_size > FILE_BYTES_MAX:
            continue
        files[name] = path.read_bytes()
        include = _include(files[name])
        if include is not None and len(files) < FILES_MAX:
            wanted.append(os.path.normpath(Path(name).parent / include))
    found = ClearSigning(sorted(files.items()))
    for name, text in found.faults[:FAULTS_SHOWN]:
        say(f"holdfast: {name}: {text}")
    if len(found.faults) > FAULTS_SHOWN:
        say(f"holdfast: {len(found.faults) - FAULTS_SHOWN} more descriptors have faults")
    if not len(found):
        say(f"holdfast: `{folder}` holds no ERC-7730 descriptor")
    return found


def _include(data: bytes) -> str | None:
    try:
        told = json.loads(data)
    except ValueError:
        return None
    include = told.get("includes") if isinstance(told, dict) else None
    return include if isinstance(include, str) and include.endswith(".json") else None
