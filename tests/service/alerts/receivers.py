"""Where alerts arrive in the tests: a real HTTP server and a real SMTP server on loopback."""

import asyncio
import json
import threading
from collections.abc import Callable
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.smtp import SMTP

WAIT_S = 20.0


class Arrivals:
    """What arrived, in order; waits by condition, never by sleeping."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.items: list[dict[str, str]] = []
        self.attempts = 0

    def attempt(self) -> None:
        with self._changed:
            self.attempts += 1
            self._changed.notify_all()

    def add(self, title: str, body: str) -> None:
        with self._changed:
            self.items.append({"title": title, "body": body})
            self._changed.notify_all()

    def wait(self, enough: Callable[["Arrivals"], bool]) -> None:
        with self._changed:
            done = self._changed.wait_for(lambda: enough(self), WAIT_S)
        assert done, f"after {self.attempts} attempts only {self.items} arrived"

    def wait_for(self, count: int) -> list[dict[str, str]]:
        self.wait(lambda here: len(here.items) >= count)
        return self.items


class HttpReceiver:
    """Takes Apprise's `json://` messages; answers with `status`."""

    def __init__(self) -> None:
        self.arrivals = Arrivals()
        self.status = 200
        self.redirect_to: str | None = None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver._take(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"json://operator:opensesame@127.0.0.1:{self.port}/token-5ecret"

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        self.arrivals.attempt()
        body = json.loads(handler.rfile.read(int(handler.headers["content-length"])))
        handler.send_response(self.status)
        if self.redirect_to:
            handler.send_header("location", self.redirect_to)
        handler.send_header("content-length", "0")
        handler.end_headers()
        if self.status == 200:
            self.arrivals.add(body["title"], body["message"])

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class SmtpReceiver:
    """Takes mail for anybody."""

    def __init__(self) -> None:
        self.arrivals = Arrivals()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        server = self._loop.create_server(lambda: SMTP(self, loop=self._loop), "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(server, self._loop).result(WAIT_S)

    async def handle_DATA(  # noqa: N802 - the name aiosmtpd calls
        self, server: Any, session: Any, envelope: Any
    ) -> str:
        mail = message_from_bytes(envelope.content, policy=default)
        part = mail.get_body(preferencelist=("plain",))
        self.arrivals.add(mail["subject"], part.get_content() if part else "")
        return "250 OK"

    @property
    def url(self) -> str:
        port = self._server.sockets[0].getsockname()[1]
        return f"mailto://127.0.0.1:{port}?from=holdfast@example.org&to=operator@example.org"

    def stop(self) -> None:
        async def end() -> None:
            self._server.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(WAIT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
