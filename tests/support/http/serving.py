"""An application behind real HTTP: under uvicorn in a thread of this process, on a free port."""

import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp

from lapinq_api.serving.connection_limits import ConnectionLimits
from lapinq_api.serving.listening import listening
from lapinq_api.serving.protocol import HttpProtocol
from lapinq_api.serving.socket_protocol import SocketProtocol
from lapinq_core.runtime.settings import Settings
from tests.support.eventually import eventually

WITHOUT_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients that use no TLS: loading the trusted certificates takes longer than most requests."""


@contextmanager
def serving(app: ASGIApp) -> Generator[httpx.Client]:
    """A client of `app`, whose lifespan lasts as long as the context."""
    config = uvicorn.Config(
        app,
        http=partial(HttpProtocol, limits=ConnectionLimits(_settings_of(app))),  # pyright: ignore[reportArgumentType]  # as the server has it
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws=SocketProtocol,
        ws_max_size=64 * 1024,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    with listening("127.0.0.1", 0) as [listener]:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="server under test")
        thread.start()
        try:
            eventually(lambda: server.started or not thread.is_alive(), timeout=30)
            assert server.started, "the application did not start; its log says why"
            port: int = listener.getsockname()[1]
            address = f"http://127.0.0.1:{port}"
            with httpx.Client(base_url=address, timeout=15, trust_env=False, verify=WITHOUT_TLS) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join(timeout=30)
            assert not thread.is_alive(), "the server did not stop"


def _settings_of(app: ASGIApp) -> Settings:
    shared = getattr(app.state, "shared", None) if isinstance(app, Starlette) else None
    return shared.settings if shared is not None else Settings()
