"""Shadow mode: a candidate policy decides beside the one in force, and changes nothing.

It reads in the journal what was decided, after it was, and has no way to a verdict. It works in
short slices with pauses between them, so that payments do not wait for it; where it falls too far
behind, it leaves events out and says how many.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from holdfast._core import PolicyError, Simulator, check_policy, display_safe
from holdfast.codes import Code
from holdfast.service.guardian.core import Core
from holdfast.service.guardian.policy_file import PolicyRejected, read_private_text
from holdfast.service.guardian.watch import Mark, mark_of
from holdfast.service.journal.cases import case_of, milder
from holdfast.service.journal.interface import JournalError, Reader
from holdfast.service.runtime.event import REQUEST_DECIDED, Record, kind_of, parse, tier_of
from holdfast.service.runtime.logs import get_logger

log = get_logger()

LOOK_S = 0.1
RETRY_S = 5.0
# Python runs one thread at a time: the loop waits no longer than this for a slice to end.
SLICE_S = 0.001
# A slice is followed by so many times its length without one.
PAUSES = 4
READ_EVENTS = 256
READ_BYTES = 1 << 20
BEHIND_MAX = 200_000
DIFFERENCES_KEPT = 200
REASONS_KEPT = 8
# The first line of the file, from which event on it is tried; a restart begins there again.
_FROM = re.compile(r"# shadow from event (\d{1,15})\n")

Json = dict[str, Any]


def shadow_text(source: str, from_seq: int) -> str:
    """What `shadow.toml` holds for a candidate that is tried from event `from_seq` on."""
    return f"# shadow from event {from_seq}\n{source}"


@dataclass
class _Candidate:
    """A candidate and what it made of the events from `from_seq` to `seq`, this one excluded.

    `passed_over` requests are no matter of a policy, `left_out` is a number of events.
    """

    name: str
    digest: str
    simulator: Simulator
    from_seq: int
    seq: int
    decided: int = 0
    wider: int = 0
    stricter: int = 0
    passed_over: int = 0
    left_out: int = 0
    differences: deque[Json] = field(default_factory=lambda: deque(maxlen=DIFFERENCES_KEPT))
    read: deque[bytes] = field(default_factory=deque)

    def work(self, reader: Reader, size: int) -> float:
        """Judges what is in the journal below `size`, for one slice; gives its length in seconds.

        Raises JournalError.
        """
        if not self.read:
            self.read.extend(reader.page(self.seq, min(READ_EVENTS, size - self.seq), READ_BYTES))
        began = time.monotonic()
        while self.read and time.monotonic() - began < SLICE_S:
            record = self.read.popleft()
            self.seq += 1
            if kind_of(record) == REQUEST_DECIDED:
                self._judge(parse(record))
        return time.monotonic() - began

    def _judge(self, record: Record) -> None:
        case = case_of(record)
        if case is None:
            self.passed_over += 1
            return
        self.decided += 1
        now = orjson.loads(self.simulator.decide(orjson.dumps(case)))
        then = tier_of(record["data"])
        if now["verdict"] == then:
            return
        wider = milder(now["verdict"], then)
        self.wider += wider
        self.stricter += not wider
        reasons = [
            {"code": each["code"], "rule": each.get("rule")}
            for each in now["reasons"][:REASONS_KEPT]
        ]
        row = {"id": case["id"], "agent": case["agent"], "at": case["at"], "then": then}
        row |= {"now": now["verdict"], "wider": wider, "reasons": reasons}
        self.differences.append(row)

    def skip_to(self, seq: int) -> None:
        """Leaves out the events before `seq`."""
        self.left_out += seq - self.seq
        self.seq = seq
        self.read.clear()


class Shadow:
    """The candidate in the file `shadow.toml`, which is looked at while the guardian runs.

    A file with a fault leaves the candidate before it in place, with words in the report.
    """

    def __init__(self, path: Path, core: Core, reader: Reader) -> None:
        self._path = path
        self._core = core
        self._reader = reader
        self._mark: Mark = None
        self._candidate: _Candidate | None = None
        self._error: str | None = None

    async def run(self) -> None:
        """Runs until cancelled, whatever is in the file or the journal."""
        while True:
            try:
                pause_s = await self._step()
            except JournalError as error:
                # Read again later: `behind` grows until then.
                log.warning("the shadow policy waits for the journal", error=str(error))
                pause_s = RETRY_S
            except Exception as error:  # noqa: BLE001 - nothing in a candidate may end the guardian
                self._candidate = None
                self._error = display_safe(f"the candidate was set aside: {error!r}", 500)
                log.error("the shadow policy was set aside", error=self._error)
                pause_s = LOOK_S
            await asyncio.sleep(pause_s)

    async def _step(self) -> float:
        """Looks at the file and does one slice of work; gives the pause after it in seconds."""
        mark = mark_of(self._path)
        if mark != self._mark:
            self._mark = mark
            await self._take(mark)
        candidate, size = self._candidate, self._core.durable_size
        if candidate is None or candidate.seq >= size:
            return LOOK_S
        if size - candidate.seq > BEHIND_MAX:
            candidate.skip_to(size - BEHIND_MAX)
        return PAUSES * await asyncio.to_thread(candidate.work, self._reader, size)

    async def _take(self, mark: Mark) -> None:
        if mark is None:
            self._candidate = self._error = None
            return
        try:
            self._candidate = await asyncio.to_thread(self._open, self._core.durable_size)
        except PolicyRejected as error:
            self._error = str(error.args[1])
            log.warning("the shadow policy was refused", error=self._error)
        else:
            self._error = None
            log.info("a shadow policy is tried", digest=self._candidate.digest)

    def _open(self, size: int) -> _Candidate:
        """The candidate of the file. Raises PolicyRejected."""
        text = read_private_text(self._path)
        first = _FROM.match(text)
        source = text[first.end() :] if first else text
        from_seq = min(int(first[1]), size) if first else size
        try:
            checked = orjson.loads(check_policy(source))
            simulator = Simulator(source, stateful=True)
        except PolicyError as error:
            line, column, code, words, _ = error.args[2][0]
            # As the file counts its lines.
            place = f"{self._path.name}:{line + bool(first)}:{column}"
            raise PolicyRejected(Code.POLICY_INVALID, f"{place}: {code}: {words}") from error
        name = display_safe(checked["name"], 128)
        return _Candidate(name, f"0x{checked['digest']}", simulator, from_seq, from_seq)

    def report(self) -> Json:
        """`{"candidate": {...}|null, "error": text|null, "differences": [...]}`, the newest last.

        A difference is `{id, agent, at, then, now, wider, reasons: [{code, rule}]}`.
        """
        found = self._candidate
        if found is None:
            return {"candidate": None, "error": self._error, "differences": []}
        names = ("name", "digest", "from_seq", "decided", "wider", "stricter", "passed_over")
        counts = {name: getattr(found, name) for name in (*names, "left_out")}
        counts["behind"] = max(0, self._core.durable_size - found.seq)
        return {
            "candidate": counts,
            "error": self._error,
            "differences": list(found.differences),
        }
