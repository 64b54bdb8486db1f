"""JSON-RPC over HTTP to one node that the operator chose.

Bounded answers, bounded time, no redirects, no proxies.

aiohttp takes a moment to import, so it is loaded at the first call and not with this module.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from importlib import import_module
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from holdfast.service.chain.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import ClientSession, Payload

ANSWER_BYTES_MAX = 8 << 20
CONNECTIONS_MAX = 64
CHUNK_BYTES = 1 << 16
SIMULATE = ("off", "when-possible", "required")
# How long a call of the guardian's own waits where calls are limited.
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """One `[[endpoint]]` of config.toml.

    A node of a chain, when a payment there is final, and whether calls are simulated there before
    they are signed (`SIMULATE`). `calls_per_second` 0 is no limit. A `private` one is a relay: it
    gets what a rule sends by `route = "private"`, and is asked nothing else. `token` is the content
    of `token_file`; it goes to the node in the header `token_header` and nowhere else.
    """

    chain: int
    rpc_url: str = field(repr=False)
    confirmations: int = 1
    poll_ms: int = 500
    timeout_ms: int = 5000
    simulate: str = "when-possible"
    calls_per_second: int = 0
    private: bool = False
    token_file: str = ""
    token_header: str = "authorization"  # noqa: S105 - the header's name
    token: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """As it is shown. A path or a query often is a key of the provider's, so never those."""
        parts = urlsplit(self.rpc_url)
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")

    @property
    def headers(self) -> dict[str, str]:
        """What goes to the node with every call."""
        found = {"content-type": "application/json"}
        if self.token:
            bearer = self.token_header.lower() == "authorization" and " " not in self.token
            found[self.token_header] = f"Bearer {self.token}" if bearer else self.token
        return found


class RpcError(Exception):
    """The node answered with an error.

    `code`, and `text` as it came (untrusted: never shown as it is).
    """

    def __init__(self, code: int, text: str, data: Any = None) -> None:
        super().__init__(f"the node answered with error {code}")
        self.code = code
        self.text = text
        self.data = data


class EndpointDown(Exception):
    """No usable answer. `not_sent`: the question surely never reached the node."""

    def __init__(self, text: str, *, not_sent: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.not_sent = not_sent


class EndpointBusy(EndpointDown):
    """Its `calls_per_second` are used up for longer than the caller waits: the node is well."""


class EndpointRefused(EndpointDown):
    """It answered with an HTTP status instead of JSON-RPC: it did not carry the question out."""


class Stopped(EndpointDown):
    """What was to leave may leave no more, and nothing of it did: the node is well."""

    def __init__(self) -> None:
        super().__init__("stopped before it was sent", not_sent=True)


class Endpoint:
    """One node. Calls may overlap; each stands alone and is never repeated here."""

    def __init__(self, settings: EndpointSettings) -> None:
        self.settings = settings
        self.name = settings.name
        self._pace = Pace(settings.calls_per_second) if settings.calls_per_second else None
        self._session: ClientSession | None = None
        self._ids = count(1)
        self._opening = asyncio.Lock()
        self._on_connect: list[Callable[[], None]] = []

    def on_connect(self, callback: Callable[[], None]) -> None:
        """Calls `callback()` for every new connection: another node may be behind it."""
        self._on_connect.append(callback)

    async def call(
        self,
        method: str,
        params: list[Any],
        patience_s: float = PATIENCE_SECONDS,
        still: Callable[[], bool] | None = None,
    ) -> Any:
        """The result, any JSON, after at most `patience_s` in line where calls are limited.

        `still()` is asked at the last moment: Stopped is raised, and nothing leaves, unless it says
        so. Raises RpcError or EndpointDown.
        """
        await self._turn(patience_s)
        question = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        return result_of(self.name, await self.exchange(question, still))

    async def exchange(self, value: Any, still: Callable[[], bool] | None = None) -> Any:
        """Posts a JSON value as it is, and gives the JSON that comes back; `still` as in `call`.

        Raises EndpointDown.
        """
        if self._session is None:
            await self._open()
        body = orjson.dumps(value)
        try:
            # orjson bounds the depth of what it reads.
            answer = await (self._post(body) if still is None else self._post_while(body, still))
            return orjson.loads(answer)
        except ValueError as error:
            raise EndpointDown(
                f"{self.name} answered with invalid JSON ({type(error).__name__})"
            ) from None

    async def _turn(self, patience_s: float) -> None:
        if self._pace is None:
            return
        wait = self._pace.turn(time.monotonic(), patience_s)
        if wait is None:
            each = self.settings.calls_per_second
            raise EndpointBusy(
                f"{self.name} has reached its limit of {each} calls per second", not_sent=True
            )
        if wait:
            await asyncio.sleep(wait)

    async def close(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()
        self._session = None

    async def _open(self) -> None:
        async with self._opening:
            if self._session is None:
                # The import holds the interpreter for a while: not on the loop.
                await asyncio.to_thread(import_module, "aiohttp")
                self._session = self._new_session()

    def _new_session(self) -> ClientSession:
        import aiohttp

        async def connected(*_: Any) -> None:
            for callback in self._on_connect:
                callback()

        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(connected)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX),
            timeout=aiohttp.ClientTimeout(total=self.settings.timeout_ms / 1000),
            trace_configs=[trace],
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def _post_while(self, body: bytes, still: Callable[[], bool]) -> bytes:
        from holdfast.service.chain.last_word import Revocable

        leaving = Revocable(body, still)
        try:
            return await self._post(leaving)
        except EndpointDown:
            if leaving.called_back:
                raise Stopped from None
            raise

    async def _post(self, body: bytes | Payload) -> bytes:
        import aiohttp

        if self._session is None:
            raise EndpointDown("the endpoint is closed", not_sent=True)
        try:
            async with self._session.post(
                self.settings.rpc_url,
                data=body,
                headers=self.settings.headers,
                allow_redirects=False,
            ) as response:
                if 300 <= response.status < 400:
                    raise EndpointDown(
                        f"{self.name} redirects elsewhere; redirects are not followed"
                    )
                answer = await self._read(response)
                if response.status != 200 and not _is_error_object(answer):
                    raise _of_status(self.name, response.status)
                return answer
        except aiohttp.ClientConnectorError as error:
            raise EndpointDown(
                f"{self.name} cannot be reached ({type(error.os_error).__name__})", not_sent=True
            ) from None
        except TimeoutError:
            raise EndpointDown(
                f"{self.name} did not answer within {self.settings.timeout_ms} ms"
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            raise EndpointDown(
                f"the connection to {self.name} broke ({type(error).__name__})"
            ) from None

    async def _read(self, response: Any) -> bytes:
        answer = bytearray()
        async for chunk in response.content.iter_chunked(CHUNK_BYTES):
            answer += chunk
            if len(answer) > ANSWER_BYTES_MAX:
                raise EndpointDown(f"{self.name} answered with more than {ANSWER_BYTES_MAX} bytes")
        return bytes(answer)


def result_of(name: str, answer: Any) -> Any:
    """The result in a node's answer object.

    Raises RpcError for an error in it, and EndpointDown if it is no answer.
    """
    if not isinstance(answer, dict):
        raise EndpointDown(f"{name} answered with no JSON-RPC object")
    if answer.get("error") is not None:
        raise _rpc_error(answer["error"])
    if "result" not in answer:
        raise EndpointDown(f"{name} answered with neither result nor error")
    return answer["result"]


def _of_status(name: str, status: int) -> EndpointDown:
    text = f"{name} answered with HTTP status {status}"
    # A node that is overloaded or broken may have begun; the other statuses are about the post.
    refused = 400 <= status < 500 and status not in (408, 429)
    return EndpointRefused(text) if refused else EndpointDown(text)


def _is_error_object(answer: bytes) -> bool:
    try:
        value = orjson.loads(answer)
    except ValueError:
        return False
    return isinstance(value, dict) and isinstance(value.get("error"), dict)


def _rpc_error(error: Any) -> RpcError:
    if not isinstance(error, dict):
        return RpcError(0, str(error)[:1000])
    code = error.get("code")
    number = code if isinstance(code, int) and not isinstance(code, bool) else 0
    return RpcError(number, str(error.get("message", ""))[:1000], error.get("data"))
