"""Reads a folder of ERC-7730 descriptors for `--registry`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.cli.output import Failure, say

if TYPE_CHECKING:
    from holdfast._core import ClearSigning

FAULTS_SHOWN = 5


def load(folder: Path) -> ClearSigning:
    """Every JSON file below `folder`, and the files these include, wherever they are.

    What is not a descriptor is left out; faults are said.
    """
    from holdfast.service.operator_api.descriptor_folder import read_folder

    if not folder.is_dir():
        raise Failure(f"`{folder}` is not a folder", code="bad_file")
    found, faults = read_folder(folder, beyond=True)
    for name, text in faults[:FAULTS_SHOWN]:
        say(f"holdfast: {name}: {text}")
    if len(faults) > FAULTS_SHOWN:
        say(f"holdfast: {len(faults) - FAULTS_SHOWN} more descriptors have errors")
    if not len(found):
        say(f"holdfast: `{folder}` contains no ERC-7730 descriptor")
    return found
