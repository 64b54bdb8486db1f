"""The operator's view of the guardian: a fold of snapshot and events, and of nothing else.

Headless and pure.

Time comes in from outside: `mono` is monotonic seconds, `now_ms` the guardian's own clock carried
forward from its last word.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from holdfast.operator.describe import SILENT, feed_row, frozen_by, history_line, request_words
from holdfast.operator.feed import FEED_ROWS_MAX, Feed, FeedRow
from holdfast.operator.progress import moved
from holdfast.operator.request import Json, Request
from holdfast.operator.waits import PASSING, SENT, hangs

ENDED_KEPT_MAX = 500
ROWS_PER_DRAIN_MAX = 500
STALE_AFTER_S = 3.0
RATE_SECONDS = 60
SORTS = ("deadline", "newest", "amount", "agent")


@dataclass(slots=True)
class Link:
    """What is known of the connection. `heard` and `lost` are monotonic seconds."""

    connected: bool = False
    heard: float | None = None
    error: str = ""

    def stale_s(self, mono: float) -> float | None:
        """Seconds since the guardian was last heard when that is too long ago; None while live."""
        if self.heard is None:
            return 0.0
        silent = max(0.0, mono - self.heard)
        if self.connected and silent <= STALE_AFTER_S:
            return None
        return silent


@dataclass(slots=True)
class Status:
    """The members of `status` the screen needs, kept current by events."""

    seq: int = -1
    sealed: str | None = None
    freezes: list[Json] = field(default_factory=list)
    policy: Json = field(default_factory=dict)
    agents: list[Json] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    health: Json = field(default_factory=dict)
    clock_set: int = 0


class Model:
    """Everything on screen that is not a cursor position of a widget."""

    def __init__(self, rows_max: int = FEED_ROWS_MAX) -> None:
        self.feed = Feed(rows_max)
        self.link = Link()
        self.status = Status()
        self.limits: list[Json] = []
        self.requests: OrderedDict[str, Request] = OrderedDict()
        self._ended: deque[str] = deque()
        self._open: dict[str, Request] = {}
        self._on_the_way: dict[str, Request] = {}
        self.history: dict[str, list[Json]] = {}
        self.sort = SORTS[0]
        self.feed_seq = -1
        self.skipped = 0
        self.touched: set[str] = set()
        self.version = 0
        self._now_base: tuple[int, float] | None = None
        self._rates: deque[tuple[int, int]] = deque(maxlen=RATE_SECONDS * 2)

    # --- time -----------------------------------------------------------------------------------

    def heard(self, mono: float, now_ms: int | None) -> None:
        """The guardian spoke; `now_ms` is its clock if it said so."""
        self.link.heard = mono
        if isinstance(now_ms, int):
            self._now_base = (now_ms, mono)

    def now_ms(self, mono: float) -> int:
        """The guardian's clock now, in ms.

        Its last word plus the time since, never a clock of this machine.
        """
        if self._now_base is None:
            return 0
        base, since = self._now_base
        return base + int((mono - since) * 1000)

    # --- folding --------------------------------------------------------------------------------

    def load_snapshot(self, snapshot: Json, seq: int, mono: float) -> None:
        """Replaces all state; the feed and what it shows stays."""
        status = snapshot.get("status") or {}
        self.load_status(status, mono)
        self.status.seq = max(seq, int(status.get("seq", seq)))
        self.requests.clear()
        self._open.clear()
        self._on_the_way.clear()
        self._ended.clear()
        for raw in snapshot.get("requests") or []:
            request = Request.read(raw)
            self._keep(request)
            self.touched.add(request.id)
            history = raw.get("history")
            if isinstance(history, list):
                self.history[request.id] = [row for row in history if isinstance(row, dict)]
        for gone in [ident for ident in self.history if ident not in self.requests]:
            del self.history[gone]
        self.limits = _rows(snapshot.get("limits"))
        self.version += 1

    def load_status(self, status: Json, mono: float) -> None:
        """Takes a `status` answer as it is."""
        self.status.sealed = status.get("sealed")
        self.status.freezes = _rows(status.get("freezes"))
        self.status.policy = dict(status.get("policy") or {})
        self.status.agents = _rows(status.get("agents"))
        self.status.clock_set = int(status.get("clock_set") or 0)
        counts = status.get("counts") or {}
        self.status.counts = {str(k): v for k, v in counts.items() if isinstance(v, int)}
        self.status.health = dict(status.get("health") or {})
        self.heard(mono, status.get("now_ms"))
        self.version += 1

    def load_health(self, health: Json, mono: float) -> None:
        """One health push."""
        self.status.health = health
        if "sealed" in health:
            self.status.sealed = health["sealed"]
        if "policy_alarm" in health:
            self.status.policy["alarm"] = health["policy_alarm"]
        if isinstance(connected := health.get("connections"), dict):
            self.status.agents = [
                agent | {"connections": connected.get(agent.get("id"), 0)}
                for agent in self.status.agents
            ]
        self.heard(mono, health.get("now_ms"))
        self.version += 1

    def load_events(self, records: Iterable[Json], mono: float | None = None) -> None:
        """Folds a batch.

        State takes every event; the feed at most `ROWS_PER_DRAIN_MAX`, and says what it skipped.
        """
        rows: deque[FeedRow] = deque(maxlen=ROWS_PER_DRAIN_MAX)
        shown = 0
        last_at = 0
        for record in records:
            seq = record.get("seq")
            if not isinstance(seq, int):
                continue
            row = self._fold_one(record, seq)
            if row is not None:
                rows.append(row)
                shown += 1
                last_at = row.at
                self._count_rate(row.at)
        lost = shown - len(rows)
        if lost:
            self.skipped += lost
            text = f"+{lost:,} skipped"
            self.feed.push(FeedRow(rows[0].at, "muted", "…", "skipped", "", "", text))
        for row in rows:
            self.feed.push(row)
        if shown:
            self.version += 1
            if mono is not None:
                self.heard(mono, max(last_at, self.now_ms(mono)))

    def _fold_one(self, record: Json, seq: int) -> FeedRow | None:
        """State if it is newer than the snapshot, a row if the feed has not shown it."""
        kind = str(record.get("kind", ""))
        data: Json = record.get("data") or {}
        ident = str(data.get("id", ""))
        request = self.requests.get(ident)
        if request is None and kind == "request.decided":
            more = {"at": record.get("at"), "summary": record.get("summary")}
            request = Request.read({**data, **more})
        of_request = kind.startswith("request.") and kind != "request.refused"
        words = request_words(kind, data) if of_request else ""
        row = None
        if seq > self.feed_seq:
            row = None if kind in SILENT else feed_row(record, request, words)
            self.feed_seq = seq
        if seq > self.status.seq:
            self.status.seq = seq
            if of_request and request is not None:
                self._fold_request(request, history_line(record, words))
            else:
                self._fold(kind, data, record)
            self._fold_states(_rows(record.get("requests")), record)
        return row

    def _fold(self, kind: str, data: Json, record: Json) -> None:
        """An event that belongs to no known request."""
        if kind == "request.refused":
            self._count("refused", 1)
        elif kind == "freeze.set":
            freeze = {name: data.get(name) for name in ("freeze", "scope", "reason", "actor")}
            self.status.freezes = [*self.status.freezes, {**freeze, "at": record.get("at")}]
        elif kind == "freeze.lifted":
            freezes = self.status.freezes
            self.status.freezes = [f for f in freezes if f.get("freeze") != data.get("freeze")]
        elif kind == "policy.loaded":
            self.status.policy = {
                "name": data.get("name"),
                "digest": data.get("digest"),
                "loaded_at": record.get("at"),
                "revision": data.get("revision"),
                "alarm": None,
                "coming": None,
            }
        elif kind == "policy.scheduled":
            named = ("name", "digest", "revision", "due_ms", "looser")
            self.status.policy["coming"] = {name: data.get(name) for name in named}
        elif kind == "clock.set":
            self.status.clock_set = self.status.seq
        elif kind == "policy.rejected":
            self.status.policy["alarm"] = data.get("error")

    def _fold_request(self, request: Request, line: Json) -> None:
        if request.id not in self.requests:
            self._move(None, request.state)
        self.history.setdefault(request.id, []).append(line)
        self._keep(request)
        self.touched.add(request.id)

    def load_states(self, rows: list[Json]) -> None:
        """Where requests are by now, as the guardian says after events read from its journal."""
        self._fold_states(_rows(rows), {})
        self.version += 1

    def _fold_states(self, rows: list[Json], record: Json) -> None:
        """Puts what the guardian says of requests over what is known of them."""
        for row in rows:
            request = self.requests.get(str(row.get("id")))
            if request is None:
                continue
            after = moved(request, row)
            self._move(request.state, after.state)
            if record.get("kind") == "freeze.set" and after.state != request.state:
                line = history_line(record, after.state)
                self.history.setdefault(after.id, []).append(line)
            self._keep(after)
            self.touched.add(after.id)

    def _move(self, old: str | None, new: str) -> None:
        if old != new:
            if old is not None:
                self._count(old, -1)
            self._count(new, 1)

    def _count(self, state: str, by: int) -> None:
        self.status.counts[state] = max(0, self.status.counts.get(state, 0) + by)

    def _keep(self, request: Request) -> None:
        """Stores a request; of ended ones only the last `ENDED_KEPT_MAX`."""
        known = self.requests.get(request.id)
        self.requests[request.id] = request
        if request.pending:
            self._open[request.id] = request
        else:
            self._open.pop(request.id, None)
        if request.state in PASSING or request.state == SENT:
            self._on_the_way[request.id] = request
        else:
            self._on_the_way.pop(request.id, None)
        if request.ended and (known is None or not known.ended):
            self._ended.append(request.id)
        while len(self._ended) > ENDED_KEPT_MAX:
            gone = self._ended.popleft()
            kept = self.requests.get(gone)
            if kept is not None and kept.ended:
                self.requests.pop(gone, None)
                self.history.pop(gone, None)

    def _count_rate(self, at_ms: int) -> None:
        second = at_ms // 1000
        if self._rates and self._rates[-1][0] == second:
            self._rates[-1] = (second, self._rates[-1][1] + 1)
        else:
            self._rates.append((second, 1))

    # --- reading --------------------------------------------------------------------------------

    def take_touched(self) -> set[str]:
        """Ids that changed since the last call."""
        touched, self.touched = self.touched, set()
        return touched

    def request(self, ident: str | None) -> Request | None:
        return self.requests.get(ident) if ident else None

    def load_request(self, raw: Json) -> None:
        """A `request` answer: more than events tell (limits, full history).

        State only if not older.
        """
        request = Request.read(raw)
        known = self.requests.get(request.id)
        if known is not None and known.ended and not request.ended:
            request = request.changed(state=known.state)
        if known is not None:
            # It may be ahead of the pushes that lead there: they count from here.
            self._move(known.state, request.state)
        if isinstance(raw.get("history"), list):
            self.history[request.id] = _rows(raw["history"])
        self._keep(request)
        self.version += 1

    @property
    def pending(self) -> list[Request]:
        """Waiting and held requests in the chosen order; ties by id: it never flickers."""
        return sorted(self._open.values(), key=self._sort_key)

    def hanging(self, now_ms: int) -> list[Request]:
        """What waits longer than usual, in the chosen order.

        For its chain, its fees, the signer or a block.
        """
        found = [each for each in self._on_the_way.values() if hangs(each, now_ms)]
        return sorted(found, key=self._sort_key)

    def _sort_key(self, request: Request) -> tuple[Any, ...]:
        number = int(request.id[1:]) if request.id[1:].isdigit() else 0
        if self.sort == "newest":
            return (-number,)
        if self.sort == "amount":
            return (0 if request.usd is None else 1, -(request.usd or 0), number)
        if self.sort == "agent":
            return (request.agent, number)
        deadline = request.deadline
        return (not request.decidable, deadline if deadline is not None else 2**62, number)

    def waiting_of(self, agent: str) -> int:
        """How many requests of an agent wait for a person, a delay or a thaw."""
        return sum(1 for request in self._open.values() if request.agent == agent)

    @property
    def waiting(self) -> int:
        """Requests that want a person's answer now."""
        return sum(1 for request in self._open.values() if request.decidable)

    @property
    def frozen_everything(self) -> bool:
        return any((f.get("scope") or {}).get("kind") == "everything" for f in self.status.freezes)

    def frozen_for(self, request: Request) -> Json | None:
        """The first freeze whose scope covers the request."""
        return frozen_by(self.status.freezes, request)

    def rates(self, now_ms: int, seconds: int) -> list[int]:
        """Events in each of the last `seconds` full seconds, oldest first."""
        counts = dict(self._rates)
        last = now_ms // 1000
        return [counts.get(second, 0) for second in range(last - seconds, last)]


def _rows(value: object) -> list[Json]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
