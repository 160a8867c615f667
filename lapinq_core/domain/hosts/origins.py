"""Origins: of web pages that may call the API from a browser, as settings and browsers write them, and of servers."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.hosts.host_names import is_loopback

ANY = "*"


def read_origins(entries: Sequence[str]) -> tuple[str, ...]:
    """The origins in lower case, without the scheme's default port.

    Raises `InvalidValue`, also for `*` next to others: it includes every origin.
    """
    if ANY in entries and len(entries) > 1:
        raise InvalidValue("", "must be either * or origins")
    return tuple(entry if entry == ANY else _read(entry) for entry in entries)


def is_same_server(url: str, other: str) -> bool:
    """Whether two http or https URLs have the same origin, or both lead to this machine."""
    first, second = _origin_of(url), _origin_of(other)
    if first is None or second is None:
        return False
    return first == second or (is_loopback(first[1]) and is_loopback(second[1]))


def _origin_of(url: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _USUAL_PORTS or not parts.hostname:
        return None
    return parts.scheme, parts.hostname, port or int(_USUAL_PORTS[parts.scheme].removeprefix(":"))


def _read(entry: str) -> str:
    origin = entry.lower()
    found = _ORIGIN.fullmatch(origin)
    if found is None or int(found["port"] or 1) not in range(1, 65536):
        raise InvalidValue(
            "", f"must be origins such as https://tasks.example.org:8443, without a path, not {entry!r}"
        )
    return origin.removesuffix(_USUAL_PORTS[found["scheme"]])


_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
)
_USUAL_PORTS = {"http": ":80", "https": ":443"}
