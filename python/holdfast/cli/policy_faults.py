"""The errors of a policy file, as commands show them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import typer

from holdfast.cli.output import emit, line, say


def refuse(file: Path, error: Exception, as_json: bool) -> NoReturn:
    """Ends the command with every error of the file. `error` is a PolicyError of the core."""
    names = ("line", "column", "code", "text", "hint")
    faults = [dict(zip(names, fault, strict=True)) for fault in error.args[2]]
    if as_json:
        emit({"ok": False, "file": str(file), "faults": faults})
    else:
        for fault in faults:
            line(fault_line(file, fault, "error"))
    count = f"{len(faults)} error{'s' if len(faults) != 1 else ''}"
    say(f"holdfast: {file}: {count}; not loaded")
    raise typer.Exit(1)


def fault_line(file: Path, fault: dict[str, Any], word: str) -> str:
    """`policy.toml:3:1: error: …`, and what to write instead."""
    text = f"{file}:{fault['line']}:{fault['column']}: {word}: {fault['text']} [{fault['code']}]"
    return f"{text}\n    fix: {fault['hint']}" if fault.get("hint") else text
