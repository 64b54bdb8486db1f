"""What a review found, with the change it proposes. Nothing here is applied."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from holdfast._core import PolicyError, check_policy, compare_policies
from holdfast.policies.review.edit import unified
from holdfast.policies.review.history import History

Json = dict[str, Any]
Relation = Literal["equal", "tighter", "looser", "both", "undecided"]
# Makes the changed text; None where the policy cannot be edited so.
Change = Callable[[], str | None]
# Each one is compared with the policy and decides all requests again.
PROPOSALS_MAX = 40
TIGHTER: tuple[Relation, ...] = ("tighter", "equal")
IDS_SHOWN = 20
NOT_WRITTEN = "the policy is written in a way that cannot be edited by table: change it by hand"
TOO_MANY = f"only the first {PROPOSALS_MAX} changes are worked out"


@dataclass(frozen=True)
class Proposal:
    """A change of the policy in force: a unified `diff`, its `relation` as `policy diff` gives it.

    Of `replayed` requests it decides `milder` more mildly and `stricter` more strictly.
    """

    diff: str
    relation: Relation
    replayed: int
    milder: int
    stricter: int


@dataclass(frozen=True)
class Finding:
    """`kind` is a word for programs, `name` the table in question, `text` a sentence.

    `why_none` says why there is no proposal.
    """

    kind: str
    name: str
    text: str
    count: int = 0
    requests: tuple[str, ...] = ()
    largest: str | None = None
    proposal: Proposal | None = None
    why_none: str | None = None

    def as_dict(self) -> Json:
        """As JSON; of the requests the newest."""
        made = self.proposal
        return {
            "kind": self.kind,
            "name": self.name,
            "text": self.text,
            "count": self.count,
            "requests": list(self.requests[-IDS_SHOWN:]),
            "largest": self.largest,
            "proposal": None if made is None else vars(made),
            "why_none": self.why_none,
        }


class Proposals:
    """Judges changed texts of the policy in force, by comparison and by past requests."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._left = PROPOSALS_MAX

    def judged(self, change: Change, *allowed: Relation) -> tuple[Proposal | None, str | None]:
        """The proposal, or why there is none; its relation must be one of `allowed`."""
        if not self._left:
            return None, TOO_MANY
        self._left -= 1
        text = change()
        if text is None:
            return None, NOT_WRITTEN
        old, now_ms = self._history.policy, self._history.to_ms
        try:
            check_policy(text, now_ms)
            relation: Relation = json.loads(compare_policies(old, text, now_ms))["relation"]
            replayed, milder, stricter = self._history.differences(text)
        except PolicyError as error:
            return None, f"the change alone would be an error: {error.args[2][0][3]}"
        if relation not in allowed:
            return None, f"the change alone would be {_RELATIONS[relation]}"
        return Proposal(unified(old, text), relation, replayed, milder, stricter), None


_RELATIONS: dict[Relation, str] = {
    "equal": "without effect",
    "tighter": "tighter",
    "looser": "looser",
    "both": "looser in some places and tighter in others",
    "undecided": "one that could not be shown to be not looser",
}
