"""From the text of a foreign document to a policy and its report; the core checks the result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdfast._core import PolicyError, check_policy
from holdfast.policies.errors import PolicyTextError
from holdfast.policies.head import Surroundings
from holdfast.policies.importing import agentwallex, clawd402, sardis, waiaas
from holdfast.policies.importing.document import read_document
from holdfast.policies.importing.draft import Draft
from holdfast.policies.importing.plan import Plan
from holdfast.policies.importing.report import NOT_KEPT, STRICTER, Report

SOURCES: dict[str, Callable[[Plan, Any], None]] = {
    "agentwallex": agentwallex.read,
    "clawd402": clawd402.read,
    "waiaas": waiaas.read,
    "sardis": sardis.read,
}


def convert(source: str, text: str, place: Surroundings) -> tuple[str, Report]:
    """The policy's TOML, with what is not kept exactly as comments at its top, and the report.

    Raises PolicyTextError for a document that cannot be read.
    """
    report = Report()
    draft = Draft(f"imported from {source}", place)
    SOURCES[source](Plan(place, report, draft), read_document(text))
    policy = draft.text(_comment(source, report))
    try:
        check_policy(policy)
    except PolicyError as error:
        line, column, _, why, hint = error.args[2][0]
        words = f"the document cannot be said as a policy: {why} ({hint}; line {line}:{column})"
        raise PolicyTextError(words) from None
    return policy, report


def _comment(source: str, report: Report) -> str:
    lines = [
        f"Imported from a document of {source}. Read it, run `holdfast policy check`, and try it.",
        "Fees are counted apart, by `fees-a-day`.",
    ]
    for state in (NOT_KEPT, STRICTER):
        notes = [note for note in report.notes if note.state == state]
        if notes:
            lines.append(f"{state}:")
            lines += [f"- {note.field}: {note.text}" for note in notes]
    return "\n".join(lines)
