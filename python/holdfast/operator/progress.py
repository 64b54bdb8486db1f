"""What the guardian pushes of a request, put over what is known of it. Pure.

The core alone knows what an event does to a request; here is no rule of it.
"""

from __future__ import annotations

from holdfast.operator.request import Json, Request

# The members of a view that events change. A push has no say in any other: what was decided stays.
MEMBERS = frozenset(
    {
        "approvals",
        "cancelling",
        "earlier",
        "fee_per_gas",
        "frozen_by",
        "hash",
        "nonce",
        "outcome",
        "priority_fee_per_gas",
        "quorum",
        "released",
        "since",
        "state",
    }
)


def moved(request: Request, row: Json) -> Request:
    """The request as the row of a push says it is."""
    after = request.changed(**{name: row[name] for name in MEMBERS & row.keys()})
    if (after.state, after.raw.get("since")) == (request.state, request.raw.get("since")):
        return after
    # What it waits for now is known only when the guardian is asked.
    return after.changed(waits=None)
