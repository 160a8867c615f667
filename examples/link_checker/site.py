"""A small local site to check, with good pages and many kinds of broken ones."""

import socket
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_SLOW_SECONDS = 0.5
_HANG_SECONDS = 60.0

_PAGES = {
    "/": ["/garden/", "/kitchen.html", "/news/1.html", "old-address", "/old-shop", "/logo.png"],
    "/garden/": ["../", "carrots.html", "beans.html#sowing", "/garden/turnips.html", "/garden#top"],
    "/garden/carrots.html": ["./", "beans.html", "/film.bin", "mailto:gardener@example.org"],
    "/garden/beans.html": ["carrots.html", "/slow/1.html", "/slow/2.html", "/flaky.html"],
    "/kitchen.html": ["/", "/round/1", "/closed.html", "/hangs.html", "/gone.html"],
    "/news/1.html": ["2.html", "http://127.0.0.1:{closed_port}/", "http://127.0.0.1:port/"],
    "/news/2.html": ["1.html", "3.html", "/garden/turnips.html"],
    "/slow/1.html": ["/"],
    "/slow/2.html": ["/slow/1.html"],
    "/flaky.html": ["/overloaded.html"],
}
_REDIRECTS = {
    "/garden": "/garden/",
    "/old-address": "/kitchen.html",
    "/old-shop": "/shop.html",
    "/round/1": "/round/2",
    "/round/2": "/round/1",
}
_FAILURES = {
    "/closed.html": HTTPStatus.FORBIDDEN,
    "/gone.html": HTTPStatus.GONE,
    "/overloaded.html": HTTPStatus.SERVICE_UNAVAILABLE,
}
_FILES = {"/logo.png": "image/png", "/film.bin": "application/octet-stream"}


class Site(ThreadingHTTPServer):
    """`visits` counts the requests for each path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.visits: Counter[str] = Counter()
        self.closing = threading.Event()
        self._unused = socket.socket()  # bound but not listening, so connections are refused
        self._unused.bind(("127.0.0.1", 0))

    @property
    def url(self) -> str:
        """The address of the first page."""
        return f"http://127.0.0.1:{self.server_port}/"

    @property
    def closed_port(self) -> int:
        """A port that refuses connections."""
        return self._unused.getsockname()[1]

    def server_close(self) -> None:
        """Also release the unused port."""
        super().server_close()
        self._unused.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore visitors that hang up: this site expects them."""


@contextmanager
def local_site() -> Generator[Site]:
    """Serve the site on a free port until the end of the block."""
    with Site() as site:
        serving = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        try:
            yield site
        finally:
            site.closing.set()
            site.shutdown()
            serving.join()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = self.path
        self._site.visits[path] += 1
        if path == "/hangs.html":
            self._site.closing.wait(_HANG_SECONDS)
        elif path == "/flaky.html" and self._site.visits[path] < 3:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE)
        elif path in _REDIRECTS:
            self._answer(HTTPStatus.MOVED_PERMANENTLY, {"Location": _REDIRECTS[path]})
        elif path in _FAILURES:
            self._answer(_FAILURES[path])
        elif path in _FILES:
            self._answer(HTTPStatus.OK, {"Content-Type": _FILES[path]}, b"\0" * 1_000_000)
        elif path in _PAGES:
            if path.startswith("/slow/"):
                self._site.closing.wait(_SLOW_SECONDS)
            self._answer(
                HTTPStatus.OK,
                {"Content-Type": "text/html; charset=utf-8"},
                _page(path, self._site.closed_port),
            )
        else:
            self._answer(HTTPStatus.NOT_FOUND)

    def _answer(self, status: HTTPStatus, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing: the report has all the results."""

    @property
    def _site(self) -> Site:
        assert isinstance(self.server, Site)
        return self.server


def _page(path: str, closed_port: int) -> bytes:
    links = [link.format(closed_port=closed_port) for link in _PAGES[path]]
    items = "".join(f'<li><a href="{link}">{link}</a></li>' for link in links)
    return f"<!doctype html><title>{path}</title><h1>{path}</h1><ul>{items}</ul>".encode()
