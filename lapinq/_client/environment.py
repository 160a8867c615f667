"""Where the client finds lapinq unless the program says so: `LAPINQ_URL` and `LAPINQ_API_KEY`."""

from __future__ import annotations

import os

URL, API_KEY = "LAPINQ_URL", "LAPINQ_API_KEY"


class UnlessSet(str):
    """The default of a URL. By its type it differs from the same URL given by the program, which counts."""

    __slots__ = ()


DEFAULT_URL = UnlessSet("http://127.0.0.1:8001")


def server_address(server_url: str, api_key: str | None) -> tuple[str, str | None]:
    """The server's URL and the key to send.

    The environment's key goes to the environment's server only, never to one that the program names.
    """
    if not isinstance(server_url, UnlessSet):
        return server_url, api_key
    url = named_server() or str(server_url)
    return url, api_key if api_key is not None else os.environ.get(API_KEY) or None


def named_server() -> str | None:
    """The URL that the environment names: a server's or a database's."""
    return os.environ.get(URL) or None
