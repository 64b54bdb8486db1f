"""What a case says: who asks for what, what happened before, and what is expected."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from holdfast.policies.payment import Words

# A Monday at noon: cases mean the same at night, and next year.
DEFAULT_AT = datetime(2026, 1, 5, 12, tzinfo=UTC)
# Verdicts a case can expect.
VERDICTS = ("instant", "notify", "delay", "approval", "deny")


@dataclass(frozen=True)
class Request:
    """JSON-RPC, as an agent sends it."""

    method: str
    params: list[Any]


@dataclass(frozen=True)
class Before:
    """A request that was decided, and settled, some time before the case."""

    asked: Words | Request
    ago: timedelta
    line: int


@dataclass(frozen=True)
class Expected:
    """What the decision must say; None where the case says nothing of it. `delay` is in ms."""

    verdict: str
    rule: str | None = None
    code: str | None = None
    quorum: int | None = None
    delay: int | None = None


@dataclass(frozen=True)
class Case:
    """`used` is by limit, `facts` is as the core reads them, `line` where the case begins."""

    name: str
    asked: Words | Request
    expected: Expected
    line: int
    agent: str | None = None
    at: datetime = DEFAULT_AT
    used: dict[str, str] = field(default_factory=dict)
    history: tuple[Before, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
