"""Where a webhook may be sent: the parts of a URL, and which addresses are private. Pure.

Addresses are checked, not names: `0x7f.1`, `2130706433` and a name that resolves to 127.0.0.1 are all judged by the
resolver's answer. `lapinq_scheduler.webhooks.guarded_network` makes the connection to the checked address.
"""

import re
from base64 import b64encode
from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from urllib.parse import SplitResult, quote, unquote, urlsplit

import msgspec

from lapinq_core.domain.errors import InvalidValue

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_NAME = re.compile(r"[a-z0-9_*-]+(\.[a-z0-9_*-]+)*")

# Beyond what `ipaddress` calls global, which differs among versions of Python.
_NEVER = tuple(
    ip_network(text)
    for text in (
        "192.0.0.0/24",  # protocols, of which some versions of Python call a part global
        "192.88.99.0/24",  # relays of 6to4
        "168.63.129.16/32",  # Azure's host, which looks public and is inside
        "::/96",  # IPv4 written as IPv6, long deprecated
        "64:ff9b:1::/48",  # a translator of one's own
        "100::/64",
        "2001::/23",  # Teredo and other protocols
        "2001:db8::/32",
        "2002::/16",  # 6to4, which wraps IPv4
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")


class Target(msgspec.Struct, frozen=True):
    """The parts of a URL, in ASCII. `path` includes the query; `authorization` is the header for user and password."""

    scheme: str
    host: str
    port: int
    path: str
    authorization: str | None

    @property
    def host_header(self) -> str:
        """The `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port, for which a receiver has its secret."""
        return f"{self.scheme}://{self.host_header}"

    @property
    def audience(self) -> str:
        """Whom a message is for: the URL without user, password and fragment."""
        return self.origin + self.path


class Listed(msgspec.Struct, frozen=True):
    """Targets in a list: patterns of host names, and networks."""

    names: tuple[re.Pattern[str], ...] = ()
    networks: tuple[Network, ...] = ()

    def has(self, host: str, address: str) -> bool:
        """Whether it names `host`, or a network with `address`, one of its addresses."""
        if any(name.fullmatch(host) for name in self.names):
            return True
        plain = _plain(ip_address(address))
        return any(plain in network for network in self.networks)


class Allowed(msgspec.Struct, frozen=True):
    """The targets that may be called: which of the private ones, and which of the public ones, None for all.

    Each list decides about its own kind of address, so neither opens what the other closes.
    """

    private: Listed = Listed()
    public: Listed | None = None

    def admits(self, host: str, address: str) -> bool:
        """Whether `host` may be called at `address`, one of its addresses."""
        if is_private(address):
            return self.private.has(host, address)
        return self.public is None or self.public.has(host, address)


def read_target(url: str) -> Target:
    """The parts of `url`. Raises `InvalidValue` if it cannot be called."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidValue("the URL", "can't be read") from error
    if parts.scheme not in _PORTS or port == 0 or not url.isprintable():
        raise InvalidValue("the URL", "must be an http or https URL")
    path = quote(parts.path or "/", safe="/:@!$&'()*+,;=~-._%")
    if parts.query:
        path += "?" + quote(parts.query, safe="/:@!$&'()*+,;=~-._%?")
    return Target(parts.scheme, _host(parts), port or _PORTS[parts.scheme], path, _authorization(parts))


def read_allowed(private: Iterable[str], public: Iterable[str] = ()) -> Allowed:
    """What the settings allow; without `public`, every public target. Raises `InvalidValue`."""
    listed = read_listed(public)
    return Allowed(read_listed(private), listed if listed != Listed() else None)


def read_listed(entries: Iterable[str]) -> Listed:
    """Host names, in which `*` matches anything, networks and addresses. Raises `InvalidValue`."""
    names: list[re.Pattern[str]] = []
    networks: list[Network] = []
    for entry in entries:
        text = entry.lower().removesuffix(".")
        try:
            networks.append(ip_network(text))
        except ValueError as error:
            # Without a letter it can only be an address, and is a wrong one.
            if not _NAME.fullmatch(text) or not re.search(r"[a-z*]", text):
                raise InvalidValue("", f"{entry!r} is not a host name, address or network") from error
            names.append(re.compile(re.escape(text).replace(r"\*", ".*")))
    return Listed(tuple(names), tuple(networks))


def is_private(address: str) -> bool:
    """Whether `address` is not a public internet address, also if it is wrapped in an IPv6 address."""
    plain = _plain(ip_address(address))
    if plain in _NAT64:
        # How the IPv4 internet is reached from networks that have IPv6 alone.
        return is_private(str(IPv4Address(int(plain) & 0xFFFF_FFFF)))
    return (
        not plain.is_global
        or plain.is_multicast
        or plain.is_reserved
        or any(plain in network for network in _NEVER)
    )


def _plain(address: Address) -> Address:
    """The IPv4 address in `::ffff:…`, which every system treats as that address."""
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").removesuffix(".")
    if ":" in host:
        try:
            return IPv6Address(host).compressed if "%" not in host else _refused()
        except ValueError as error:
            raise InvalidValue("the host", "is not an IPv6 address") from error
    if not host.isascii():
        try:
            host = host.encode("idna").decode().lower().removesuffix(".")
        except UnicodeError as error:
            raise InvalidValue("the host", "is not a host name") from error
    return host if _HOST.fullmatch(host) else _refused()


def _refused() -> str:
    raise InvalidValue("the host", "is not a host name or address")


def _authorization(parts: SplitResult) -> str | None:
    if parts.username is None:
        return None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {b64encode(pair.encode(errors='replace')).decode()}"
