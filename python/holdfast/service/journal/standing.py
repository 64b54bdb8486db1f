"""How each agent behaved: what a proposal to trust it with more rests on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from holdfast.service.journal.interface import Reader
from holdfast.service.runtime.event import REQUEST_DECIDED, Record, kind_of, parse, tier_of

POLICY_LOADED = b"policy.loaded"
REQUEST_DENIED = b"request.denied"
REQUEST_SIGNED = b"request.signed"
FREEZE_SET = b"freeze.set"


@dataclass
class Standing:
    """One agent by the journal. Times are ms since the epoch, None for what never happened.

    `level_since` is when the policy first gave it the level it has now. A violation is a denied
    request, whoever denied it, or a freeze of the agent.
    """

    level: str | None = None
    level_since: int | None = None
    violation: int | None = None
    signed: int = 0
    signed_since: int | None = None

    def quiet_since(self) -> int | None:
        """Since when it has the level and did nothing wrong."""
        times = [each for each in (self.level_since, self.violation) if each is not None]
        return None if self.level_since is None else max(times)


def standings(
    reader: Reader, agents: list[str], level_of: Callable[[str, str], str | None]
) -> dict[str, Standing]:
    """Of these agents, by the whole journal. `level_of` reads a policy's text for an agent.

    Raises JournalError.
    """
    found = {agent: Standing() for agent in agents}
    requests: dict[str, str] = {}
    for _, records in reader.chunks():
        for record in records:
            kind = kind_of(record)
            if kind == POLICY_LOADED:
                _loaded(found, parse(record), level_of)
            elif kind == REQUEST_DECIDED:
                _decided(found, requests, parse(record))
            elif kind in (REQUEST_DENIED, REQUEST_SIGNED):
                _ended(found, requests, kind, parse(record))
            elif kind == FREEZE_SET:
                _frozen(found, parse(record))
    return found


def _loaded(
    found: dict[str, Standing], record: Record, level_of: Callable[[str, str], str | None]
) -> None:
    for agent, standing in found.items():
        level = level_of(record["data"]["source"], agent)
        if level != standing.level:
            standing.level = level
            standing.level_since = record["at"] if level is not None else None
            standing.signed, standing.signed_since = 0, None


def _decided(found: dict[str, Standing], requests: dict[str, str], record: Record) -> None:
    data = record["data"]
    standing = found.get(data["agent"])
    if standing is None:
        return
    if tier_of(data) == "deny":
        standing.violation = record["at"]
    else:
        requests[data["id"]] = data["agent"]


def _ended(
    found: dict[str, Standing], requests: dict[str, str], kind: bytes, record: Record
) -> None:
    agent = requests.pop(record["data"]["id"], None)
    if agent is None:
        return
    standing = found[agent]
    if kind == REQUEST_DENIED:
        standing.violation = record["at"]
        return
    standing.signed += 1
    if standing.signed_since is None:
        standing.signed_since = record["at"]


def _frozen(found: dict[str, Standing], record: Record) -> None:
    scope = record["data"]["scope"]
    standing = found.get(scope.get("id", "")) if scope.get("kind") == "agent" else None
    if standing is not None:
        standing.violation = record["at"]
