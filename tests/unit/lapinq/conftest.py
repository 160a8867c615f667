"""An HTTP server that records what it is asked and answers what the test says."""

import json
import socket
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

TASK_ID = "0198f3c2-7a10-7000-8000-000000000001"


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    json: Any
    client_port: int


@dataclass
class Script:
    """`answers` are given in their order; with none left, a task is accepted."""

    url: str
    requests: list[Request] = field(default_factory=list[Request])
    answers: deque[tuple[int, Any, dict[str, str]]] = field(
        default_factory=deque[tuple[int, Any, dict[str, str]]]
    )

    def answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        self.answers.append((status, body, headers or {}))

    def answer_result(self, result: str) -> None:
        self.answer(200, finished(result))


def finished(result: str) -> dict[str, Any]:
    return {
        "id": TASK_ID,
        "status": "completed",
        "result": result,
        "error": None,
        "completed_at": "2026-01-01T00:00:00+00:00",
    }


@pytest.fixture
def nobody() -> Iterator[str]:
    """A URL where nobody listens, and nobody else can begin to."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def server() -> Iterator[Script]:
    script = Script("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet

        def do_POST(self) -> None:
            self._record_and_answer()

        def do_GET(self) -> None:
            self._record_and_answer()

        def do_DELETE(self) -> None:
            self._record_and_answer()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            pass

        def _record_and_answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(content) if content else None
            port: int = self.client_address[1]
            script.requests.append(Request(self.command, self.path, headers, body, port))
            status, answer, extra = (
                script.answers.popleft() if script.answers else (201, {"task_id": TASK_ID}, {})
            )
            text = answer if isinstance(answer, str) else json.dumps(answer)
            self.send_response(status)
            for name, value in extra.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        listening.block_on_close = False
        script.url = f"http://127.0.0.1:{listening.server_port}"
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield script
        finally:
            listening.shutdown()
            thread.join()
