"""What an operator client may ask for (docs/architecture.md, 7).

Only `command` needs a key; the core checks it.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import orjson

from holdfast import __version__
from holdfast.codes import Code
from holdfast.secrets.authority import SignedCommand
from holdfast.service.facts.gather import FactSources
from holdfast.service.guardian.clock_watch import ClockWatch
from holdfast.service.guardian.core import Core, Sealed
from holdfast.service.guardian.freeze_file import FreezeFile
from holdfast.service.guardian.policy_file import POLICY_BYTES_MAX, PolicyFile, PolicyRejected
from holdfast.service.guardian.waiting import Waiting
from holdfast.service.home.folder import Home
from holdfast.service.journal.interface import Reader
from holdfast.service.journal.signed_notes import LogIdentity
from holdfast.service.operator_api.brief import pushed
from holdfast.service.operator_api.chain_methods import ChainMethods
from holdfast.service.operator_api.descriptors import Descriptors
from holdfast.service.operator_api.health import Health, SignedConfig
from holdfast.service.operator_api.params import integer, objects, text
from holdfast.service.operator_api.socket import Method, OperatorConnection, Params, Refused
from holdfast.service.operator_api.stream import Stream
from holdfast.service.runtime.errors import ConfigError
from holdfast.service.runtime.event import Record, kind_of, parse, tier_of

EVENTS_MAX = 1_000
OPERATORS_MAX = 16
BACKLOG_MAX = 1_000
HISTORY_MAX = 200
DIGEST = re.compile(r"0x[0-9a-f]{64}")
# One line of an answer, and one page of events.
LINE_BYTES_MAX = 256 * 1024
PAGE_BYTES_MAX = 4 * 1024 * 1024
# Views made in one turn of the loop.
VIEWS_A_TURN = 32
TEXT_CHARS_MAX = 500
# The signed bytes themselves are the agent's, and for a held request no one's.
HIDDEN = ("raw", "signature")
# That an answer arrived where it was expected is no news of its request.
NO_HISTORY = frozenset({b"answers.delivered"})

Json = dict[str, Any]


class OperatorMethods:
    """The methods, by name in `table`."""

    def __init__(
        self,
        core: Core,
        stream: Stream,
        reader: Reader,
        policy: PolicyFile,
        freeze_file: FreezeFile,
        home: Home,
        identity: LogIdentity,
        operators: list[Json],
        health: Health,
        configs: SignedConfig,
        descriptors: Descriptors,
        facts: FactSources,
        waiting: Waiting,
        clock: ClockWatch,
    ) -> None:
        self._core = core
        self._waiting = waiting
        self._facts = facts
        self._clock = clock
        self._stream = stream
        self._reader = reader
        self._policy = policy
        self._configs = configs
        self._freeze_file = freeze_file
        self._home = home
        self._identity = identity
        self._operators = operators
        self._health = health
        self._descriptors = descriptors
        self._sources: dict[str, str] = {}
        self.table: dict[str, Method] = {
            "hello": self._hello,
            "status": self._status,
            "subscribe": self._subscribe,
            "request": self._request,
            "grants": self._grants,
            "limits": self._limits,
            "policy": self._policy_text,
            "command": self._command,
            "freeze": self._freeze,
            "events": self._events,
            "decide": self._decide,
            "reload": self._reload,
            "apply": self._apply,
            "alerts": self._alert_report,
            "shadow": self._shadow,
            "prices": self._prices,
            "clock": self._clock_report,
            **ChainMethods(core, health).table,
        }

    async def _hello(self, _: OperatorConnection, _params: Params) -> Json:
        return {
            "version": __version__,
            "guardian": self._identity.key.hex(),
            "origin": self._identity.origin,
            "seq": self._core.durable_size - 1,
            "home": str(self._home.path),
            "operators": self._operators,
        }

    async def _status(self, _: OperatorConnection, _params: Params) -> Json:
        return self.status()

    def status(self) -> Json:
        """What the core knows, and what only the service does."""
        status: Json = orjson.loads(self._core.guard.status(self._core.clock.now_ms()))
        status |= {
            "seq": self._core.durable_size - 1,
            "now_ms": self._core.clock.now_ms(),
            "sealed": self._core.sealed,
            "health": self._health.report(),
        }
        if isinstance(status.get("policy"), dict):
            status["policy"]["alarm"] = self._policy.alarm
        shadow = self._health.shadow_report()
        status["shadow"] = {name: shadow[name] for name in ("candidate", "error")}
        status["config"] = {**(status.get("config") or {}), "alarm": self._configs.alarm}
        connections, sockets = self._health.connections(), self._health.sockets()
        for agent in status.get("agents", []):
            agent["connections"] = connections.get(agent["id"], 0)
            agent["socket"] = sockets.get(agent["id"])
        return status

    async def _subscribe(self, connection: OperatorConnection, params: Params) -> Json:
        """The state as of event `seq`, once that is durable.

        Then every event after it (or after `from_seq`).
        """
        if connection.subscriber is not None:
            raise Refused("subscribed", "this connection is already subscribed")
        size = self._core.guard.size
        from_seq = integer(params, "from_seq", size - 1)
        backlog = min(integer(params, "backlog", 0), BACKLOG_MAX)
        status = self.status()
        limits = orjson.loads(self._core.guard.limits(None, self._core.clock.now_ms()))
        # Views made in later turns may be newer than `size`: the events after it lead there again.
        requests = _lines(await self._requests(backlog))
        rows = _lines([orjson.dumps(row) for row in limits])
        if self._core.sealed is None:
            await self._core.durable()
        else:
            size = self._core.durable_size
        if connection.subscriber is not None:
            raise Refused("subscribed", "this connection is already subscribed")
        for name, lines in (("requests", requests), ("limits", rows)):
            for line in lines[:-1]:
                connection.write(b'{"part":{"%b":[%b]}}\n' % (name.encode(), line))
        snapshot = {
            "status": status,
            "requests": orjson.Fragment(b"[%b]" % requests[-1]),
            "limits": orjson.Fragment(b"[%b]" % rows[-1]),
        }
        # The answer is written by the caller before the loop's next turn, and so before any event.
        connection.subscriber = self._stream.subscribe(
            min(from_seq + 1, size), connection.write, connection.drop
        )
        return {"snapshot": snapshot, "seq": size - 1}

    async def _requests(self, backlog: int) -> list[bytes]:
        guard = self._core.guard
        still_open = guard.open_requests()
        known = set(still_open)
        ended = [each for each in self._stream.recent_requests(BACKLOG_MAX) if each not in known]
        newest = ended[-backlog:] if backlog else []
        views = []
        for number, name in enumerate([*newest, *still_open], 1):
            view = guard.request_listed(name)
            if view is not None:
                views.append(self._with_waits(name, view) if name in known else view)
            if number % VIEWS_A_TURN == 0:
                await asyncio.sleep(0)
        return views

    def _with_waits(self, request_id: str, view: bytes) -> bytes:
        waits = orjson.dumps(self._waiting.of(self._core.guard, request_id))
        return view[:-1] + b',"waits":%b}' % waits

    async def _request(self, _: OperatorConnection, params: Params) -> Json:
        request_id = text(params, "id")
        raw = self._core.guard.request(request_id)
        if raw is None or not request_id[1:].isdigit():
            raise Refused(Code.REQUEST_UNKNOWN, f"there is no request {request_id[:32]!r}")
        view = _shown(raw)
        view["waits"] = self._waiting.of(self._core.guard, request_id)
        born, size = int(request_id[1:]), self._core.guard.size
        # The view runs ahead of the disk; its state is shown with the event that led to it.
        try:
            await self._core.durable()
        except Sealed:
            if self._core.durable_size < size:
                raise
        records = await asyncio.to_thread(self._reader.about, request_id, born, HISTORY_MAX)
        rows = [_history(parse(each)) for each in records if kind_of(each) not in NO_HISTORY]
        view["history"] = [row for row in rows if row["seq"] < size]
        view["descriptor"] = self._descriptors.claim(view)
        return view

    async def _shadow(self, _: OperatorConnection, _params: Params) -> Json:
        return self._health.shadow_report()

    async def _grants(self, _: OperatorConnection, _params: Params) -> Json:
        now_ms = self._core.clock.now_ms()
        return {"now_ms": now_ms, "grants": orjson.loads(self._core.guard.grants(now_ms))}

    async def _limits(self, _: OperatorConnection, params: Params) -> list[Json]:
        agent = params.get("agent")
        if agent is not None and not isinstance(agent, str):
            raise Refused(Code.MALFORMED, "`agent` must be a string")
        found: list[Json] = orjson.loads(self._core.guard.limits(agent, self._core.clock.now_ms()))
        return found

    async def _policy_text(self, _: OperatorConnection, params: Params) -> Json:
        """The text of a policy, by default the one in force: a reader proves it by its digest."""
        found = self.status()["policy"]
        digest = text(params, "digest", default=str(found["digest"] or ""))
        if not DIGEST.fullmatch(digest):
            raise Refused(Code.MALFORMED, "`digest` must be 0x and 64 hex digits")
        source = self._sources.get(digest)
        if source is None:
            record = await asyncio.to_thread(self._reader.policy_record, digest)
            if record is None:
                raise Refused("policy_unknown", f"no policy with the digest {digest} was in force")
            source = str(parse(record)["data"]["source"])
            self._sources = {digest: source, **dict(list(self._sources.items())[:3])}
        return {"digest": digest, "source": source, "in_force": digest == found["digest"]}

    async def _command(self, _: OperatorConnection, params: Params) -> Json:
        payload = text(params, "payload", chars_max=16_384)
        try:
            signature = bytes.fromhex(text(params, "signature").removeprefix("0x"))
        except ValueError:
            raise Refused(Code.MALFORMED, "`signature` must be hex") from None
        applied = self._core.command(payload.encode(), signature)
        size = self._core.guard.size
        await self._core.durable()
        result: Json = {"applied": True, "seq": size - 1}
        if applied.status:
            result["state"] = applied.status
        return result

    async def _freeze(self, _: OperatorConnection, params: Params) -> Json:
        """Acknowledged once it is on disk.

        When sealed, nothing can be signed; the file keeps it so at the next start.
        """
        scope = orjson.dumps(params.get("scope"))
        reason = text(params, "reason", chars_max=TEXT_CHARS_MAX, default="")
        actor = text(params, "actor", chars_max=TEXT_CHARS_MAX, default="operator")
        if self._core.sealed is not None:
            try:
                self._freeze_file.drop(f"{actor}: {reason}")
            except OSError as error:
                raise Refused(
                    Code.SEALED,
                    f"{self._core.sealed}; a freeze for that time cannot be stored: {error}",
                ) from error
            return {"freeze": None, "sealed": self._core.sealed}
        applied = self._core.freeze(scope, reason, actor)
        self._core.flush()
        await self._core.durable()
        frozen = [parse(each.record) for each in applied.events if each.kind == "freeze.set"]
        return {"freeze": frozen[0]["seq"] if frozen else None}

    async def _events(self, _: OperatorConnection, params: Params) -> Json:
        count = min(integer(params, "count", EVENTS_MAX), EVENTS_MAX)
        brief = params.get("brief", False) is True
        records = self._reader.page(integer(params, "from_seq", 0), count, PAGE_BYTES_MAX)
        shown = map(pushed, records) if brief else records
        return {"events": [orjson.Fragment(record) for record in shown]}

    async def _decide(self, _: OperatorConnection, params: Params) -> object:
        inner = orjson.dumps(params.get("params", []))
        agent = text(params, "agent")
        method = text(params, "method")
        facts = await self._facts.of_call(agent, method, inner)
        answer = self._core.check(agent, method, inner, facts)
        return orjson.Fragment(answer)

    async def _reload(self, _: OperatorConnection, _params: Params) -> Json:
        try:
            return {"digest": await self._policy.reload("operator")}
        except PolicyRejected as error:
            raise Refused(error.args[0], error.args[1]) from error

    async def _apply(self, _: OperatorConnection, params: Params) -> Json:
        """A policy, or the parts of a configuration that reach outside, signed by an operator."""
        kind = text(params, "kind")
        source = text(params, "source", chars_max=POLICY_BYTES_MAX)
        signed, also = _signed(params), objects(params, "also", most=OPERATORS_MAX)
        others = [_signed(each) for each in also]
        try:
            if kind == "policy":
                return await self._policy.apply(source, signed, "operator", others)
            if kind == "config" and not others:
                return await self._configs.apply(self._core, source, signed)
        except (PolicyRejected, ConfigError) as error:
            code = error.args[0] if isinstance(error, PolicyRejected) else "config_invalid"
            raise Refused(code, error.args[-1]) from error
        raise Refused(Code.MALFORMED, "`kind` is policy, or config without `also`")

    async def _alert_report(self, _: OperatorConnection, _params: Params) -> Json:
        return self._health.alert_report()

    async def _prices(self, _: OperatorConnection, _params: Params) -> list[Json]:
        return self._facts.prices.report()

    async def _clock_report(self, _: OperatorConnection, _params: Params) -> Json:
        return await self._clock.report()


def _signed(params: Params) -> SignedCommand:
    signed = SignedCommand(text(params, "payload", chars_max=16_384), text(params, "signature"))
    try:
        bytes.fromhex(signed.signature.removeprefix("0x"))
    except ValueError:
        raise Refused(Code.MALFORMED, "`signature` must be hex") from None
    return signed


def _shown(view: bytes) -> Json:
    shown: Json = orjson.loads(view)
    for key in HIDDEN:
        shown.pop(key, None)
    return shown


def _lines(rows: list[bytes]) -> list[bytes]:
    """Rows joined by commas, as few times as they fit into a line; at least one, maybe empty."""
    lines: list[list[bytes]] = [[]]
    size = 0
    for row in rows:
        if lines[-1] and size + len(row) > LINE_BYTES_MAX:
            lines.append([])
            size = 0
        lines[-1].append(row)
        size += len(row) + 1
    return [b",".join(line) for line in lines]


def _history(record: Record) -> Json:
    data = record["data"]
    words = [tier_of(data)] + [
        data.get(key) for key in ("outcome", "by", "why", "code", "text", "hash", "reason")
    ]
    order = data.get("order")
    if record["kind"] == "request.replaced" and isinstance(order, dict):
        words.append(f"nonce {order['nonce']}, {order['max_fee_per_gas']} wei per gas")
    said = " ".join(str(word) for word in words if word)
    return {"seq": record["seq"], "at": record["at"], "kind": record["kind"], "text": said}
