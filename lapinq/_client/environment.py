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

    The environment's key goes to the environment's server only: to the origin of `LAPINQ_URL`, without that to a server
    on this machine. It never goes to another that only the program names.
    """
    named = named_server()
    url = (named or str(server_url)) if isinstance(server_url, UnlessSet) else server_url
    if api_key is None and (given := os.environ.get(API_KEY)):
        if isinstance(server_url, UnlessSet):
            return url, given
        from lapinq_core.domain.hosts.origins import is_same_server

        home = named if named is not None and named.startswith("http") else str(DEFAULT_URL)
        return url, given if is_same_server(url, home) else None
    return url, api_key


def named_server() -> str | None:
    """The URL that the environment names: a server's or a database's."""
    return os.environ.get(URL) or None
