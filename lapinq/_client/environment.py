"""Where the client finds lapinq unless the program says so: `LAPINQ_URL` and `LAPINQ_API_KEY`."""

from __future__ import annotations

import os

URL, API_KEY = "LAPINQ_URL", "LAPINQ_API_KEY"


class UnlessSet(str):
    """The default of a URL. By its type it differs from the same URL given by the program, which counts."""

    __slots__ = ()


DEFAULT_URL = UnlessSet("http://127.0.0.1:8001")


class EnvironmentKey(str):
    """The environment's key, with the URL of the server that it is for."""

    home: str

    @classmethod
    def made(cls, key: str, home: str) -> EnvironmentKey:
        made = cls(key)
        made.home = home
        return made


def server_address(server_url: str, api_key: str | None) -> tuple[str, str | None]:
    """The server's URL and the key to send.

    The environment's key goes to the environment's server only: to the origin of `LAPINQ_URL`, without that to a server
    on this machine. It never goes to another that only the program names, then or later.

    Raises TypeError if one is no text.
    """
    _check_text("server_url", server_url, f' such as "{DEFAULT_URL}"')
    if api_key is not None:
        _check_text("api_key", api_key)
    named = named_server()
    url = (named or str(server_url)) if isinstance(server_url, UnlessSet) else server_url
    if api_key is None and (given := os.environ.get(API_KEY)):
        if isinstance(server_url, UnlessSet):
            return url, EnvironmentKey.made(given, url)
        from lapinq_core.domain.hosts.origins import is_same_server

        home = named if named is not None and named.startswith("http") else str(DEFAULT_URL)
        return url, EnvironmentKey.made(given, home) if is_same_server(url, home) else None
    return url, api_key


def key_to_send(server_url: str, api_key: str | None) -> str | None:
    """The key for a request to this URL, which may have changed since the key was found."""
    if not isinstance(api_key, EnvironmentKey) or server_url == api_key.home:
        return api_key
    from lapinq_core.domain.hosts.origins import is_same_server

    return api_key if is_same_server(server_url, api_key.home) else None


def named_server() -> str | None:
    """The URL that the environment names: a server's or a database's."""
    return os.environ.get(URL) or None


def _check_text(name: str, value: object, example: str = "") -> None:
    if not isinstance(value, str):  # its type alone is shown: the value may hold a password
        raise TypeError(f"{name} must be a str{example}, not {type(value).__name__}")
