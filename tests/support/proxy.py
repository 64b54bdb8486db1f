"""A node between us and the real one.

It can lose, change or refuse what passes: real HTTP on a real socket.
"""

import json
import threading
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Hook = Callable[[dict[str, Any], Callable[[], bytes]], bytes | None]
BatchHook = Callable[[list[dict[str, Any]], list[bytes]], bytes | None]


class NodeProxy:
    """Forwards JSON-RPC to `upstream`, each call of a batch by itself.

    `hook(call, forward)` gives the answer's bytes, or None to cut the line; `batch_hook(calls,
    answers)` those of a batch.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.hook: Hook | None = None
        self.calls: list[dict[str, Any]] = []
        self.posts = 0
        self.batch_hook: BatchHook | None = None
        self.batch_status = 200
        self.headers: list[dict[str, str]] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                asked = json.loads(body)
                proxy.posts += 1
                many = isinstance(asked, list)
                answer = self.batch(asked) if many else self.one(asked)
                if answer is None:
                    self.close_connection = True
                    self.connection.close()
                    return
                self.send_response(proxy.batch_status if many else 200)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def batch(self, asked: list[dict[str, Any]]) -> bytes | None:
                answers = []
                for each in asked:
                    told = self.one(each)
                    if told is None:
                        return None
                    answers.append(told)
                if proxy.batch_hook:
                    return proxy.batch_hook(asked, answers)
                return b"[" + b",".join(answers) + b"]"

            def one(self, call: dict[str, Any]) -> bytes | None:
                proxy.calls.append(call)
                proxy.headers.append({name.lower(): self.headers[name] for name in self.headers})

                def forward() -> bytes:
                    request = urllib.request.Request(
                        proxy.upstream,
                        json.dumps(call).encode(),
                        headers={"content-type": "application/json"},
                    )
                    with urllib.request.urlopen(request, timeout=10) as response:
                        return bytes(response.read())

                return proxy.hook(call, forward) if proxy.hook else forward()

            def log_message(self, *_: Any) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: Any) -> None:
                return

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def sent(self) -> list[str]:
        """The raw transactions that passed, in order."""
        return [
            call["params"][0] for call in self.calls if call["method"] == "eth_sendRawTransaction"
        ]

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def result(call: dict[str, Any], value: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": value}).encode()


def error(call: dict[str, Any], code: int, message: str) -> bytes:
    told = {"code": code, "message": message}
    return json.dumps({"jsonrpc": "2.0", "id": call["id"], "error": told}).encode()
