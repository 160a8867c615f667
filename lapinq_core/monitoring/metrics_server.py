"""Serves metrics and probes of a program without an HTTP server: a worker or a scheduler.

It has its own threads, so it answers while a task blocks the event loop. It takes a few requests at once, each bounded
in time, and closes further connections unanswered.
"""

import json
import logging
import socket
import socketserver
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any

from lapinq_core.domain.errors import LapinqError
from lapinq_core.monitoring.metrics import Metrics
from lapinq_core.monitoring.probes import Probes
from lapinq_core.runtime.settings import Settings

MAX_AT_ONCE = 4
REQUEST_SECONDS = 5.0
POLL_SECONDS = 0.2
"""How long the end of the program waits for the server at most."""

log = logging.getLogger(__name__)


class CannotServeMetrics(LapinqError):
    """The metrics can't be served at that address."""


@contextmanager
def serving_metrics(settings: Settings, metrics: Metrics, probes: Probes) -> Generator[None]:
    """Serves `metrics` and `probes` while the context lasts, if `settings` say so. Raises `CannotServeMetrics`."""
    if settings.metrics_port is None:
        yield
        return
    server = _listen(settings.metrics_host, settings.metrics_port, metrics, probes)
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), name="metrics", daemon=True)
    thread.start()
    try:
        host, port = server.socket.getsockname()[:2]
        log.info("metrics at http://%s:%d/metrics", f"[{host}]" if ":" in host else host, port)
        yield
    finally:
        server.shutdown()
        server.server_close()


def _listen(host: str, port: int, metrics: Metrics, probes: Probes) -> "_Server":
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return _Server(family, address, metrics, probes)
    except OSError as error:
        why = error.strerror or str(error)
        raise CannotServeMetrics(
            f"can't serve metrics on port {port} of {host or 'any address'}: {why[:1].lower()}{why[1:]};"
            " choose another with --metrics-port, or --metrics-port 0 for a free one"
        ) from error


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, family: int, address: Any, metrics: Metrics, probes: Probes) -> None:
        self.address_family = family
        self.metrics = metrics
        self.probes = probes
        self._free = threading.BoundedSemaphore(MAX_AT_ONCE)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("a scrape failed", exc_info=True)  # noqa: LOG014  # called while the error is handled


class _Handler(BaseHTTPRequestHandler):
    timeout = REQUEST_SECONDS
    server_version = "lapinq"
    sys_version = ""

    def do_GET(self) -> None:  # the library looks for this name
        assert isinstance(self.server, _Server)
        probes = self.server.probes
        match self.path.partition("?")[0]:
            case "/metrics":
                self._answer(HTTPStatus.OK, *self.server.metrics.text(self.headers.get("Accept", "")))
            case "/livez":
                self._probe("ok", "stuck", probes.why_not_alive())
            case "/readyz":
                self._probe("ready", "unready", probes.why_not_ready())
            case _:
                self.send_error(HTTPStatus.NOT_FOUND, "here are /metrics, /livez and /readyz")

    def _probe(self, well: str, ill: str, reason: str | None) -> None:
        # As the API answers them.
        told = {"status": well} if reason is None else {"status": ill, "reason": reason}
        status = HTTPStatus.OK if reason is None else HTTPStatus.SERVICE_UNAVAILABLE
        self._answer(status, json.dumps(told).encode(), "application/json")

    def _answer(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815  # likewise

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's word
        """Logs no line for a scrape."""
