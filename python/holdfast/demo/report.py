"""How a sample agent tells the demo what it tried: one JSON object a line on its stdout.

`{"agent", "step", "verdict", "codes", "hash", "request", "text"}`; verdict is `paid` (a hash came
back), `signed`, `pending`, `denied` (4001), `refused` (any other error) or `done` (the last line).
"""

from __future__ import annotations

import json
import sys
from typing import Any


def report(agent: str, step: str, verdict: str, **more: Any) -> dict[str, Any]:
    """Writes one line and gives it back."""
    line = {"agent": agent, "step": step, "verdict": verdict, **more}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
    return line


def codes_of(data: Any) -> list[str]:
    """The reason codes in an error's `data`, most important first, then its status."""
    if not isinstance(data, dict):
        return []
    reasons = [one for one in data.get("reasons") or [] if isinstance(one, dict)]
    found = [one.get("code") for one in reasons] + [data.get("code"), data.get("status")]
    return [code for code in dict.fromkeys(found) if isinstance(code, str)]


def outcome(answer: dict[str, Any]) -> dict[str, Any]:
    """`verdict`, `codes`, `request`, `hash` and `text` of a raw JSON-RPC answer."""
    error = answer.get("error")
    if error is None:
        return {"verdict": "paid", "codes": [], "hash": answer.get("result"), "text": ""}
    data = error.get("data") if isinstance(error, dict) else None
    status = data.get("status") if isinstance(data, dict) else None
    verdict = "pending" if status == "pending" else "refused"
    if error.get("code") == 4001:
        verdict = "denied"
    return {
        "verdict": verdict,
        "codes": codes_of(data),
        "request": data.get("requestId") if isinstance(data, dict) else None,
        "hash": None,
        "text": str(error.get("message", "")),
    }
