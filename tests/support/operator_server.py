"""A guardian's operator socket that replays recorded protocol lines.

A real Unix socket, scripted words.

It stands for what the daemon writes on the wire, never for the console's own parts.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from pathlib import Path
from typing import Any

Json = dict[str, Any]


# Members of a view that events change.
PROGRESS = (
    "approvals", "cancelling", "earlier", "fee_per_gas", "frozen_by", "hash", "id", "nonce",
    "outcome", "priority_fee_per_gas", "quorum", "released", "since", "state",
)  # fmt: skip
STATES = {
    "request.authorised": "authorised",
    "request.denied": "denied",
    "request.expired": "expired",
    "request.reopened": "authorising",
    "request.sent": "sent",
    "request.signed": "signed",
}
LATER_MAX = 100


def progress(view: Json, as_of: int) -> Json:
    """The row that is pushed of a request."""
    return {"as_of": as_of} | {name: view[name] for name in PROGRESS if name in view}


def _covers(scope: Json, view: Json) -> bool:
    return scope["kind"] == "everything" or scope.get("id") in (view["agent"], view["wallet"])


class OperatorServer:
    """Serves one recorded scene at `<home>/run/operator.sock` and keeps what clients asked."""

    def __init__(self, home: Path, scene: Path) -> None:
        self.home = home
        recorded = json.loads(scene.read_text("utf-8"))
        self.hello: Json = recorded["hello"]
        self.snapshot: Json = recorded["snapshot"]
        self.seq: int = recorded["seq"]
        self.limits: list[Json] = recorded["limits"]
        lines = scene.with_suffix(".events.jsonl").read_text("utf-8").splitlines()
        # A scene's line is what was pushed; the journal has the event alone.
        pushed = [json.loads(line) for line in lines]
        self.events: list[Json] = [
            {name: value for name, value in each.items() if name != "requests"} for each in pushed
        ]
        self.asked: list[tuple[str, Json]] = []
        self._later: deque[Json] = deque(maxlen=LATER_MAX)
        self.quote: Json = {}
        self.refuse: dict[str, tuple[str, str]] = {}
        self.silent: set[str] = set()
        self.subscribers: set[asyncio.StreamWriter] = set()
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def path(self) -> Path:
        return self.home / "run" / "operator.sock"

    async def start(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, str(self.path), limit=1 << 22)

    async def stop(self) -> None:
        """Closes the socket and every connection, as a daemon that dies."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._open):
            writer.close()
        if self._server is not None:
            await self._server.wait_closed()
        self._server = None
        self.path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while line := await reader.readline():
                await self._answer(json.loads(line), writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(writer)
            self.subscribers.discard(writer)
            writer.close()

    async def _answer(self, call: Json, writer: asyncio.StreamWriter) -> None:
        method, params = call["method"], call.get("params") or {}
        self.asked.append((method, params))
        if method in self.silent:
            return
        if method in self.refuse:
            code, text = self.refuse[method]
            self._send(writer, {"id": call["id"], "error": {"code": code, "text": text}})
            return
        self._send(writer, {"id": call["id"], "result": self._result(method, params)})
        if method == "subscribe":
            self.subscribers.add(writer)
            resume = params.get("from_seq")
            for record in self.events:
                if resume is not None and record["seq"] > resume:
                    self._send(writer, {"event": record})
        await writer.drain()

    def _result(self, method: str, params: Json) -> Any:
        if method == "hello":
            return self.hello
        if method == "subscribe":
            return {"snapshot": self.snapshot, "seq": self.seq}
        if method == "events":
            start, count = params["from_seq"], params["count"]
            rows = [record for record in self.events if record["seq"] >= start]
            return {"events": rows[:count]}
        if method == "limits":
            return {"limits": self.limits}
        if method == "request":
            return self.view(params["id"])
        if method == "fees":
            return self.quote
        if method == "freeze":
            return {"freeze": self.seq + 1}
        return {"applied": True, "seq": self.seq + 1}

    def view(self, ident: str) -> Json:
        """The snapshot's view of a request with the history its events tell."""
        history = [
            {"seq": e["seq"], "at": e["at"], "kind": e["kind"], "text": ""}
            for e in self.events
            if (e["data"] or {}).get("id") == ident
        ]
        for view in self.snapshot["requests"]:
            if view["id"] == ident:
                return {**view, "history": history}
        decided = [
            e["data"]
            for e in self.events
            if e["kind"] == "request.decided" and e["data"]["id"] == ident
        ]
        return {**decided[0], "history": history} if decided else {"id": ident, "state": "denied"}

    @staticmethod
    def _send(writer: asyncio.StreamWriter, message: Json) -> None:
        writer.write(json.dumps(message, ensure_ascii=False).encode() + b"\n")

    def push(self, message: Json) -> None:
        """A push to every subscriber."""
        for writer in self.subscribers:
            self._send(writer, message)

    def push_event(self, kind: str, data: Json, at: int | None = None) -> Json:
        """A new event of the guardian, recorded and pushed."""
        self.seq += 1
        when = at if at is not None else self.snapshot["status"]["now_ms"]
        record = {"at": when, "data": data, "kind": kind, "seq": self.seq, "v": 1}
        self.events.append(record)
        rows = [progress(view, self.seq) for view in self._changed(kind, data, when)]
        self.push({"event": record, **({"requests": rows} if rows else {})})
        return record

    def _changed(self, kind: str, data: Json, at: int) -> list[Json]:
        """The views that the event changes, changed as the guardian would."""
        if kind == "request.decided":
            self._later.append(dict(data))
            return [{**data, "since": at}]
        changed = []
        for view in [*self.snapshot["requests"], *self._later]:
            before = view["state"]
            if view["id"] == data.get("id"):
                self._change(view, kind, data)
            elif kind == "freeze.set" and _covers(data["scope"], view):
                ended = view["id"] in data.get("ended", [])
                view |= {"frozen_by": data["freeze"], "state": "frozen" if ended else before}
            else:
                continue
            changed.append(view if view["state"] == before else {**view, "since": at})
        return changed

    @staticmethod
    def _change(view: Json, kind: str, data: Json) -> None:
        view.update({name: data[name] for name in ("approvals", "quorum", "hash") if name in data})
        order = data.get("order") or {}
        if "max_fee_per_gas" in order:
            view["nonce"] = order["nonce"]
            view["fee_per_gas"] = order["max_fee_per_gas"]
            view["priority_fee_per_gas"] = order["max_priority_fee_per_gas"]
        if kind == "request.settled":
            view["state"] = view["outcome"] = data["outcome"]
        elif kind != "request.signed" or view["state"] != "sent":
            view["state"] = STATES.get(kind, view["state"])

    def push_health(self, now_ms: int, **members: Any) -> None:
        """A health push; members stay for the next ones."""
        kept = self.snapshot["status"]["health"]
        kept.update(members)
        health = {**kept, "now_ms": now_ms}
        self.push({"health": health})
