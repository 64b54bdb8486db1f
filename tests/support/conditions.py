"""Every condition the service can raise, read from its own source, so that none is forgotten."""

import ast
from pathlib import Path

import holdfast.service
from holdfast.service.runtime.conditions import Condition, Severity

SOURCE = Path(holdfast.service.__file__).parent
SEVERITIES: tuple[Severity, ...] = ("critical", "action", "warning")


def raised() -> set[tuple[str, Severity]]:
    """(code, severity) of each `Condition(…)` in the service."""
    found: set[tuple[str, Severity]] = set()
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        codes = {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and node.value.startswith("endpoint_")
            and path.name == "endpoint_watch.py"
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", "") != "Condition":
                continue
            code, severity = node.args[:2]
            assert isinstance(severity, ast.Constant)
            assert severity.value in SEVERITIES
            # The watch over endpoints names one of two.
            names = {code.value} if isinstance(code, ast.Constant) else codes
            found |= {(str(name), severity.value) for name in names}
    return found


def examples() -> list[Condition]:
    """One of each."""
    return [
        Condition(
            code,
            severity,
            f"words of {code} {severity}",
            f"step of {code} {severity}",
            about=f"example {severity}",
        )
        for code, severity in sorted(raised())
    ]
