"""A real local chat endpoint that behaves, or misbehaves in one of many ways, as told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def completion(text: str) -> bytes:
    """The body of a chat completion that says `text`."""
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}], "usage": {"total_tokens": 42}}).encode()


@dataclass
class Endpoint:
    """What the server shall do: replies are used one after the other, the last one for ever.

    A reply is (status, body, delay before it in s, pause between its bytes in s).
    """

    replies: list[tuple[int, bytes, float, float]]
    requests: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""


@contextmanager
def chat_server(*replies: bytes | tuple[int, bytes, float, float]) -> Iterator[Endpoint]:
    """Serve `POST /v1/chat/completions` on a free local port."""
    endpoint = Endpoint([r if isinstance(r, tuple) else (200, r, 0.0, 0.0) for r in replies])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            endpoint.requests.append(json.loads(self.rfile.read(int(self.headers["content-length"]))) | {"path": self.path})
            status, body, delay, drip = endpoint.replies[min(len(endpoint.requests), len(endpoint.replies)) - 1]
            time.sleep(delay)
            try:
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                for k in range(0, len(body), 1 if drip else len(body) or 1):
                    self.wfile.write(body[k : k + (1 if drip else len(body))])
                    self.wfile.flush()
                    time.sleep(drip)
            except OSError:
                return  # the client hung up, as it should

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
