"""The host names that reach the server, as settings name them and requests send them in `Host`."""

import re
from collections.abc import Collection, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from lapinq_core.domain.errors import InvalidValue

_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_HEADER = re.compile(r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[a-z0-9_.-]+))(?::[0-9]*)?")


def read_host_names(entries: Sequence[str]) -> frozenset[str]:
    """The names in lower case, without a trailing dot. Raises `InvalidValue`."""
    return frozenset(map(_read, entries))


def is_sure(header: str, names: Collection[str]) -> bool:
    """Whether the value of `Host` is an address, `localhost` or one of `names`, with or without a port.

    An address cannot be redirected elsewhere; the owner of a name can point it anywhere.
    """
    host = host_of(header)
    return host is not None and (host == "localhost" or host in names or is_address(host))


def host_of(header: str) -> str | None:
    """The name or address in the value of `Host`: in lower case, without port, final dot and brackets. None if it is
    neither."""
    found = _HEADER.fullmatch(header.lower())
    if found is None:
        return None
    if found["v6"] is None:
        return found["name"].removesuffix(".")
    return found["v6"] if isinstance(_address(found["v6"]), IPv6Address) else None


def is_address(host: str) -> bool:
    """Whether it is an IPv4 address, or an IPv6 address without brackets."""
    return _address(host) is not None


def is_loopback(host: str) -> bool:
    """Whether only the same machine can reach a server on `host`. Among names, only localhost is certain."""
    address = _address(host)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return host.lower() == "localhost" if address is None else address.is_loopback


def local_address_of(host: str) -> str:
    """Where a program on the same machine reaches a server that listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # compared, not bound


def _read(entry: str) -> str:
    name = entry.lower().removesuffix(".")
    if not _NAME.fullmatch(name):
        raise InvalidValue(
            "", f"must be host names such as tasks.example.org, without scheme and port, not {entry!r}"
        )
    return name


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
